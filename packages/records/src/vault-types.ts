import type { SignedCall, SignedDelegation } from '@salus/contracts';
import type { SealedEnvelope, Signer } from '@salus/crypto';
import type { RowColumns } from './row-entry.ts';
import type { StoreTransaction } from './store/database.ts';

/** Milliseconds since the epoch. */
export type Clock = () => number;

/** `pid:<pid>` or `org:<organisation>`. */
export type Owner = `pid:${string}` | `org:${string}`;

/** Who acts, as the audit log names it. A person or client has a certified id; a patient a pid and a device. */
export type Who =
  | { readonly kind: 'member'; readonly id: string; readonly organisation: string; readonly roles: readonly string[] }
  | {
      readonly kind: 'patient';
      readonly pid: string;
      readonly kid: string;
      /** A guardian, by the key `kid`, acted for the patient. */
      readonly guardian?: true;
    };

export type AuditKind =
  | 'session'
  | 'read'
  | 'search'
  | 'export'
  | 'delivery'
  | 'refusal'
  | 'write'
  | 'emergency'
  | 'login'
  | 'registration'
  | 'slip'
  | 'denial'
  | 'delegation'
  | 'erasure'
  | 'tombstone';

/** What happened, before the log gives it a place. Never holds clinical content. */
export interface AuditEvent {
  readonly kind: AuditKind;
  readonly atMs: number;
  /** Whose record it is about; null for directory and administrative events. */
  readonly pid: string | null;
  readonly who: Who | null;
  /** HL7 v3 PurposeOfUse. */
  readonly purpose: string | null;
  readonly grant: string | null;
  readonly session: string | null;
  readonly records: readonly { readonly recordId: string; readonly version: number }[];
  /** `ok` or a stable refusal code. */
  readonly outcome: string;
  /** The reader's signed request, when there is one. */
  readonly request: SignedCall | null;
  /** Of a search: as it was asked. */
  readonly query?: string;
  /**
   * Of an exchange: the other organisation and the nonce of the request between the nodes, the same in both logs; of a
   * delivery also its id, by which the patient finds the line that tells of it.
   */
  readonly exchange?: { readonly peer: string; readonly id: string; readonly delivery?: string };
}

/** The organisation's audit log. */
export interface AuditLog {
  /** Resolves when the event is durable. Concurrent appends share one commit. */
  append(event: AuditEvent, manner?: AuditManner): Promise<{ readonly seq: number }>;
}

export interface AuditManner {
  /** By itself it is no reason to bring a root to the ledger: it waits until every member does (ADR 0002). */
  readonly isQuiet?: boolean;
}

/** Covers rows that no record leaf covers, so that verification needs no master key. */
export interface RowsLog {
  /**
   * Called inside the transaction that writes the row; the last call for a (kind, row key) is the one that counts.
   * `null` says that the row is gone. Settles before the transaction does.
   */
  cover(trx: StoreTransaction, kind: string, rowKey: string, row: RowColumns | null): Promise<void>;
  /** As `cover` for many rows at the cost of one. */
  coverAll(trx: StoreTransaction, rows: readonly RowToCover[]): Promise<void>;
}

export interface RowToCover {
  /** Name of the table. */
  readonly kind: string;
  /** `rowKeyOf` the columns of its primary key. */
  readonly rowKey: string;
  /** Every column as it stands in the table. */
  readonly row: RowColumns | null;
}

/** A key of this organisation that signs calls: its node, or a system client. */
export interface MemberSigner {
  readonly id: string;
  readonly signer: Signer;
}

/** Who writes: the signer of the call and, for a patient's record, the person who delegated to it. */
export interface Writer {
  readonly submitter: MemberSigner;
  /** The signed delegation (`salus:delegation:v1`) of the person. */
  readonly onBehalfOf?: SignedDelegation;
  /** For the audit log and home access. */
  readonly who: Who & { readonly kind: 'member' };
}

/** A pair of the category table: its place, name and label. */
export interface Pair {
  readonly index: number;
  readonly category: string;
  readonly labelClass: string;
}

/** What a record row keeps sealed. */
export interface RecordMeta {
  readonly owner: Owner;
  readonly type: string;
  /** FHIR logical id. */
  readonly id: string;
  /** Of `PAIRS`. */
  readonly pair: number;
  /** base64url of the 32 bytes that salt the content hash. */
  readonly salt: string;
  /** Time of the data (DESIGN §8 `dataFrom/dataTo`), null when the resource has none. */
  readonly dataFromMs: number | null;
  readonly dataToMs: number | null;
  /** `<type>/<id>` of resources that this one references. */
  readonly references: readonly string[];
  readonly lastUpdatedMs: number;
  /** Certified id of the person or client that wrote it. */
  readonly author: string;
}

/** A committed record version that is still readable. */
export interface StoredRecord {
  readonly recordId: string;
  readonly version: number;
  readonly keyId: string;
  readonly batchId: string;
  /** Id of the committing call: `record/root/<keyId>/<callId>`. */
  readonly callId: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly ciphertextHash: string;
  readonly contentHash: string;
  readonly status: 'current' | 'superseded' | 'tombstoned';
  readonly packOffset: number;
  readonly packLength: number;
  readonly wrap: string;
  readonly meta: RecordMeta;
}

