import { CipherSuite } from 'hpke';
import { type Bytes, findBase64url, fromBase64url, randomBytes, toBase64url, utf8 } from './bytes.ts';
import { canonicalBytes, type Json } from './canonical-json.ts';
import { CryptoError } from './crypto-error.ts';
import { hkdfSha256 } from './hash.ts';
import { aes256Gcm, dhkemP256, hkdfSha256Kdf, type KemKey, privateKemKey, publicKemKey } from './hpke-suite.ts';
import { POINT_BYTES, p256KeyFromScalar, p256KeyFromSeed, publicKeyText, SCALAR_SEED_BYTES } from './p256.ts';
import { DERIVATION_SECRET_BYTES_MIN, isPublicKey, kidOf, parsePublicKey, type WebCryptoKey } from './signature.ts';

/**
 * HPKE (RFC 9180) in mode Base with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM: one message per
 * encapsulation. Whoever seals is not authenticated; callers sign where that matters.
 */
export type SealedEnvelope = {
  readonly version: 'salus:hpke:v1';
  readonly suite: 'P256-HKDF-SHA256-AES256GCM';
  /** `kidOf` the recipient's public key. */
  readonly kid: string;
  /** Encapsulated key, 65 bytes, base64url. */
  readonly enc: string;
  /** Ciphertext and tag, base64url. */
  readonly ciphertext: string;
};

/** The 32 bytes of RFC 9180 §7.1.2 SerializePrivateKey, or a WebCrypto ECDH P-256 key, which may be non-extractable. */
export type HpkePrivateKey = Uint8Array | WebCryptoKey;

export type HpkeKey = { readonly publicKey: string; readonly privateKey: HpkePrivateKey };
export type ExtractableHpkeKey = { readonly publicKey: string; readonly privateKey: Bytes };

export const HPKE_VERSION = 'salus:hpke:v1';
export const HPKE_SUITE = 'P256-HKDF-SHA256-AES256GCM';
/** Envelopes carry keys, tokens and messages; anything larger is an object whose key is in an envelope. */
export const HPKE_PLAINTEXT_BYTES_MAX = 1024 * 1024;

const TAG_BYTES = 16;
const KID_BYTES = 16;
const CIPHERTEXT_TEXT_MAX = Math.ceil(((HPKE_PLAINTEXT_BYTES_MAX + TAG_BYTES) * 4) / 3);
const EMPTY = new Uint8Array(0);
const MEMBERS = ['ciphertext', 'enc', 'kid', 'suite', 'version'];

const suite = new CipherSuite(dhkemP256, hkdfSha256Kdf, aes256Gcm);

/** A fresh key from the platform's secure generator. */
export async function generateHpkeKey(): Promise<ExtractableHpkeKey> {
  const { scalar, point } = p256KeyFromSeed(randomBytes(SCALAR_SEED_BYTES));
  return { publicKey: publicKeyText(point), privateKey: scalar };
}

/**
 * The key that `secret` (≥ 16 bytes, else `bad-argument`) and `info` always give: DeriveKeyPair of RFC 9180 §7.1.3 over
 * 32 bytes of HKDF-SHA-256.
 */
export async function deriveHpkeKey(secret: Uint8Array, info: string): Promise<ExtractableHpkeKey> {
  if (secret.length < DERIVATION_SECRET_BYTES_MIN) {
    throw new CryptoError('bad-argument', `a derivation secret has at least ${DERIVATION_SECRET_BYTES_MIN} bytes`);
  }
  const ikm = hkdfSha256(secret, EMPTY, utf8(`salus:hpke-key:v1:${info}`), 32);
  const pair = await suite.DeriveKeyPair(ikm, true);
  const { scalar, point } = p256KeyFromScalar(await suite.SerializePrivateKey(pair.privateKey));
  return { publicKey: publicKeyText(point), privateKey: scalar };
}

export type SealInput = {
  readonly publicKey: string;
  /** What the envelope is for; opening demands the same: info = canonical(info). */
  readonly info: readonly Json[];
  readonly aad?: Uint8Array;
  readonly plaintext: Uint8Array;
};

/** Seals to one public key. Throws `bad-key` when it is no point on P-256, `too-large` beyond 1 MiB. */
export async function sealHpke(input: SealInput): Promise<SealedEnvelope> {
  if (input.plaintext.length > HPKE_PLAINTEXT_BYTES_MAX) {
    throw new CryptoError('too-large', `an envelope holds at most ${HPKE_PLAINTEXT_BYTES_MAX} bytes`);
  }
  const recipient = importPublicKey(input.publicKey);
  const { encapsulatedSecret, ciphertext } = await suite.Seal(recipient, input.plaintext, {
    info: canonicalBytes(input.info),
    aad: input.aad ?? EMPTY,
  });
  return {
    version: HPKE_VERSION,
    suite: HPKE_SUITE,
    kid: kidOf(input.publicKey),
    enc: toBase64url(encapsulatedSecret),
    ciphertext: toBase64url(ciphertext),
  };
}

export type OpenInput = HpkeKey & {
  readonly info: readonly Json[];
  readonly aad?: Uint8Array;
  readonly envelope: SealedEnvelope;
};

/**
 * Opens an envelope. Throws `bad-format` for another version, suite or layout, `bad-key` for a malformed own key, and
 * `decryption-failed` for another recipient, info or aad, or changed bytes.
 */
export async function openHpke(input: OpenInput): Promise<Bytes> {
  const envelope = parseSealedEnvelope(input.envelope);
  if (envelope.kid !== kidOf(input.publicKey)) {
    throw new CryptoError('decryption-failed', 'the envelope is sealed to another key');
  }
  const privateKey = importPrivateKey(input.privateKey);
  const publicKey = importPublicKey(input.publicKey);
  try {
    const plaintext = await suite.Open(
      { privateKey, publicKey },
      fromBase64url(envelope.enc),
      fromBase64url(envelope.ciphertext),
      { info: canonicalBytes(input.info), aad: input.aad ?? EMPTY },
    );
    return new Uint8Array(plaintext);
  } catch (cause) {
    throw new CryptoError('decryption-failed', 'the envelope does not open with this key, info and aad', { cause });
  }
}

/** An untrusted value as an envelope: exactly the known members, each of its shape; else `bad-format`. Opens nothing. */
export function parseSealedEnvelope(value: Json): SealedEnvelope {
  const envelope = isObject(value) ? value : {};
  const { ciphertext } = envelope;
  const wellFormed =
    Object.keys(envelope).sort().join() === MEMBERS.join() &&
    envelope.version === HPKE_VERSION &&
    envelope.suite === HPKE_SUITE &&
    findBase64url(envelope.kid, KID_BYTES) !== undefined &&
    findBase64url(envelope.enc, POINT_BYTES)?.[0] === 4 &&
    typeof ciphertext === 'string' &&
    ciphertext.length <= CIPHERTEXT_TEXT_MAX &&
    findBase64url(ciphertext, Math.floor((ciphertext.length * 3) / 4)) !== undefined;
  if (!wellFormed) throw new CryptoError('bad-format', 'expected an HPKE envelope of a known version and suite');
  return value as SealedEnvelope;
}

function importPublicKey(publicKey: string): KemKey {
  // The verifier cache knows most recipients' points to be on the curve.
  if (!isPublicKey(publicKey)) throw new CryptoError('bad-key', 'an HPKE public key is a point on P-256');
  return publicKemKey(parsePublicKey(publicKey));
}

function importPrivateKey(privateKey: HpkePrivateKey): KemKey {
  return privateKemKey(privateKey instanceof Uint8Array ? p256KeyFromScalar(privateKey).scalar : privateKey);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
