import {
  type Bytes,
  openObject,
  randomBytes,
  sealObject,
  sha256Base64url,
  toBase64url,
  unwrapKey,
  wrapKey,
} from '@salus/crypto';
import { type LeafFacts, recordLeafHash } from './record-tree.ts';
import { RecordsError } from './records-error.ts';
import type { OpenedKey, Owner } from './vault-types.ts';

const DEK_BYTES = 32;
const SALT_BYTES = 32;

/** Which version of whose record an object is: it opens as nothing else. */
export interface ObjectPlace {
  readonly owner: Owner;
  readonly recordId: string;
  readonly version: number;
}

/** A version as it is, before it is sealed. */
export interface ObjectToSeal extends ObjectPlace {
  readonly plaintext: Uint8Array;
}

/** A version encrypted once (DESIGN §5). A new epoch wraps the DEK again and leaves the object as it is. */
export interface SealedObject {
  readonly place: ObjectPlace;
  readonly ciphertext: Bytes;
  readonly ciphertextHash: string;
  readonly contentHash: string;
  /** base64url, 32 bytes. */
  readonly salt: string;
  readonly dek: Uint8Array;
}

export function sealRecord({ owner, recordId, version, plaintext }: ObjectToSeal): SealedObject {
  const place = { owner, recordId, version };
  const dek = randomBytes(DEK_BYTES);
  const salt = randomBytes(SALT_BYTES);
  const ciphertext = sealObject(dek, plaintext, objectContext(place));
  return {
    place,
    ciphertext,
    ciphertextHash: sha256Base64url(ciphertext),
    contentHash: contentHashOf(salt, plaintext),
    salt: toBase64url(salt),
    dek,
  };
}

/** The DEK under E, and the leaf that the ledger commits to. */
export function bindToKey(object: SealedObject, key: OpenedKey): { readonly wrap: string; readonly leafHash: string } {
  const { recordId, version } = object.place;
  const wrap = wrapKey(key.E, object.dek, wrapContext(recordId, version, key.keyId));
  const { ciphertextHash, contentHash } = object;
  return { wrap, leafHash: recordLeafHash({ recordId, version, keyId: key.keyId, ciphertextHash, contentHash }) };
}

/** What is needed to open and check one version. */
export interface RecordToOpen extends LeafFacts {
  readonly owner: Owner;
  readonly ciphertext: Uint8Array;
  readonly wrap: string;
  /** 32 bytes. */
  readonly salt: Uint8Array;
  readonly E: Uint8Array;
}

/**
 * The plaintext after both hashes were checked: AES-GCM alone does not commit to its key. `content-mismatch` when a hash
 * differs; a wrong key or context throws crypto's `decryption-failed`.
 */
export function openRecord(record: RecordToOpen): Uint8Array {
  const { owner, recordId, version, keyId } = record;
  if (sha256Base64url(record.ciphertext) !== record.ciphertextHash) {
    throw new RecordsError('content-mismatch', 'the object is not the one that the leaf names');
  }
  const dek = unwrapKey(record.E, record.wrap, wrapContext(recordId, version, keyId));
  const plaintext = openObject(dek, record.ciphertext, objectContext({ owner, recordId, version }));
  if (contentHashOf(record.salt, plaintext) !== record.contentHash) {
    throw new RecordsError('content-mismatch', 'the plaintext is not the one that the leaf names');
  }
  return plaintext;
}

function objectContext({ owner, recordId, version }: ObjectPlace): (string | number)[] {
  return ['salus:record:v1', owner, recordId, version];
}

function wrapContext(recordId: string, version: number, keyId: string): (string | number)[] {
  return ['salus:dek:v1', recordId, version, keyId];
}

function contentHashOf(salt: Uint8Array, plaintext: Uint8Array): string {
  return sha256Base64url(Buffer.concat([salt, plaintext]));
}
