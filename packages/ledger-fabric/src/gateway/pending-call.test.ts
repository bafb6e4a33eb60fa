import type { JsonObject, SignedCall } from '@salus/contracts';
import { callId, newNonce, privateHash, signCall } from '@salus/crypto';
import { newId, newKey, newPatient } from '@salus/ledger/consortium';
import { describe, expect, it } from 'vitest';
import { prepareCall } from './pending-call.ts';

async function signed(given: { contract?: string; transaction?: string; args?: JsonObject; signer?: string } = {}) {
  const payload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network: newId(),
    contract: 'patient',
    transaction: 'register',
    args: {},
    signer: `id:${newId()}`,
    nonce: newNonce(),
    notAfter: 1_000,
    ...given,
  } as const;
  return (await signCall(payload as never, newKey())) as unknown as SignedCall;
}

function tagsOf(call: SignedCall): readonly string[] {
  const prepared = prepareCall(call, undefined);
  if ('kind' in prepared) throw new Error(prepared.code);
  return [...prepared.tags].sort();
}

describe('preparing a call', () => {
  it('copies it, and names it by the hash of its payload', async () => {
    const call = await signed();
    const prepared = prepareCall(call, undefined);
    expect(prepared).toMatchObject({ call, callId: callId(call.payload as never), privateBytes: 0 });
    if ('kind' in prepared) throw new Error(prepared.code);
    expect(prepared.call).not.toBe(call);
    expect(prepared.sizeBytes).toBeGreaterThan(JSON.stringify(call).length);
  });

  it('refuses what is no call with the code of the contracts and without an id', () => {
    for (const value of [null, 7, [], {}, { payload: {}, signature: '' }, new Date()]) {
      expect(prepareCall(value, undefined)).toMatchObject({ kind: 'refused', callId: null, code: 'call-malformed' });
    }
  });

  it('refuses private arguments that cannot travel', async () => {
    const call = await signed();
    const id = callId(call.payload as never);
    const odd = { salt: '', values: { at: new Date() } } as never;
    expect(prepareCall(call, odd)).toEqual({ kind: 'refused', callId: id, code: 'call-malformed', detail: 'private' });
    for (const other of [null, 7, []]) {
      expect(prepareCall(call, other as never)).toMatchObject({ code: 'call-malformed', detail: 'private' });
    }
    const large = { salt: '', values: { text: 'x'.repeat(1024 * 1024) } };
    expect(prepareCall(call, large)).toEqual({ kind: 'refused', callId: id, code: 'too-large', detail: 'private' });
  });

  it('tells submissions apart that differ in signature or private values', async () => {
    const call = await signed();
    const values = { text: 'a' };
    const args = { salt: privateHash('', values), values };
    const samenesses = [
      prepareCall(call, undefined),
      prepareCall(call, args),
      prepareCall(call, { ...args, values: { text: 'b' } }),
      prepareCall({ ...call, signature: (await signed()).signature }, undefined),
    ].map((prepared) => ('kind' in prepared ? '' : prepared.sameness));
    expect(new Set(samenesses).size).toBe(4);
    expect(prepareCall(structuredClone(call), structuredClone(args))).toMatchObject({ sameness: samenesses[1] });
  });
});

describe('what calls may both write', () => {
  it('are the ids and hashes in the arguments, and the pid that signs', async () => {
    const { pid, device } = newPatient();
    const [grant, leaf] = [newId(), 'A'.repeat(43)];
    const args = { grant, deep: [{ leaf, text: 'short', count: 1 }] };
    expect(tagsOf(await signed({ args }))).toEqual([grant, leaf].sort());
    expect(tagsOf(await signed({ contract: 'consent', args: { grant }, signer: device.signer }))).toEqual(
      [grant, pid].sort(),
    );
    expect(tagsOf(await signed({ signer: `claim:${pid}` }))).toEqual([pid]);
  });

  it('are all of the membership, and one fact of an organisation’s log for each signer', async () => {
    expect(tagsOf(await signed({ contract: 'membership', transaction: 'vote' }))).toEqual(['membership']);
    const signer = `id:${newId()}`;
    expect(tagsOf(await signed({ contract: 'access', transaction: 'checkpoint', signer }))).toEqual([
      `access.checkpoint ${signer}`,
    ]);
    expect(tagsOf(await signed({ signer }))).toEqual([]);
  });
});
