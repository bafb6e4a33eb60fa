import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, firstWritten } from '../../../test/admitted.ts';
import { openTestServer, type TestPatient, type TestServer } from '../../../test/hospital.ts';
import { findProofFault } from '../../../test/proof-verifier.ts';

const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let patient: TestPatient;
let observation: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const admitted = await admitPatient(server, 'hospital-a');
  patient = admitted;
  observation = firstWritten(admitted, 'Observation');
});
afterAll(() => server[Symbol.asyncDispose]());

const read = async () => {
  const answer = await server.send('GET', `${BASE}/${observation}/$proof`, { token: patient.token });
  expect(answer.status, answer.text).toBe(200);
  return { proof: answer.json, checkpoint: await server.node.ledger.checkpoint() };
};

describe('$proof', () => {
  it('lets a stranger with a checkpoint verify that the ledger holds the record', async () => {
    const { proof, checkpoint } = await read();
    expect(findProofFault(proof, checkpoint)).toBeUndefined();
    const shown = await server.send('GET', `${BASE}/${observation}`, { token: patient.token });
    expect(JSON.parse(proof.record.plaintext)).toEqual(shown.json);
  });

  it('is the proof of the version that is asked for', async () => {
    const answer = await server.send('GET', `${BASE}/${observation}/_history/1/$proof`, { token: patient.token });
    expect(answer.json.resource).toBe(`${observation}/_history/1`);
    const none = await server.send('GET', `${BASE}/${observation}/_history/2/$proof`, { token: patient.token });
    expect(none.status).toBe(404);
  });

  it('is refused when one byte of it is changed, wherever', async () => {
    const { proof, checkpoint } = await read();
    let tried = 0;
    for (const path of leavesOf(proof)) {
      // Who vouches for the checkpoint is what the stranger knows already.
      if (path[0] === 'checkpoint' && !['number', 'hash'].includes(String(path[1]))) continue;
      const changed = structuredClone(proof);
      change(changed, path);
      expect(findProofFault(changed, checkpoint), path.join('.')).toBeDefined();
      tried += 1;
    }
    expect(tried).toBeGreaterThan(40);
  });

  it('is refused under the checkpoint of another ledger', async () => {
    const { proof, checkpoint } = await read();
    const [first = ''] = checkpoint.hash;
    const other = { ...checkpoint, hash: `${first === 'A' ? 'B' : 'A'}${checkpoint.hash.slice(1)}` };
    expect(findProofFault(proof, other)).toBe('checkpoint');
  });

  it('is given to nobody who may not read the record', async () => {
    const stranger = await server.logIn('a.mehta');
    const refused = await server.send('GET', `${BASE}/${observation}/$proof`, { token: stranger });
    expect(refused.status).toBe(403);
    expect(refused.text).not.toContain('salt');
    expect((await server.send('GET', `${BASE}/${observation}/$proof`)).status).toBe(401);
    expect((await server.send('GET', `${BASE}/Observation/none/$proof`, { token: patient.token })).status).toBe(404);
  });
});

type Path = readonly (string | number)[];

/** Paths to every string and number. */
function leavesOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value === 'string' || typeof value === 'number') return value === '' ? [] : [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) =>
    leavesOf(child, [...path, Array.isArray(value) ? Number(name) : name]),
  );
}

function change(root: Record<string | number, unknown>, path: Path): void {
  const holder = path.slice(0, -1).reduce((at, name) => at[name] as Record<string | number, unknown>, root);
  const name = path.at(-1)!;
  const old = holder[name];
  if (typeof old === 'number') holder[name] = old + 1;
  else if (typeof old === 'string') holder[name] = `${old[0] === 'x' ? 'y' : 'x'}${old.slice(1)}`;
}
