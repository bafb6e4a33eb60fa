import { type Bytes, hkdfSha256, randomBytes, utf8 } from '@salus/crypto';
import type { WebKey } from './key-value-store.ts';

export const MASTER_BYTES = 32;
const NONCE_BYTES = 12;

/**
 * The keys of a device while it is unlocked. None can be exported; with `wrap` keys are only put away: what unwraps them is
 * made from PIN or passkey at the next unlocking and dropped at once, so that no script of the page can take a key out.
 */
export interface OpenKeys {
  /** AES-256-GCM, encrypts and decrypts what the device keeps. */
  readonly data: WebKey;
  /** AES-256-GCM, wraps only. */
  readonly wrap: WebKey;
  /** HMAC-SHA-256: the names of what is kept tell nothing either. */
  readonly name: WebKey;
}

/** The keys that a master key stands for, and the one that unwraps; the master key is forgotten by whoever calls this. */
export async function openKeysOf(master: Uint8Array): Promise<{ readonly keys: OpenKeys; readonly unwrap: WebKey }> {
  const part = (info: string): Bytes =>
    hkdfSha256(master, new Uint8Array(0), utf8(`salus:web:v1:${info}`), MASTER_BYTES);
  const aes = (bytes: Bytes, usages: ('encrypt' | 'decrypt' | 'wrapKey' | 'unwrapKey')[]): Promise<WebKey> =>
    crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, usages);
  const wrapping = part('wrap');
  const [data, wrap, unwrap, name] = await Promise.all([
    aes(part('data'), ['encrypt', 'decrypt']),
    aes(wrapping, ['wrapKey']),
    aes(wrapping, ['unwrapKey']),
    crypto.subtle.importKey('raw', part('name'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']),
  ]);
  return { keys: { data, wrap, name }, unwrap };
}

/** A nonce and what it sealed, one after the other. */
export interface AesGcm {
  readonly name: 'AES-GCM';
  readonly iv: Bytes;
  readonly additionalData: Bytes;
}

export function newAesGcm(context: string): AesGcm {
  return { name: 'AES-GCM', iv: randomBytes(NONCE_BYTES), additionalData: utf8(context) };
}

export function aesGcmOf(iv: Bytes, context: string): AesGcm {
  return { name: 'AES-GCM', iv, additionalData: utf8(context) };
}
