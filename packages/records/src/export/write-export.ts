import { CryptoError } from '@salus/crypto';
import { type FhirTree, matchesFilter, type OwnFilter, parseFhirJson, parseReference } from '@salus/fhir';
import type { Ledger } from '@salus/ledger';
import type { Attachments } from '../attachments.ts';
import {
  COMPARTMENT_ROWS_MAX,
  type CompartmentParts,
  isInFilter,
  listCompartment,
  openRecords,
} from '../compartment.ts';
import type { Patients } from '../patients.ts';
import { pidOf } from '../recipients.ts';
import { RecordsError } from '../records-error.ts';
import type { Sight } from '../sight.ts';
import type { Owner, StoredRecord } from '../vault-types.ts';
import {
  contentsOf,
  type ExportFile,
  type ExportProgress,
  type ExportQuestion,
  type SealedLines,
} from './export-job.ts';
import { nameLine, sealLine } from './export-line.ts';
import { patientsOf } from './export-patients.ts';
import { exportable, isStanding } from './exportable.ts';
import { GrowingFiles, namedFiles } from './growing-files.ts';
import { type SeenLine, seenLines, stillSeen } from './seen-lines.ts';

/** Names of directory resources that an export remembers to bring along. */
const REFERENCES_MAX = 100_000;
/**
 * Records that are looked at between two save points, each of which waits for the disk; or this part of all so far, so that
 * the objects of the largest export stay few. An interruption costs no more than that, and the patient who is under way.
 */
const SAVE_POINT_ROWS = 20_000;
const SAVE_POINT_PART = 1 / 8;
/** Skipped records that a save point names. An export that skips more has no further one. */
const SKIPPED_NAMED_MAX = 10_000;

/** Filters of one `_typeFilter`. */
export type TypeFilters = ReadonlyMap<string, readonly (readonly OwnFilter[])[]>;

export type WriteParts = CompartmentParts & {
  readonly ledger: Ledger;
  readonly patients: Patients;
  /** Where export files lie, apart from records' own attachments. */
  readonly files: Attachments;
  /** What a patient states about own records: a Communication's text for each, by the record that it is about. */
  listStatements?(pid: string): Promise<readonly { readonly recordId: string; readonly text: string }[]>;
  /** `SAVE_POINT_ROWS` unless told. */
  readonly savePointRows?: number;
};

export interface WriteJob {
  readonly sight: Sight;
  readonly question: ExportQuestion;
  readonly filters: TypeFilters;
  /** What was first written later is in the next export, and not in this one. */
  readonly transactionMs: number;
  readonly signal: AbortSignal;
  /** From where it goes on; null from the beginning. */
  readonly progress: ExportProgress | null;
  /** Told at each save point, when everything that it names is durable; goes on once it is kept. */
  keep(progress: ExportProgress): Promise<void>;
}

export type Written =
  | { readonly kind: 'complete'; readonly files: readonly ExportFile[]; readonly skipped: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'damaged'; readonly cause: unknown };

/** The type of what a patient states about a record. */
const STATEMENT = 'Communication';

/** Thrown inside, to end a job whose caller lost what they saw. */
class TakenBack extends Error {}
/** Thrown inside, to end a job of which what was written is missing or changed. */
class Damaged extends Error {}

/**
 * Writes the files of one job: patient by patient, page by page, each record decided and logged when it is written.
 * `stopped` when the caller was revoked, or is refused what was allowed before: nothing more is written then. What was
 * written since the last save point is removed again unless it ends `complete`.
 */
export async function writeExport(parts: WriteParts, job: WriteJob): Promise<Written> {
  const run = new ExportRun(parts, job);
  try {
    if (job.progress !== null) await run.takeUp(job.progress);
    for await (const { name, pid } of patientsOf(parts, job)) await run.patient(`pid:${pid}`, name);
    await run.directory();
    return { kind: 'complete', ...(await run.finish()) };
  } catch (error) {
    await run.discard();
    if (error instanceof TakenBack) return { kind: 'stopped' };
    if (error instanceof Damaged) return { kind: 'damaged', cause: error };
    throw error;
  }
}

