import type { LeafReference } from '@salus/contracts';
import {
  concatBytes,
  fromBase64url,
  fromUtf8,
  leafHash,
  openObject,
  sha256,
  toBase64url,
  unwrapKey,
} from '@salus/crypto';
import { type KeyEnvelope, openEnvelope, type PatientWallet } from '@salus/wallet';
import { inlineAttachments } from './attachments.ts';
import { ClientError } from './client-error.ts';
import { leafOfRecord } from './record-leaf.ts';
import type { NodeSession } from './session.ts';

const PAGE = 500;
const PAGES_MAX = 2_000;
/** Sealed records of one request; the node takes no more. */
export const SEALED_PAGE = 200;

/** One of a patient's records, without its content. Times are of the data, null where the resource has none. */
export interface ListedRecord {
  readonly recordId: string;
  readonly version: number;
  readonly type: string;
  readonly category: string;
  readonly labelClass: string;
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
  /** When this version was written; absent from records of another organisation's chart. */
  readonly lastUpdatedMs?: number;
}

/** A record as its author's node keeps it: ciphertext, the wrapped key, and where its leaf stands. Binary is base64url. */
export interface SealedRecord {
  readonly recordId: string;
  readonly version: number;
  readonly keyId: string;
  /** The call that committed its batch, and the leaf's place in the batch's tree. */
  readonly callId: string;
  readonly leafIndex: number;
  readonly proof: readonly string[];
  readonly ciphertextHash: string;
  readonly contentHash: string;
  readonly ciphertext: string;
  readonly wrap: string;
  readonly salt: string;
}

/** A record that was opened on this device; its text is what its author wrote, number literals and order too. */
export interface OwnRecord {
  readonly recordId: string;
  readonly version: number;
  readonly text: string;
  /** As it was encrypted, and as its proof hashes it: large attachments are references in it, in `text` they are themselves. */
  readonly plaintext: string;
  /** What proves it on the ledger: `checkOwnRecord`. */
  readonly sealed: SealedRecord;
}

/** What there is of a patient at one organisation. @throws ClientError `too-many-records` */
export async function listOwnRecords({ api, organisation, token }: NodeSession): Promise<readonly ListedRecord[]> {
  const records: ListedRecord[] = [];
  let after: string | null | undefined;
  for (let page = 0; after !== null; page += 1) {
    if (page >= PAGES_MAX) throw new ClientError('too-many-records', 'There are more records than a client lists.');
    const answer: { records: readonly ListedRecord[]; next: string | null } = await api.send({
      method: 'GET',
      path: `/api/v1/orgs/${organisation}/patient/records`,
      query: { after, limit: PAGE },
      token,
    });
    records.push(...answer.records);
    after = answer.next;
  }
  return records;
}

/** Every E of the patient's records that the node holds, sealed to this device. */
export async function readKeys({ api, organisation, token }: NodeSession): Promise<readonly KeyEnvelope[]> {
  const path = `/api/v1/orgs/${organisation}/patient/keys`;
  const { keys } = await api.send<{ keys: readonly KeyEnvelope[] }>({ method: 'GET', path, token });
  return keys;
}

/** The keys of a patient's records, each opened with the device's own key when it is first needed; never kept outside memory. */
export interface OwnKeys {
  /** The owner of every record under these keys: `pid:<pid>`. */
  readonly owner: string;
  /** @throws ClientError `key-missing`; WalletError `seal-refused` */
  open(keyId: string): Promise<Uint8Array>;
}

export async function openOwnKeys(session: NodeSession, wallet: PatientWallet, pid: string): Promise<OwnKeys> {
  const owner = `pid:${pid}`;
  const sealed = new Map((await readKeys(session)).map((key) => [key.keyId, key]));
  const opening = new Map<string, Promise<Uint8Array>>();
  return {
    owner,
    open: (keyId) => {
      const known = opening.get(keyId);
      if (known !== undefined) return known;
      const envelope = sealed.get(keyId);
      if (envelope === undefined || envelope.owner !== owner) {
        throw new ClientError('key-missing', 'The node sealed no key for this record to this device.');
      }
      const opened = openEnvelope(wallet, envelope);
      opening.set(keyId, opened);
      return opened;
    },
  };
}

