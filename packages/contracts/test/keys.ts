import {
  deriveSigningKey,
  hashTuple,
  kidOf,
  type SyncSigner,
  sha256,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';

export type TestKey = {
  readonly publicKey: string;
  readonly kid: string;
  readonly privateKey: Uint8Array;
  readonly signer: SyncSigner;
};

const keys = new Map<string, TestKey>();
const SECRET = sha256(utf8('keys of the contract tests'));

/** The same key for the same label in every run: tests have no randomness. */
export function testKey(label: string): TestKey {
  const known = keys.get(label);
  if (known !== undefined) return known;
  const { publicKey, privateKey } = deriveSigningKey(SECRET, label);
  const key = { publicKey, kid: kidOf(publicKey), privateKey, signer: signerFromPkcs8(privateKey) };
  keys.set(label, key);
  return key;
}

/** ES256 over the UTF-8 of `message`. */
export function sign(key: TestKey, message: string): string {
  return toBase64url(key.signer.signSync(utf8(message)));
}

/** 22 characters that only depend on the label. */
export function testId(label: string): string {
  return toBase64url(sha256(utf8(`id ${label}`)).subarray(0, 16));
}

/** 43 characters that only depend on the label. */
export function testHash(label: string): string {
  return hashTuple('test', label);
}
