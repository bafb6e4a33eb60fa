import { describe, expect, it } from 'vitest';
import { fromBase64url, toBase64url, utf8 } from './bytes.ts';
import { canonical, type Json } from './canonical-json.ts';
import { hashTuple, sha256 } from './hash.ts';
import { generateSigningKeySync, kidOf, signerFromPkcs8 } from './signature.ts';
import {
  type CallPayload,
  callId,
  callText,
  newNonce,
  parseSignedCall,
  privateHash,
  signCall,
  verifyCall,
} from './signed-call.ts';

const key = generateSigningKeySync();
const signer = signerFromPkcs8(key.privateKey);

function payloadOf(changes: Partial<CallPayload> = {}): CallPayload {
  return {
    version: 'salus:call:v1',
    alg: 'ES256',
    network: newNonce(),
    contract: 'record',
    transaction: 'commit',
    args: { batches: [{ count: 1, owner: `pid:${newNonce()}` }] },
    signer: `id:${newNonce()}`,
    nonce: newNonce(),
    notAfter: 1_700_000_000_000,
    ...changes,
  };
}

describe('a signed call', () => {
  it('has the SHA-256 of its canonical payload as id, whatever the order of members and the signature', async () => {
    const payload = payloadOf({ privateHash: privateHash(newNonce(), { a: 1 }) });
    const shuffled = Object.fromEntries(Object.entries(payload).reverse()) as CallPayload;
    expect(callId(payload)).toBe(toBase64url(sha256(utf8(canonical(payload as Json)))));
    expect(callId(shuffled)).toBe(callId(payload));
    expect(callText(shuffled)).toBe(callText(payload));
    expect(callId((await signCall(payload, signer)).payload)).toBe(callId(payload));
    expect(callId(payloadOf())).not.toBe(callId(payloadOf()));
  });

  it('verifies under the key that signed it, also after a trip as JSON, and under no other', async () => {
    const call = await signCall(payloadOf(), signer);
    expect(verifyCall(call, key.publicKey)).toBe(true);
    expect(verifyCall(parseSignedCall(JSON.parse(JSON.stringify(call)) as Json), key.publicKey)).toBe(true);
    expect(verifyCall(call, generateSigningKeySync().publicKey)).toBe(false);
  });

  it('verifies no more when any member is changed, added or removed', async () => {
    const payload = payloadOf({ onBehalfOf: null, privateHash: privateHash(newNonce(), {}) });
    const call = await signCall(payload, signer);
    for (const member of Object.keys(payload)) {
      const { [member as keyof CallPayload]: _removed, ...rest } = payload;
      expect(verifyCall({ ...call, payload: rest as CallPayload }, key.publicKey), `without ${member}`).toBe(false);
      const changed = { ...payload, [member]: 'changed' } as unknown as CallPayload;
      expect(verifyCall({ ...call, payload: changed }, key.publicKey), `changed ${member}`).toBe(false);
    }
    const added = { ...payload, extra: 1 } as CallPayload;
    expect(verifyCall({ ...call, payload: added }, key.publicKey)).toBe(false);
  });

  it('of a device verifies only under the key whose kid it names', async () => {
    const own = await signCall(payloadOf({ signer: `pid:${newNonce()}/${kidOf(key.publicKey)}` }), signer);
    const foreign = await signCall(payloadOf({ signer: `pid:${newNonce()}/${newNonce()}` }), signer);
    expect(verifyCall(own, key.publicKey)).toBe(true);
    expect(verifyCall(foreign, key.publicKey)).toBe(false);
  });

  it('with a version or algorithm of another kind verifies never, though well signed', async () => {
    for (const change of [{ version: 'salus:call:v2' }, { alg: 'none' }]) {
      const call = await signCall(payloadOf(change as unknown as Partial<CallPayload>), signer);
      expect(verifyCall(call, key.publicKey)).toBe(false);
    }
  });

  it('with a malformed signature or a payload without canonical form verifies never', async () => {
    const call = await signCall(payloadOf(), signer);
    for (const signature of ['', `${call.signature}=`, call.signature.slice(1), toBase64url(new Uint8Array(64))]) {
      expect(verifyCall({ ...call, signature }, key.publicKey)).toBe(false);
    }
    const payload = { ...call.payload, args: { value: Number.NaN } };
    expect(verifyCall({ ...call, payload }, key.publicKey)).toBe(false);
  });
});

describe('parseSignedCall', () => {
  const signed = signCall(payloadOf({ privateHash: privateHash(newNonce(), {}), onBehalfOf: { a: 1 } }), signer);

  it.each([`id:${newNonce()}`, `claim:${newNonce()}`, `recovery:${newNonce()}`, `pid:${newNonce()}/${newNonce()}`])(
    'accepts the signer %s',
    async (name) => {
      const call = await signCall(payloadOf({ signer: name, notAfter: null }), signer);
      expect(parseSignedCall(call as unknown as Json)).toEqual(call);
    },
  );

  it.each<[string, { readonly [key: string]: Json }]>([
    ['version', { version: 'salus:call:v2' }],
    ['algorithm', { alg: 'HS256' }],
    ['network', { network: 'short' }],
    ['contract', { contract: 'a.b' }],
    ['transaction', { transaction: '' }],
    ['arguments', { args: [] }],
    ['private hash', { privateHash: 'x' }],
    ['signer', { signer: `pid:${newNonce()}` }],
    ['signer kind', { signer: `root:${newNonce()}` }],
    ['nonce', { nonce: 'x' }],
    ['negative time', { notAfter: -1 }],
    ['fractional time', { notAfter: 0.5 }],
    ['unknown member', { extra: 1 }],
  ])('refuses a wrong %s', async (_what, change) => {
    const call = await signed;
    const value = { ...call, payload: { ...call.payload, ...change } } as unknown as Json;
    expect(() => parseSignedCall(value)).toThrow(expect.objectContaining({ code: 'bad-call' }));
  });

  it('refuses what is not a call at all, and a call that lacks any required member', async () => {
    const call = await signed;
    const values: unknown[] = [
      null,
      [],
      'call',
      {},
      { payload: call.payload },
      { ...call, extra: 1 },
      { ...call, payload: [] },
    ];
    for (const member of Object.keys(call.payload).filter((name) => name !== 'onBehalfOf' && name !== 'privateHash')) {
      const { [member as keyof CallPayload]: _removed, ...payload } = call.payload;
      values.push({ ...call, payload });
    }
    expect(values).toHaveLength(16);
    for (const value of values) {
      expect(() => parseSignedCall(value as Json)).toThrow(expect.objectContaining({ code: 'bad-call' }));
    }
  });
});

describe('private arguments', () => {
  it('are committed to by a salted tuple hash', () => {
    const salt = newNonce();
    expect(privateHash(salt, { b: 1, a: 2 })).toBe(hashTuple('private', salt, { a: 2, b: 1 }));
    expect(privateHash(newNonce(), { b: 1, a: 2 })).not.toBe(privateHash(salt, { b: 1, a: 2 }));
  });

  it('and calls draw nonces of 128 bits', () => {
    const nonces = new Set(Array.from({ length: 100 }, newNonce));
    expect(nonces.size).toBe(100);
    for (const nonce of nonces) expect(fromBase64url(nonce)).toHaveLength(16);
  });
});
