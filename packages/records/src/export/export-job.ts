import type { Json } from '@salus/crypto';
import type { AttachmentName } from '../attachments.ts';
import type { Who } from '../vault-types.ts';

/** Files of a job are kept this long after it was made, then removed. */
export const EXPORT_LIFETIME_MS = 24 * 60 * 60 * 1000;

/** `sealLine` wrote them: an erasure reaches each. */
export const SEALED_LINES = 'sealed:v1';

/** What is exported: of which patients, and which of their records. */
export interface ExportQuestion {
  /** FHIR ids of patients; null for every patient of whom the caller may see anything. */
  readonly patients: readonly string[] | null;
  readonly types: readonly string[] | null;
  readonly sinceMs: number | null;
  /** Type and query of each `_typeFilter`; a record of a type that has some fits one of them. */
  readonly typeFilters: readonly { readonly type: string; readonly query: string }[];
}

/** A sealed file of lines; the name is what the client sees. */
export interface ExportFile {
  readonly name: string;
  readonly type: string;
  readonly count: number;
  /** base64url where it stands in a document. */
  readonly content: Omit<AttachmentName, 'key'> & { readonly key: string };
}

/**
 * `stopped`: what the caller may see was taken back while it ran. `failed`: it broke, or the node was restarted; `code` says
 * which. Neither leaves a file.
 */
export type ExportState =
  | { readonly kind: 'running' }
  | { readonly kind: 'complete'; readonly files: readonly ExportFile[]; readonly skipped: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly code: string };

/** A bulk export as it is kept: sealed, since what somebody asks for may be somebody's health. */
export interface ExportJob {
  readonly jobId: string;
  /** Who alone may see, download and delete it. */
  readonly who: Who;
  /** The app by which they asked, null for themselves: what one app may see is not another's to count. */
  readonly binding: string | null;
  /** The URL that was asked. */
  readonly request: string;
  readonly question: ExportQuestion;
  readonly createdMs: number;
  /** Records that were written before are in it. */
  readonly transactionMs: number;
  /** Of its files' lines; absent: plain text, as an earlier version wrote them. */
  readonly lines?: typeof SEALED_LINES;
  readonly state: ExportState;
}

export function isOf(job: ExportJob, who: Who, binding: string | null): boolean {
  return job.binding === binding && isSame(job, who);
}

/** Of one person, by whatever app. */
export function isSame(job: Pick<ExportJob, 'who'>, who: Who): boolean {
  if (who.kind === 'patient') return job.who.kind === 'patient' && job.who.pid === who.pid;
  return job.who.kind === 'member' && job.who.id === who.id && job.who.organisation === who.organisation;
}

export function jobJson(job: ExportJob): Json {
  return job as unknown as Json;
}

export function jobOf(value: Json): ExportJob {
  // Nothing but this key can have sealed it.
  return value as unknown as ExportJob;
}
