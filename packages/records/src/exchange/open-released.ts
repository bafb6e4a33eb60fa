import { CryptoError, fromBase64url, fromUtf8, type HpkePrivateKey, openHpke } from '@salus/crypto';
import { openRecord } from '../record-object.ts';
import { RecordsError } from '../records-error.ts';
import { keyInfo } from '../sealed-key.ts';
import type { Owner } from '../vault-types.ts';
import type { ReleasedKey, ReleasedRecord } from './exchange-peer.ts';
import type { ChartRecord } from './manifest-checks.ts';

/** Opened E's by key id. */
export type OpenedKeys = ReadonlyMap<string, Uint8Array>;

/** Opens sealed E's; each must be sealed to `hpke` for this owner and the epoch and grant that it names: else `key-mismatch`. */
export async function openReleasedKeys(
  sealed: readonly ReleasedKey[],
  {
    network,
    owner,
    hpke,
  }: {
    readonly network: string;
    readonly owner: Owner;
    readonly hpke: { readonly kid: string; readonly publicKey: string; readonly privateKey: HpkePrivateKey };
  },
): Promise<OpenedKeys> {
  const keys = new Map<string, Uint8Array>();
  for (const { keyId, epoch, grant, envelope } of sealed) {
    const info = keyInfo(network, { owner, keyId, epoch }, hpke.kid, grant);
    try {
      keys.set(keyId, await openHpke({ ...hpke, info, envelope }));
    } catch (cause) {
      if (!(cause instanceof CryptoError)) throw cause;
      throw new RecordsError('key-mismatch', 'a key is not sealed for this owner, epoch and session', { cause });
    }
  }
  return keys;
}

/** The text of a record that the manifest proved; another leaf than the proven one is `proof-invalid`. */
export function openListed(
  record: ReleasedRecord,
  known: ChartRecord,
  { keys, owner }: { readonly keys: OpenedKeys; readonly owner: Owner },
): string {
  const same =
    record.version === known.version &&
    record.keyId === known.keyId &&
    record.ciphertextHash === known.ciphertextHash &&
    record.contentHash === known.contentHash;
  if (!same) throw new RecordsError('proof-invalid', 'a record is not the leaf that the manifest proved');
  return openReleased(record, keys, owner);
}

/** The text behind the hashes that the record names: `content-mismatch`, `key-mismatch`. */
export function openReleased(record: ReleasedRecord, keys: OpenedKeys, owner: Owner): string {
  const E = keys.get(record.keyId);
  if (E === undefined) throw new RecordsError('key-mismatch', "the author's node sealed no key for a record");
  try {
    const { recordId, version, keyId, ciphertextHash, contentHash, wrap } = record;
    const facts = { recordId, version, keyId, ciphertextHash, contentHash, wrap };
    const bytes = { ciphertext: fromBase64url(record.ciphertext), salt: fromBase64url(record.salt) };
    return fromUtf8(openRecord({ ...facts, ...bytes, owner, E }));
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new RecordsError('key-mismatch', 'a record does not open with the key of its leaf', { cause });
  }
}