class ExportRun {
  readonly #parts: WriteParts;
  readonly #job: WriteJob;
  readonly #types: ReadonlySet<string> | undefined;
  readonly #references = new Set<string>();
  /** Records of the present patient that were written. */
  readonly #carried = new Map<string, StoredRecord>();
  #files: GrowingFiles;
  #lastAllowed: StoredRecord | undefined;
  #skipped = 0;
  /** The first of them, by lines without a text. */
  #skippedNames: string[] = [];
  #looked = 0;
  /** `#looked` at the last save point. */
  #lookedBefore = 0;

  constructor(parts: WriteParts, job: WriteJob) {
    this.#parts = parts;
    this.#job = job;
    this.#types = job.question.types === null ? undefined : new Set(job.question.types);
    this.#files = new GrowingFiles(parts.files, []);
  }

  /**
   * Goes on from a save point. What was written is read once more: who asked may see less now, and what the rest refers to
   * is to be brought along. Lines that may not be seen any more are taken out.
   */
  async takeUp(progress: ExportProgress): Promise<void> {
    await this.#demandStanding();
    const lessened: SealedLines[] = [];
    const whole: SealedLines[] = [];
    for (const lines of progress.written) ((await this.#isWhollySeen(lines)) ? whole : lessened).push(lines);
    this.#files = new GrowingFiles(this.#parts.files, whole);
    this.#skippedNames = [...(await stillSeen(this.#parts, this.#job.sight, progress.skipped))];
    this.#skipped = this.#skippedNames.length;
    this.#looked = progress.looked;
    this.#lookedBefore = progress.looked;
    if (lessened.length === 0) return;
    for (const lines of lessened) {
      for await (const seen of this.#readAgain(lines)) {
        for (const { line } of seen) await this.#files.add(lines.type, line);
      }
    }
    await this.#savePoint(progress.after);
    for (const { attachmentId } of lessened.flatMap(contentsOf)) await this.#parts.files.remove(attachmentId);
  }

  /** `name`: where a later run goes on after this patient. */
  async patient(owner: Owner, name: string): Promise<void> {
    this.#lastAllowed = undefined;
    this.#carried.clear();
    for await (const page of listCompartment(this.#parts, owner)) {
      await this.#demandStanding();
      const nowMs = this.#parts.clock();
      await this.#write(page.filter((record) => !this.#isLater(record, nowMs)));
    }
    await this.#statements(owner);
    await this.#demandStanding();
    // A patient is written whole or not at all: the order of records inside changes with the keys that they lie under.
    const due = Math.max(this.#parts.savePointRows ?? SAVE_POINT_ROWS, this.#lookedBefore * SAVE_POINT_PART);
    if (this.#looked - this.#lookedBefore >= due) await this.#savePoint(name);
  }

  /** First written since the export began. What bears a time to come was written before the clock was set back, and is not. */
  #isLater({ version, meta }: StoredRecord, nowMs: number): boolean {
    return version === 1 && this.#job.transactionMs < meta.lastUpdatedMs && meta.lastUpdatedMs <= nowMs;
  }

  /** Statements go with the records that they are about, under whose name a download decides about them again. */
  async #statements(owner: Owner): Promise<void> {
    const pid = pidOf(owner);
    const isAsked = this.#types === undefined || this.#types.has(STATEMENT);
    if (pid === undefined || !isAsked || this.#carried.size === 0) return;
    for (const { recordId, text } of (await this.#parts.listStatements?.(pid)) ?? []) {
      const record = this.#carried.get(recordId);
      if (record !== undefined) await this.#files.add(STATEMENT, sealLine(record, text));
    }
  }

  /** The directory resources that what was written refers to. */
  async directory(): Promise<void> {
    const names = [...this.#references].flatMap((name) => {
      const reference = parseReference(name);
      return reference.kind === 'local' ? [reference] : [];
    });
    for (let at = 0; at < names.length; at += COMPARTMENT_ROWS_MAX) {
      const found = await this.#parts.rows.findResources(names.slice(at, at + COMPARTMENT_ROWS_MAX));
      await this.#write(found.filter(({ status, meta }) => status === 'current' && meta.owner.startsWith('org:')));
    }
    await this.#demandStanding();
  }

  async finish(): Promise<{ readonly files: readonly ExportFile[]; readonly skipped: number }> {
    return { files: namedFiles(await this.#files.settle()), skipped: this.#skipped };
  }

  discard(): Promise<void> {
    return this.#files.discard();
  }

  async #savePoint(after: string): Promise<void> {
    if (this.#skipped > SKIPPED_NAMED_MAX) return;
    const written = await this.#files.settle();
    this.#lookedBefore = this.#looked;
    await this.#job.keep({ after, written, skipped: [...this.#skippedNames], looked: this.#looked });
  }

  async #isWhollySeen(lines: SealedLines): Promise<boolean> {
    let count = 0;
    for await (const seen of this.#readAgain(lines)) {
      for (const { record } of seen) this.#remember(record);
      count += seen.length;
    }
    return count === lines.count;
  }

  /** Nothing is shown to anybody here, so nothing is logged. */
  async *#readAgain(lines: SealedLines): AsyncGenerator<readonly SeenLine[]> {
    try {
      let count = 0;
      for await (const page of seenLines(this.#parts, this.#job.sight, lines)) {
        await this.#demandStanding();
        count += page.count;
        yield page.seen;
      }
      if (count !== lines.count) throw new Damaged('what was written has fewer lines than were counted');
    } catch (cause) {
      throw isDamage(cause) ? new Damaged('what was written is missing or changed', { cause }) : cause;
    }
  }

  async #write(page: readonly StoredRecord[]): Promise<void> {
    const { question, sight } = this.#job;
    const filter = {
      ...(this.#types === undefined ? {} : { types: this.#types }),
      ...(question.sinceMs === null ? {} : { sinceMs: question.sinceMs }),
    };
    this.#looked += page.length;
    // What is corrected meanwhile may lie under a later key and come again.
    const asked = page.filter((record) => isInFilter(record, filter) && !this.#carried.has(record.recordId));
    const allowed = await exportable(this.#parts, sight, asked);
    const fitting = await this.#fitting(allowed);
    for (const { record, text } of await openRecords(this.#parts, sight, { records: fitting, kind: 'export' })) {
      if (text === null) this.#skip(record);
      else {
        this.#remember(record);
        await this.#files.add(record.meta.type, sealLine(record, text));
      }
      this.#carried.set(record.recordId, record);
    }
    this.#lastAllowed = allowed.at(-1) ?? this.#lastAllowed;
  }

  #skip(record: StoredRecord): void {
    this.#skipped += 1;
    if (this.#skipped <= SKIPPED_NAMED_MAX) this.#skippedNames.push(nameLine(record));
  }

  /** What a `_typeFilter` leaves: read before it is logged, shown to nobody. */
  async #fitting(records: readonly StoredRecord[]): Promise<readonly StoredRecord[]> {
    const { filters } = this.#job;
    if (filters.size === 0) return records;
    const fitting: StoredRecord[] = [];
    for (const record of records) {
      const wanted = filters.get(record.meta.type);
      if (wanted === undefined || this.#fits(wanted, await treeOf(this.#parts, record))) fitting.push(record);
    }
    return fitting;
  }

  #fits(wanted: readonly (readonly OwnFilter[])[], tree: FhirTree): boolean {
    const nowMs = this.#parts.clock();
    return wanted.some((filters) => filters.every((filter) => matchesFilter(tree, filter, nowMs)));
  }

  #remember({ meta }: StoredRecord): void {
    if (!meta.owner.startsWith('pid:')) return;
    for (const name of meta.references) if (this.#references.size < REFERENCES_MAX) this.#references.add(name);
  }

  /** A caller who was revoked, or is refused now what they were given a moment ago, gets nothing more. */
  async #demandStanding(): Promise<void> {
    const { sight, signal } = this.#job;
    signal.throwIfAborted();
    if (!(await isStanding(this.#parts.ledger, sight))) throw new TakenBack();
    if (this.#lastAllowed === undefined) return;
    const [still] = await exportable(this.#parts, sight, [this.#lastAllowed]);
    if (still === undefined) throw new TakenBack();
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof CryptoError || (error instanceof RecordsError && error.code === 'attachment-truncated');
}

async function treeOf({ ciphertext }: WriteParts, record: StoredRecord): Promise<FhirTree> {
  return parseFhirJson(Buffer.from(await ciphertext.readPlaintext(record)));
}
