import type { Json } from '@salus/crypto';
import type { AttachmentName } from '../attachments.ts';
import type { RecordsErrorCode } from '../records-error.ts';
import type { Who } from '../vault-types.ts';

/** Files of a job are kept this long after it was made, then removed. */
export const EXPORT_LIFETIME_MS = 24 * 60 * 60 * 1000;
/** A job that was cut off is taken up again this often: one that brings the node down must not do so for ever. */
export const EXPORT_RESUMES_MAX = 5;

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

/** A sealed object; its key in base64url where it stands in a document. */
export type SealedContent = Omit<AttachmentName, 'key'> & { readonly key: string };

/** Sealed lines of one type, in objects that follow each other. */
export interface SealedLines {
  readonly type: string;
  readonly count: number;
  readonly content: SealedContent;
  /** What was added after a save point. */
  readonly more?: readonly SealedContent[];
}

/** A sealed file of lines; the name is what the client sees. */
export interface ExportFile extends SealedLines {
  readonly name: string;
}

/**
 * How far a job is: whoever stands before or at `after` in the order of its patients is in the lines that are named here,
 * each of them durable, and nobody else is.
 */
export interface ExportProgress {
  /** A pid; a FHIR id where the question lists patients. */
  readonly after: string;
  readonly written: readonly SealedLines[];
  /** Records that were left out as too large, as lines without a text: they are decided again as well. */
  readonly skipped: readonly string[];
  /** Records that were looked at for it. */
  readonly looked: number;
}

/**
 * `stopped`: what the caller may see was taken back while it ran, or who asked may see nothing any more. `failed`: it broke;
 * `code` says how: a code of this package, `damaged` (what was written is missing or changed), `interrupted` (too often) or
 * `internal`. Neither leaves a file.
 */
export type ExportState =
  | {
      readonly kind: 'running';
      /** How often it was taken up again. */
      readonly resumes: number;
      readonly progress: ExportProgress | null;
    }
  | { readonly kind: 'complete'; readonly files: readonly ExportFile[]; readonly skipped: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly code: RecordsErrorCode | 'damaged' | 'interrupted' | 'internal' };

/** A bulk export as it is kept: sealed, since what somebody asks for may be somebody's health. */
export interface ExportJob {
  readonly jobId: string;
  /** Who alone may see, download and delete it. */
  readonly who: Who;
  /** Who asked, as whoever started the job finds them again after a restart; absent: an earlier version began it. */
  readonly requester?: Json;
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

/** A job that runs, or waits to go on. */
export type RunningJob = ExportJob & { readonly state: Extract<ExportState, { readonly kind: 'running' }> };

export function isOf(job: ExportJob, who: Who, binding: string | null): boolean {
  return job.binding === binding && isSame(job, who);
}

/** Of one person, by whatever app. */
export function isSame(job: Pick<ExportJob, 'who'>, who: Who): boolean {
  if (who.kind === 'patient') return job.who.kind === 'patient' && job.who.pid === who.pid;
  return job.who.kind === 'member' && job.who.id === who.id && job.who.organisation === who.organisation;
}

/** Every object that the state names. */
export function objectsOf(state: ExportState): readonly string[] {
  switch (state.kind) {
    case 'running':
      return (state.progress?.written ?? []).flatMap(contentsOf).map(({ attachmentId }) => attachmentId);
    case 'complete':
      return state.files.flatMap(contentsOf).map(({ attachmentId }) => attachmentId);
    case 'stopped':
    case 'failed':
      return [];
  }
}

/** Begun at another each turn: those that cannot go on must not keep the rest waiting. */
export function turned<T>(jobs: readonly T[], turn: number): readonly T[] {
  const first = turn % Math.max(1, jobs.length);
  return [...jobs.slice(first), ...jobs.slice(0, first)];
}

export function contentsOf({ content, more = [] }: Pick<SealedLines, 'content' | 'more'>): readonly SealedContent[] {
  return [content, ...more];
}

export function jobJson(job: ExportJob): Json {
  return job as unknown as Json;
}

export function jobOf(value: Json): ExportJob {
  // Nothing but this key can have sealed it.
  return value as unknown as ExportJob;
}