/**
 * Opens one record on this device. @throws ClientError `proof-invalid` where it is not what its hashes say, the node's
 * `not-found` and `tombstoned`
 */
export async function readOwnRecord(session: NodeSession, keys: OwnKeys, recordId: string): Promise<OwnRecord> {
  const [found] = await readOwnRecords(session, keys, [recordId]);
  if (found === undefined) throw new ClientError({ relayed: 'not-found', status: 404 }, 'There is no such record.');
  return found;
}

/**
 * Opens records on this device, `SEALED_PAGE` of them for each request; those that are hidden or erased meanwhile are left
 * out. The node sees ciphertext only. @throws ClientError `proof-invalid`, `key-missing`
 */
export async function readOwnRecords(
  session: NodeSession,
  keys: OwnKeys,
  recordIds: readonly string[],
  onRead: (done: number) => void = () => undefined,
): Promise<readonly OwnRecord[]> {
  const opened: OwnRecord[] = [];
  for (let at = 0; at < recordIds.length; at += SEALED_PAGE) {
    let wanted: readonly string[] = recordIds.slice(at, at + SEALED_PAGE);
    while (wanted.length > 0) {
      const { records, next } = await fetchSealed(session, wanted);
      for (const sealed of records) {
        if (!wanted.includes(sealed.recordId)) throw broken('The node gave another record than was asked for.');
        const plaintext = await openSealed(sealed, keys);
        const text = await inlineAttachments(session, plaintext, sealed.recordId);
        opened.push({ recordId: sealed.recordId, version: sealed.version, text, plaintext, sealed });
      }
      // A node that never comes to an end is not followed.
      if (next.length >= wanted.length) throw broken('The node left out every record that was asked for.');
      wanted = next;
    }
    onRead(Math.min(at + SEALED_PAGE, recordIds.length));
  }
  return opened;
}

/** `next`: those that did not fit the answer. */
function fetchSealed(
  session: NodeSession,
  records: readonly string[],
): Promise<{ readonly records: readonly SealedRecord[]; readonly next: readonly string[] }> {
  return session.api.send({
    method: 'POST',
    path: `/api/v1/orgs/${session.organisation}/patient/records/sealed`,
    body: { records },
    token: session.token,
    repeatable: true,
  });
}

/** Both hashes are checked: AES-GCM alone does not commit to its key. */
async function openSealed(sealed: SealedRecord, keys: OwnKeys): Promise<string> {
  const { recordId, version, keyId, wrap } = sealed;
  const ciphertext = fromBase64url(sealed.ciphertext);
  if (toBase64url(sha256(ciphertext)) !== sealed.ciphertextHash) {
    throw broken('The object is not the one that its leaf names.');
  }
  const dek = unwrapKey(await keys.open(keyId), wrap, ['salus:dek:v1', recordId, version, keyId]);
  const plaintext = openObject(dek, ciphertext, ['salus:record:v1', keys.owner, recordId, version]);
  if (toBase64url(sha256(concatBytes(fromBase64url(sealed.salt), plaintext))) !== sealed.contentHash) {
    throw broken('The text is not the one that its leaf names.');
  }
  return fromUtf8(plaintext);
}

/** The place of a record that was opened here, as calls about it name it: of this very version, whatever the node says. */
export function leafReferenceOf(record: SealedRecord): LeafReference {
  const { keyId, callId: batch, leafIndex: index, proof } = record;
  return { leafHash: toBase64url(leafHash(fromBase64url(leafOfRecord(record)))), keyId, batch, index, proof };
}

function broken(message: string): ClientError {
  return new ClientError('proof-invalid', message);
}
