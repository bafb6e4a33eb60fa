import type { Registration } from '@salus/contracts';
import type { IndexTerm } from '@salus/fhir';
import type { AuditEvent, CareRelationship, Owner, RecordMeta, StoredRecord, Writer } from './vault-types.ts';

/** Records of one batch. */
export const BATCH_RECORDS_MAX = 50_000;

/** An identifier by which a resource can be found. */
export interface Identifier {
  /** null: an identifier without system. */
  readonly system: string | null;
  readonly value: string;
}

/** One record version to be written. */
export interface NewVersion {
  readonly owner: Owner;
  readonly recordId: string;
  readonly version: number;
  /** Of `PAIRS`. */
  readonly pair: number;
  /** The record's own JSON text, UTF-8, with `id` and `meta`; large content stands as attachment references. */
  readonly plaintext: Uint8Array;
  readonly facts: Pick<RecordMeta, 'type' | 'id' | 'dataFromMs' | 'dataToMs' | 'references' | 'lastUpdatedMs'>;
  readonly identifiers: readonly Identifier[];
  readonly relationships: readonly CareRelationship[];
  readonly attachments: readonly WrittenAttachment[];
  /** Under which a search finds it (`indexTermsOf`); none: no search does. */
  readonly terms: readonly IndexTerm[];
  /** The version that this one supersedes. */
  readonly replaces: StoredRecord | null;
  /** The version of the wrong patient's record that this one continues in the right one. */
  readonly movedFrom?: StoredRecord;
}

/** An attachment whose file is durable and waits for its batch. */
export interface WrittenAttachment {
  readonly attachmentId: string;
  readonly fileBytes: number;
  /** SHA-256 of the file, base64url. */
  readonly fileHash: string;
}

/** A new pid for a Patient resource of the same order. */
export interface NewPatient {
  readonly registration: Registration;
  readonly fhirId: string;
}

/** What one call commits, all or nothing. */
export interface WriteOrder {
  readonly writer: Writer;
  readonly versions: readonly NewVersion[];
  readonly patients: readonly NewPatient[];
  /** Token of the bundle that it came in. */
  readonly bundleToken: string | null;
  readonly audits: readonly AuditEvent[];
  /** Current versions that it hides: deletions. */
  readonly hides?: readonly StoredRecord[];
}

/** Versions that one call replaces, and that it hides, each (`LEAVES_MAX` of the contract). */
export const ENDED_MAX = 1_000;

export interface WriteReceipt {
  readonly callId: string;
  readonly batchId: string;
  readonly block: number;
  readonly timestampMs: number;
}
