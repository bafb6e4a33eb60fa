import { fromBase64url, sha256, toBase64url } from '@salus/crypto';
import type { DataKeys } from './data-keys.ts';
import type { Packs } from './packs.ts';
import { openRecord } from './record-object.ts';
import { RecordsError } from './records-error.ts';
import type { CiphertextReader, StoredRecord } from './vault-types.ts';

/** Reads objects out of packs. */
export function createCiphertextReader(packs: Packs, keys: Pick<DataKeys, 'openE'>): CiphertextReader {
  const read = (record: StoredRecord): Uint8Array | Promise<Uint8Array> =>
    packs.read(record.batchId, record.packOffset, record.packLength);
  return {
    readCiphertext: async (record) => {
      const ciphertext = await read(record);
      if (toBase64url(sha256(ciphertext)) !== record.ciphertextHash) {
        throw new RecordsError('corrupt', 'an object in a pack is not the one that its row names');
      }
      return ciphertext;
    },
    readPlaintext: async (record) => {
      const { recordId, version, keyId, ciphertextHash, contentHash, wrap, meta } = record;
      const { E, owner } = await keys.openE(keyId);
      if (owner !== meta.owner) throw new RecordsError('corrupt', 'a record lies under a key of another owner');
      const salt = fromBase64url(meta.salt);
      const ciphertext = await read(record);
      return openRecord({ recordId, version, keyId, ciphertextHash, contentHash, wrap, owner, salt, ciphertext, E });
    },
  };
}
