import { toBase64url } from '@salus/crypto';
import { RecordsError } from '../records-error.ts';
import { sealKey } from '../sealed-key.ts';
import type { CiphertextReader, KeyRing, Owner, RecordRows, StoredRecord } from '../vault-types.ts';
import type { FetchResult, RefusedRecord, ReleasedKey, ReleasedRecord } from './exchange-peer.ts';
import type { GatewaySession } from './gateway-session.ts';

export interface ReleaseParts {
  readonly network: string;
  readonly rows: Pick<RecordRows, 'inclusionProof'>;
  readonly keyRing: Pick<KeyRing, 'openE' | 'sealTo'>;
  readonly ciphertexts: Pick<CiphertextReader, 'readCiphertext'>;
}

export interface ReleaseOptions {
  readonly knownKeys: readonly string[];
  readonly withProofs: boolean;
}

/** A released object as it travels. */
export async function releaseRecord(
  { rows, ciphertexts }: ReleaseParts,
  record: StoredRecord,
  { withProofs }: Pick<ReleaseOptions, 'withProofs'>,
): Promise<ReleasedRecord> {
  const [ciphertext, proof] = await Promise.all([
    ciphertexts.readCiphertext(record),
    withProofs ? rows.inclusionProof(record) : [],
  ]);
  const { recordId, version, keyId, callId, leafIndex, ciphertextHash, contentHash, wrap, meta } = record;
  return {
    ...{ recordId, version, keyId, callId, leafIndex, ciphertextHash, contentHash, proof },
    ciphertext: toBase64url(ciphertext),
    wrap,
    salt: meta.salt,
  };
}

/** Objects with the sealed keys that the reader does not hold yet. */
export async function joinRelease(
  parts: ReleaseParts,
  session: GatewaySession,
  {
    records,
    refused,
    knownKeys,
  }: { records: readonly ReleasedRecord[]; refused: readonly RefusedRecord[]; knownKeys: readonly string[] },
): Promise<FetchResult> {
  const known = new Set(knownKeys);
  const wanted = [...new Set(records.map((record) => record.keyId))].filter((keyId) => !known.has(keyId));
  const keys = await Promise.all(wanted.map((keyId) => releaseKey(parts, session, keyId)));
  return { records, refused, keys };
}

/**
 * E for the reader's organisation. Under a grant it is the envelope that the patient's wallet, or this node for later
 * epochs, sealed for that grant. In an emergency, and for the organisation's own records, it is sealed now, bound to the
 * session, and kept nowhere.
 */
async function releaseKey(parts: ReleaseParts, session: GatewaySession, keyId: string): Promise<ReleasedKey> {
  const { kid, publicKey } = session.recipient;
  const key = await parts.keyRing.openE(keyId);
  if (!session.emergency && key.owner === ownerOf(session)) {
    const { epoch, recipientKid, grant, envelope } = await parts.keyRing.sealTo(keyId, {
      kid,
      publicKey,
      grant: session.grant,
    });
    return { keyId, epoch, recipientKid, grant, envelope };
  }
  const grant = session.session;
  const envelope = await sealKey(parts.network, key, { kid, publicKey, grant });
  return { keyId, epoch: key.epoch, recipientKid: kid, grant, envelope };
}

export function ownerOf(session: Pick<GatewaySession, 'pid'>): Owner {
  return `pid:${session.pid}`;
}

/** Ids as a peer names them: none twice, at most `max`. */
export function demandIds(ids: unknown, max: number): asserts ids is readonly string[] {
  const wellFormed =
    Array.isArray(ids) && ids.length >= 1 && ids.length <= max && ids.every((id) => typeof id === 'string');
  if (!wellFormed || new Set(ids).size !== ids.length) {
    throw new RecordsError('bad-input', `expected 1 to ${max} different ids`);
  }
}
