import { describe, expect, it, vi } from 'vitest';

// The whole package as a browser gets it, beside the same package on Node's primitives.
vi.mock('#primitives', () => import('./primitives.web.ts'));
const web = await import('./index.ts');
vi.doUnmock('#primitives');
vi.resetModules();
const node = await import('./index.ts');

const context = ['salus:test:v1', 1] as const;
const pairs = [
  ['browser', 'Node', web, node],
  ['Node', 'browser', node, web],
] as const;

it('compares the two platforms: signatures of the browser are deterministic (RFC 6979), of Node randomised', () => {
  const { privateKey } = node.generateSigningKeySync();
  const isRepeated = ({ signerFromPkcs8, equalBytes }: typeof node): boolean => {
    const signer = signerFromPkcs8(privateKey);
    return equalBytes(signer.signSync(privateKey), signer.signSync(privateKey));
  };
  expect([isRepeated(web), isRepeated(node)]).toEqual([true, false]);
});

describe.each(pairs)('what the %s makes, the %s reads', (_maker, _reader, maker, reader) => {
  it('text and hashes', () => {
    const bytes = maker.randomBytes(100);
    expect(reader.fromBase64url(maker.toBase64url(bytes))).toEqual(bytes);
    expect(reader.hashTuple('x', 'é', 1, null)).toBe(maker.hashTuple('x', 'é', 1, null));
    const leaves = [1, 2, 3].map((each) => maker.leafHash(Uint8Array.of(each)));
    expect(reader.merkleRoot(leaves)).toEqual(maker.merkleRoot(leaves));
    const okm = maker.hkdfSha256(bytes, bytes, bytes, 99);
    expect(reader.hkdfSha256(bytes, bytes, bytes, 99)).toEqual(okm);
  });

  it('keys, derived and drawn, and signed calls', async () => {
    const secret = maker.randomBytes(32);
    expect(reader.deriveSigningKey(secret, 'a')).toEqual(maker.deriveSigningKey(secret, 'a'));
    const key = await maker.generateSigningKey();
    const signer = maker.signerFromPkcs8(key.privateKey);
    expect(reader.signerFromPkcs8(key.privateKey).publicKey).toBe(signer.publicKey);
    const call = await maker.signCall(
      {
        version: 'salus:call:v1',
        alg: 'ES256',
        network: maker.newNonce(),
        contract: 'consent',
        transaction: 'revoke',
        args: { text: 'é' },
        signer: `pid:${maker.newNonce()}/${maker.kidOf(key.publicKey)}`,
        nonce: maker.newNonce(),
        notAfter: null,
      },
      signer,
    );
    expect(reader.callId(call.payload)).toBe(maker.callId(call.payload));
    expect(reader.verifyCall(call, key.publicKey)).toBe(true);
    const other = reader.generateSigningKeySync().publicKey;
    expect(reader.verifyCall(call, other)).toBe(false);
  });

  it('objects, wrapped keys, attachments, envelopes and password boxes', async () => {
    const key = maker.randomBytes(32);
    const plaintext = maker.randomBytes(3000);
    expect(reader.openObject(key, maker.sealObject(key, plaintext, context), context)).toEqual(plaintext);
    expect(reader.unwrapKey(key, maker.wrapKey(key, key, context), context)).toEqual(key);
    const opened: Uint8Array[] = [];
    const source = maker.sealChunks({ key, context, source: [plaintext] });
    for await (const chunk of reader.openChunks({ key, context, source })) opened.push(chunk);
    expect(opened).toEqual([plaintext]);
    const hpke = await maker.deriveHpkeKey(key, 'a');
    expect(await reader.deriveHpkeKey(key, 'a')).toEqual(hpke);
    const envelope = await maker.sealHpke({ publicKey: hpke.publicKey, info: context, plaintext });
    expect(await reader.openHpke({ ...hpke, info: context, envelope })).toEqual(plaintext);
    const box = await maker.sealPasswordBox('passphrase', plaintext, maker.PASSWORD_COST_MIN);
    expect(await reader.openPasswordBox('passphrase', box)).toEqual(plaintext);
  });

  it('certificates', async () => {
    const nowMs = Date.UTC(2026, 10, 21);
    const ca = await maker.createCa({ organisation: 'hospital-a', nowMs, validDays: 10 });
    const { publicKey } = maker.generateSigningKeySync();
    const certificate = await maker.issueCertificate({
      ca,
      publicKey,
      id: maker.newNonce(),
      organisation: 'hospital-a',
      kind: 'node',
      roles: [],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 1000,
    });
    const input = { certificate, roots: [ca.certificate], atMs: nowMs };
    expect(await reader.verifyCertificate(input)).toEqual(await maker.verifyCertificate(input));
    expect(await reader.verifyCertificate(input)).toMatchObject({ publicKey });
  });
});

describe('refusals in the browser', () => {
  it('have the same codes as in Node', async () => {
    const [key, other] = [web.randomBytes(32), web.randomBytes(32)];
    const sealed = web.sealObject(key, key, context);
    const refusals = [web, node].map((platform) => [
      codeOf(() => platform.openObject(other, sealed, context)),
      codeOf(() => platform.openObject(key, sealed.subarray(1), context)),
      codeOf(() => platform.fromBase64url('Zh')),
      codeOf(() => platform.signerFromPkcs8(sealed)),
      codeOf(() => platform.parseJson('{"a":1,"a":1}')),
      platform.verifyEs256(platform.toBase64url(sealed), key, new Uint8Array(64)),
    ]);
    expect(refusals[0]).toEqual(['decryption-failed', 'bad-format', 'bad-encoding', 'bad-key', 'bad-json', false]);
    expect(refusals[1]).toEqual(refusals[0]);
  });
});

function codeOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
