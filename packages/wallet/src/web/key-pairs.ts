import { type Bytes, fromBase64url, toBase64url } from '@salus/crypto';
import { WalletError } from '../wallet-error.ts';
import type { WebKey } from './key-value-store.ts';
import { aesGcmOf, newAesGcm, type OpenKeys } from './open-keys.ts';

/** ECDSA signs calls, ECDH opens what is sealed to the device (HPKE). */
export type KeyUse = 'sign' | 'open';

/** A key pair of P-256 whose private half WebCrypto gives out to nobody. */
export interface WebKeyPair {
  /** base64url of the uncompressed point. */
  readonly publicKey: string;
  readonly privateKey: WebKey;
}

/** A private key as it lies at rest: PKCS #8, wrapped by AES-256-GCM under a key that the lock makes. */
export interface WrappedKeyPair {
  readonly iv: Bytes;
  readonly wrapped: Bytes;
}

const CONTEXT = 'salus:web-key:v1';
const EXPLAINED = {
  sign: { algorithm: { name: 'ECDSA', namedCurve: 'P-256' }, usages: ['sign'] },
  open: { algorithm: { name: 'ECDH', namedCurve: 'P-256' }, usages: ['deriveBits'] },
} as const;

interface MadeKeyPair {
  readonly pair: WebKeyPair;
  readonly kept: WrappedKeyPair;
}

/** Draws a key pair. Its private half is never bytes that a script could read: it is wrapped and unwrapped inside WebCrypto. */
export async function drawKeyPair(use: KeyUse, keys: OpenKeys): Promise<MadeKeyPair> {
  const { algorithm, usages } = EXPLAINED[use];
  const drawn = (await crypto.subtle.generateKey(algorithm, true, [...usages])) as {
    readonly publicKey: WebKey;
    readonly privateKey: WebKey;
  };
  const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey('raw', drawn.publicKey)));
  return putAway(use, { publicKey, privateKey: drawn.privateKey }, keys);
}

/** Takes a key over that exists as a JWK (a wallet file's, a demonstration's). @throws WalletError `bad-wallet` */
export async function takeKeyPair(
  use: KeyUse,
  { publicKey, privateScalar }: { readonly publicKey: string; readonly privateScalar: string },
  keys: OpenKeys,
): Promise<MadeKeyPair> {
  const { algorithm, usages } = EXPLAINED[use];
  const { x, y } = coordinatesOf(publicKey);
  const jwk = { kty: 'EC', crv: 'P-256', x, y, d: privateScalar };
  let privateKey: WebKey;
  try {
    privateKey = await crypto.subtle.importKey('jwk', jwk, algorithm, true, [...usages]);
  } catch (cause) {
    throw new WalletError('bad-wallet', 'The wallet holds no key of P-256.', { cause });
  }
  return putAway(use, { publicKey, privateKey }, keys);
}

/** @throws WalletError `bad-wallet` where it was changed, is of another lock, or was wrapped for another use or public key */
export async function unwrapKeyPair(
  { use, publicKey }: { readonly use: KeyUse; readonly publicKey: string },
  { iv, wrapped }: WrappedKeyPair,
  unwrap: WebKey,
): Promise<WebKeyPair> {
  const { algorithm, usages } = EXPLAINED[use];
  const how = aesGcmOf(iv, contextOf(use, publicKey));
  try {
    const privateKey = await crypto.subtle.unwrapKey('pkcs8', wrapped, unwrap, how, algorithm, false, [...usages]);
    return { publicKey, privateKey };
  } catch (cause) {
    throw new WalletError('bad-wallet', 'A key of this device was changed, or is of another wallet.', { cause });
  }
}

/** WebCrypto makes no key less extractable than it is but by wrapping it: with a key that nobody else ever holds. */
async function putAway(use: KeyUse, extractable: WebKeyPair, keys: OpenKeys): Promise<MadeKeyPair> {
  const { publicKey } = extractable;
  const how = newAesGcm(contextOf(use, publicKey));
  const [wrapped, once] = await Promise.all([
    crypto.subtle.wrapKey('pkcs8', extractable.privateKey, keys.wrap, how),
    crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['wrapKey', 'unwrapKey']) as Promise<WebKey>,
  ]);
  const passing = newAesGcm(contextOf(use, publicKey));
  const passed = new Uint8Array(await crypto.subtle.wrapKey('pkcs8', extractable.privateKey, once, passing));
  const pair = await unwrapKeyPair({ use, publicKey }, { iv: passing.iv, wrapped: passed }, once);
  return { pair, kept: { iv: how.iv, wrapped: new Uint8Array(wrapped) } };
}

function contextOf(use: KeyUse, publicKey: string): string {
  return `${CONTEXT}:${use}:${publicKey}`;
}

/** Of an uncompressed point, 0x04 ‖ x ‖ y (SEC 1 §2.3.3), as a JWK has them. */
function coordinatesOf(publicKey: string): { readonly x: string; readonly y: string } {
  const point = pointOf(publicKey);
  return { x: toBase64url(point.subarray(1, 33)), y: toBase64url(point.subarray(33)) };
}

const POINT_BYTES = 65;

function pointOf(publicKey: string): Uint8Array {
  try {
    const point = fromBase64url(publicKey);
    if (point.length === POINT_BYTES && point[0] === 4) return point;
  } catch (cause) {
    throw new WalletError('bad-wallet', 'The wallet holds no key of P-256.', { cause });
  }
  throw new WalletError('bad-wallet', 'The wallet holds no key of P-256.');
}
