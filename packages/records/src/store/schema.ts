import type { Generated } from 'kysely';
import type { ArtifactTables } from './artifact-schema.ts';
import type { ExchangeTables } from './exchange-schema.ts';
import type { FeedTables } from './feed-schema.ts';
import type { ForeignTables } from './foreign-schema.ts';
import type { HistoryTables } from './history-schema.ts';
import type { SearchTables } from './search-schema.ts';

/**
 * The tables of one organisation's `records.sqlite`.
 *
 * A column named `…Token` is an HMAC under a key derived from the organisation's master key (`MasterKey.token`), a
 * column named `sealed` is ciphertext under another. Everything else here is either random, or stands on the ledger too,
 * so that a thief without the master key learns no more than a member of the consortium.
 * Times are milliseconds since the epoch; ids are 22, hashes 43 characters of base64url.
 */
export interface Tables extends ExchangeTables, ArtifactTables, FeedTables, ForeignTables, HistoryTables, SearchTables {
  readonly meta: MetaTable;
  readonly privateKey: PrivateKeyTable;
  readonly batch: BatchTable;
  readonly record: RecordTable;
  readonly attachment: AttachmentTable;
  readonly epoch: EpochTable;
  readonly dataKey: DataKeyTable;
  readonly envelope: EnvelopeTable;
  readonly knownGrant: KnownGrantTable;
  readonly patient: PatientTable;
  readonly identifier: IdentifierTable;
  readonly bundle: BundleTable;
  readonly careRelationship: CareRelationshipTable;
  readonly practitionerLink: PractitionerLinkTable;
  readonly denial: DenialTable;
  readonly document: DocumentTable;
}

/** Facts about the store: `schema`, `network`, `organisation`, `master-check`. */
export interface MetaTable {
  readonly key: string;
  readonly value: string;
}

/** A private key that the node keeps: node and client signing keys, HPKE keys, the CA. */
export interface PrivateKeyTable {
  readonly kid: string;
  readonly purpose: string;
  readonly publicKey: string;
  readonly sealed: Uint8Array;
  readonly createdMs: number;
  readonly retiredMs: number | null;
}

export type BatchState = 'pending' | 'committed';
export type BatchKind = 'commit' | 'correct';

/** One write: a pack on disk and one call on the ledger. Rows of other tables that name it exist once it is committed. */
export interface BatchTable {
  /** Also the name of its pack. */
  readonly batchId: string;
  readonly kind: BatchKind;
  readonly state: BatchState;
  /** The id of the call that commits it; changes when a stale epoch forces a new call. */
  readonly callId: string;
  /** Canonical text of the signed call while pending; empty afterwards (the ledger has it). */
  readonly call: string;
  /** `rowsDigest` of its record and attachment rows: what the rows log covers. */
  readonly digest: string;
  /** Bytes of the pack; 0 without one. */
  readonly packBytes: number;
  /** What remains to be done when the call is committed (`BatchEffects`); empty afterwards. */
  readonly sealed: Uint8Array;
  readonly createdMs: number;
}

export type RecordStatus = 'current' | 'superseded' | 'tombstoned' | 'erased';

/** One version of one record. An erased one keeps only what its tree needs: the columns up to `rowHash`. */
export interface RecordTable {
  readonly batchId: string;
  readonly keyId: string;
  /** Position in the tree of (batch, keyId). */
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly rowHash: string;
  readonly status: RecordStatus;
  readonly recordId: string | null;
  readonly version: number | null;
  readonly ciphertextHash: string | null;
  readonly contentHash: string | null;
  /** Where its object lies in the pack. */
  readonly packOffset: number;
  readonly packLength: number;
  /** DEK wrapped under E. */
  readonly wrap: string | null;
  /** `RecordMeta`. */
  readonly sealed: Uint8Array | null;
  /** Token of `<type>/<FHIR id>`. */
  readonly resourceToken: string | null;
  readonly ownerToken: string | null;
}

/** A large object of its own; its key and digest stand inside the record's plaintext. Null columns: it was erased. */
export interface AttachmentTable {
  readonly attachmentId: string;
  readonly batchId: string;
  readonly recordId: string | null;
  readonly version: number | null;
  /** Bytes of the file and SHA-256 over them, base64url. */
  readonly fileBytes: number | null;
  readonly fileHash: string | null;
  readonly rowHash: string;
}

/** The key ids and completeness table of one owner and epoch, all derived from one secret seed. */
export interface EpochTable {
  readonly ownerToken: string;
  readonly epoch: number;
  readonly batchId: string;
  /** `{seed, tableVersion}` */
  readonly sealed: Uint8Array;
  /** Of the completeness tree, as on the ledger. */
  readonly root: string;
  readonly size: number;
}

/** E of one owner, pair and epoch. */
export interface DataKeyTable {
  readonly keyId: string;
  readonly ownerToken: string;
  readonly epoch: number;
  readonly batchId: string;
  /** `{owner, pair, E}` */
  readonly sealed: Uint8Array;
}

/** E sealed by HPKE to a recipient. Who the recipient is stays sealed, since it would name a grantee. */
export interface EnvelopeTable {
  readonly keyId: string;
  /** Token of (recipient kid, grant id or null). */
  readonly recipientToken: string;
  /** `{recipientKid, grant, envelope}` */
  readonly sealed: Uint8Array;
}

/** Terms of a grant that this organisation's patient made: the node needs them to seal later epochs' E's. */
export interface KnownGrantTable {
  readonly grantToken: string;
  readonly pidToken: string;
  /** `{terms, salt}` */
  readonly sealed: Uint8Array;
  readonly receivedMs: number;
}

export interface PatientTable {
  readonly pidToken: string;
  /** Token of `Patient/<FHIR id>`. */
  readonly resourceToken: string;
  readonly batchId: string;
  /** `{pid, fhirId}` */
  readonly sealed: Uint8Array;
  readonly registeredMs: number;
}

/** Finds resources by identifier: record numbers, provider licences. */
export interface IdentifierTable {
  /** Token of (type, system, value). */
  readonly token: string;
  readonly resourceToken: string;
  readonly batchId: string;
  /** `{type, id}` */
  readonly sealed: Uint8Array;
}

/** Imported transaction bundles by the token of their canonical text. */
export interface BundleTable {
  readonly id: Generated<number>;
  readonly bundleToken: string;
  readonly batchId: string;
}

/** Why a person may open a patient's records at home. */
export interface CareRelationshipTable {
  readonly relationshipId: string;
  readonly pidToken: string;
  /** Token of a staff id or of a Practitioner reference. */
  readonly actorToken: string;
  /** The resource that made it; null for an explicit assignment. */
  readonly resourceToken: string | null;
  /** The batch of that resource's version. */
  readonly batchId: string | null;
  /** `CareRelationship` */
  readonly sealed: Uint8Array;
}

/** Which Practitioner resource describes a member of staff. */
export interface PractitionerLinkTable {
  readonly staffToken: string;
  readonly practitionerToken: string;
  readonly sealed: Uint8Array;
}

/** What a patient denied at home. */
export interface DenialTable {
  readonly denialId: string;
  readonly pidToken: string;
  /** `Denial` */
  readonly sealed: Uint8Array;
}

/** What applications keep with the organisation (`Documents`). */
export interface DocumentTable {
  readonly kind: string;
  /** Token of (kind, name). */
  readonly token: string;
  /** `{name, value}` */
  readonly sealed: Uint8Array;
}
