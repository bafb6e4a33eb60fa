import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import {
  canonical,
  canonicalBytes,
  fromBase64url,
  fromUtf8,
  hkdfSha256,
  type Json,
  randomBytes,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { textHmac } from '@salus/crypto/node';
import { BoundedCache } from './bounded-cache.ts';
import { RecordsError } from './records-error.ts';

export const MASTER_KEY_BYTES = 32;
/** 128 bits: tokens are compared, never opened. */
const TOKEN_BYTES = 16;
const FORMAT_V1 = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES;
/** Tokens kept at hand. */
const TOKENS_CACHE_MAX = 20_000;
/** Uses whose parts come again and again: every read names its patient and its reader. */
const RECURRING: ReadonlySet<TokenUse> = new Set(['actor', 'owner', 'pid', 'request']);

/** What a sub-key is for. One AES-GCM key with random nonces serves at most 2^32 messages: each use has its own. */
export type SealUse =
  | 'artifact'
  | 'audit-event'
  | 'batch'
  | 'bundle'
  | 'care-relationship'
  | 'data-key'
  | 'delivery'
  | 'denial'
  | 'document'
  | 'envelope'
  | 'epoch'
  | 'foreign-link'
  | 'foreign-resource'
  | 'grant-token'
  | 'held-message'
  | 'identifier'
  | 'known-grant'
  | 'master-check'
  | 'notification'
  | 'operation-page'
  | 'patient'
  | 'practitioner-link'
  | 'private-key'
  | 'record'
  | 'request'
  | 'search-cursor'
  | 'session'
  | 'wallet-backup';

export type TokenUse =
  | 'actor'
  | 'artifact'
  | 'bundle'
  | 'document'
  | 'foreign'
  | 'grant'
  | 'identifier'
  | 'owner'
  | 'pid'
  | 'recipient'
  | 'request'
  | 'resource'
  | 'search'
  | 'search-shard';

/**
 * What the organisation's master key does: it seals what lies at rest and turns identifiers into lookup tokens.
 * Bytes sealed for one use and context open for no other.
 */
export interface MasterKey {
  /** `context` binds the place (row key), so that sealed values cannot be swapped between rows. */
  seal(use: SealUse, context: Json, plaintext: Uint8Array): Uint8Array;
  /** Changed bytes, another place or another key throw `corrupt`. */
  open(use: SealUse, context: Json, sealed: Uint8Array): Uint8Array;
  sealJson(use: SealUse, context: Json, value: Json): Uint8Array;
  openJson(use: SealUse, context: Json, sealed: Uint8Array): Json;
  /** HMAC of the parts, 22 characters: equal parts give equal tokens, nothing else can be told without the key. */
  token(use: TokenUse, ...parts: readonly string[]): string;
  /** As `token`, of one text and as 16 bytes: for the rows of an index, of which there are many. */
  tokenBytes(use: TokenUse, text: string): Uint8Array;
}

/** Sub-keys of one organisation on one network. A key of another length throws `master-key`. */
export function createMasterKey(
  key: Uint8Array,
  place: { readonly network: string; readonly organisation: string },
): MasterKey {
  if (key.length !== MASTER_KEY_BYTES)
    throw new RecordsError('master-key', `a master key has ${MASTER_KEY_BYTES} bytes`);
  const root = key.slice();
  const salt = fromBase64url(place.network);
  const subKey = (name: string): Uint8Array => {
    const info = canonicalBytes(['salus:master:v1', place.organisation, name]);
    return hkdfSha256(root, salt, info, MASTER_KEY_BYTES);
  };
  const sealing = derivedOnce<SealUse, KeyObject>((use) => createSecretKey(subKey(`seal/${use}`)));
  const macs = derivedOnce<TokenUse, ReturnType<typeof textHmac>>((use) => textHmac(subKey(`token/${use}`)));
  const seal: MasterKey['seal'] = (use, context, plaintext) => sealBytes(sealing(use), aadOf(use, context), plaintext);
  const open: MasterKey['open'] = (use, context, sealed) => openBytes(sealing(use), aadOf(use, context), sealed);
  const mac = (use: TokenUse, parts: readonly string[]): string =>
    toBase64url(macs(use)(canonical(parts)).subarray(0, TOKEN_BYTES));
  const tokens = new BoundedCache<string>(TOKENS_CACHE_MAX);
  return {
    seal,
    open,
    sealJson: (use, context, value) => seal(use, context, Buffer.from(JSON.stringify(value))),
    openJson: (use, context, sealed) => JSON.parse(fromUtf8(open(use, context, sealed))) as Json,
    token: (use, ...parts) => {
      if (!RECURRING.has(use)) return mac(use, parts);
      const name = JSON.stringify([use, parts]);
      const known = tokens.find(name);
      if (known !== undefined) return known;
      const token = mac(use, parts);
      tokens.put(name, token);
      return token;
    },
    tokenBytes: (use, text) => macs(use)(text).subarray(0, TOKEN_BYTES),
  };
}

/** `derive`, for each use when it is first needed. */
function derivedOnce<Use extends string, Derived>(derive: (use: Use) => Derived): (use: Use) => Derived {
  const derived = new Map<Use, Derived>();
  return (use) => {
    const known = derived.get(use);
    if (known !== undefined) return known;
    const made = derive(use);
    derived.set(use, made);
    return made;
  };
}

function aadOf(use: SealUse, context: Json): Uint8Array {
  return utf8(canonical(['salus:at-rest:v1', use, context]));
}

function sealBytes(key: KeyObject, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aad);
  const body = cipher.update(plaintext);
  cipher.final();
  return Buffer.concat([Uint8Array.of(FORMAT_V1), nonce, body, cipher.getAuthTag()]);
}

function openBytes(key: KeyObject, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== FORMAT_V1) {
    throw new RecordsError('corrupt', 'a sealed value has no known layout');
  }
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, HEADER_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(HEADER_BYTES, end));
  try {
    decipher.final();
  } catch (cause) {
    throw new RecordsError('corrupt', 'a sealed value does not open: other bytes, another place or another key', {
      cause,
    });
  }
  return plaintext;
}