/** One leaf of a (call, keyId) tree, erased ones included. */
export interface StoredLeaf {
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly status: 'current' | 'superseded' | 'tombstoned' | 'erased';
  readonly recordId: string | null;
  readonly version: number | null;
}

/** One committed tree of a key id. */
export interface StoredTree {
  readonly keyId: string;
  readonly batchId: string;
  readonly callId: string;
  readonly count: number;
}

/** Read access to committed rows, for the vault and for the gateway. Everything pending is invisible. */
export interface RecordRows {
  findRecord(recordId: string, version?: number): Promise<StoredRecord | undefined>;
  /** The latest readable version of each record that has one, by record id. */
  findRecords(recordIds: readonly string[]): Promise<ReadonlyMap<string, StoredRecord>>;
  /** The current or named version of `<type>/<id>`. */
  findResource(type: string, id: string, version?: number): Promise<StoredRecord | undefined>;
  /** The latest readable version of each `<type>/<id>` that has one, in no order. */
  findResources(names: readonly { readonly type: string; readonly id: string }[]): Promise<readonly StoredRecord[]>;
  /** Trees of one key id, by order of commitment. */
  listTrees(keyId: string): Promise<readonly StoredTree[]>;
  /** All leaves of one tree by index. */
  listLeaves(keyId: string, batchId: string): Promise<readonly StoredLeaf[]>;
  /** Readable versions under one key id, current ones only unless told; `after` is a record id. */
  listRecords(
    keyId: string,
    options: { readonly after?: string; readonly limit: number; readonly all?: boolean },
  ): Promise<readonly StoredRecord[]>;
  /** Current versions under any of `keyIds`, by key id and record id; `after` is such a place. */
  listRecordsOf(
    keyIds: readonly string[],
    options: { readonly after?: { readonly keyId: string; readonly recordId: string }; readonly limit: number },
  ): Promise<readonly StoredRecord[]>;
  /** Hashes of one tree's leaves prove one of them. */
  inclusionProof(record: StoredRecord): Promise<readonly string[]>;
}

/** An E with what it is for. */
export interface OpenedKey {
  readonly keyId: string;
  readonly owner: Owner;
  readonly epoch: number;
  readonly pair: number;
  readonly E: Uint8Array;
}

/** How a receiver checks that a key id is the pair's (completeness table). */
export interface PairOpening {
  readonly owner: Owner;
  readonly epoch: number;
  readonly pair: number;
  readonly category: string;
  readonly labelClass: string;
  readonly keyId: string;
  readonly salt: string;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
}

/** The E's of this organisation's owners. */
export interface KeyRing {
  /** Absent throws `not-found`. */
  openE(keyId: string): Promise<OpenedKey>;
  /** Epochs of an owner that have a committed table, ascending. */
  listEpochs(owner: Owner): Promise<readonly number[]>;
  /** Openings of the named pairs for one epoch; a pair never written to has one too. */
  openPairs(owner: Owner, epoch: number, pairs: readonly number[]): Promise<readonly PairOpening[]>;
  /** Every envelope for one device of a pid, or for the organisation's key; what is missing is sealed now. */
  envelopesFor(owner: Owner, recipient: Recipient): Promise<readonly StoredEnvelope[]>;
  /** The envelope of one key for one recipient; sealed now when it is missing. The caller has decided that it may be. */
  sealTo(keyId: string, recipient: Recipient): Promise<StoredEnvelope>;
}

export interface Recipient {
  readonly kid: string;
  /** HPKE public key. */
  readonly publicKey: string;
  readonly grant: string | null;
}

/** An E sealed to one recipient; the names are those that a wallet expects. */
export interface StoredEnvelope {
  readonly keyId: string;
  readonly owner: Owner;
  readonly epoch: number;
  readonly category: string;
  readonly labelClass: string;
  readonly recipientKid: string;
  readonly grant: string | null;
  readonly envelope: SealedEnvelope;
}

/** Ciphertext of committed records. */
export interface CiphertextReader {
  /** The object's bytes as stored; their hash has been checked against the row. Else `corrupt`. */
  readCiphertext(record: StoredRecord): Promise<Uint8Array>;
  /** The record's own JSON text after both hashes were checked; attachments still stand as references. */
  readPlaintext(record: StoredRecord): Promise<Uint8Array>;
}

/** A person's reason to open a patient's records at home (DESIGN §5). */
export interface CareRelationship {
  readonly pid: string;
  readonly kind: 'encounter' | 'care-team' | 'referral' | 'order' | 'assignment';
  /** `Practitioner/<id>` or a certified id. */
  readonly actor: string;
  readonly fromMs: number;
  readonly untilMs: number | null;
}

/** What a patient denied inside the author's organisation: persons, label classes, or both together. */
export interface Denial {
  readonly denialId: string;
  readonly pid: string;
  /** Certified ids; empty means everybody. */
  readonly persons: readonly string[];
  /** Empty means every label class. */
  readonly labelClasses: readonly string[];
  readonly atMs: number;
}
