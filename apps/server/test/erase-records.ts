import { deviceSigner, prepareCall } from '@salus/wallet';
import { bodyOf, type TestPatient, type TestServer } from './hospital.ts';

/** The patient's device orders the erasure of records of theirs, `<type>/<id>` each, with all versions. */
export async function eraseRecords(
  server: TestServer,
  { organisation, token, wallet, pid }: TestPatient,
  places: readonly string[],
): Promise<void> {
  const base = `/api/v1/orgs/${organisation}`;
  const { rows } = server.node.organisations.get(organisation)!.vault;
  const leaves: unknown[] = [];
  for (const place of places) {
    const [type = '', id = ''] = place.split('/');
    const record = await rows.findResource(type, id);
    if (record === undefined) throw new Error(`there is no ${place}`);
    const { json } = await server.send('GET', `${base}/patient/records/${record.recordId}/leaves`, { token });
    leaves.push(...(json.leaves as { version: number }[]).map(({ version: _version, ...leaf }) => leaf));
  }
  const { signer, key } = await deviceSigner(wallet, pid);
  const content = { contract: 'record', transaction: 'erase', args: { leaves } as never, signer };
  const call = await prepareCall(server.occasion(), content, key);
  const erased = await server.send('POST', `${base}/calls`, { body: bodyOf(call) });
  if (erased.status !== 200) throw new Error(erased.text);
}
