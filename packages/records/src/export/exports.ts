import { fromBase64url } from '@salus/crypto';
import { Attachments } from '../attachments.ts';
import { logLook } from '../audit-by-owner.ts';
import type { Documents } from '../documents.ts';
import { newId } from '../index-rows.ts';
import type { ObjectArea } from '../objects/object-area.ts';
import { RecordsError } from '../records-error.ts';
import type { Sight } from '../sight.ts';
import type { StoredRecord } from '../vault-types.ts';
import {
  EXPORT_LIFETIME_MS,
  type ExportFile,
  type ExportJob,
  type ExportQuestion,
  isOf,
  isSame,
  jobJson,
  jobOf,
  SEALED_LINES,
} from './export-job.ts';
import { openLine, parseLine } from './export-line.ts';
import { linesOf } from './line-file.ts';
import { exportable, isStanding, type TypeFilters, type WriteParts, writeExport } from './write-export.ts';

/** Jobs that run at once: each keeps a core busy. */
export const EXPORTS_AT_ONCE = 2;
/** Jobs that one person may have, and that all have, until some expire or are deleted. */
export const EXPORTS_PER_CALLER_MAX = 5;
export const EXPORTS_MAX = 100;
/** How often expired jobs are looked for. */
const SWEEP_INTERVAL_MS = 60_000;
/** Lines of a download that are decided and logged together. */
const DOWNLOAD_LINES = 500;

const KIND = 'export-job';

type Parts = Omit<WriteParts, 'files'> & {
  readonly documents: Documents;
  readonly objects: ObjectArea;
  readonly onFailure: (error: unknown) => void;
};

/**
 * Bulk exports of one organisation: jobs and files lie sealed in the vault, outlive the process and expire. A job that a
 * restart cut off has failed, and leaves no file.
 */
export class Exports implements AsyncDisposable {
  readonly #parts: WriteParts & Pick<Parts, 'documents' | 'onFailure'>;
  readonly #running = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  readonly #timer: NodeJS.Timeout;
  #sweeping: Promise<void> = Promise.resolve();

  private constructor(parts: Parts) {
    this.#parts = { ...parts, files: new Attachments(parts.objects.place('exports')) };
    this.#timer = setInterval(() => {
      this.#sweeping = this.#sweeping.then(() => this.sweep()).catch(parts.onFailure);
    }, SWEEP_INTERVAL_MS);
    this.#timer.unref();
  }

  static async open(parts: Parts): Promise<Exports> {
    const exports = new Exports(parts);
    await exports.#settle();
    return exports;
  }

  /** Starts a job; `overloaded` when too many run or are kept. */
  async start(
    sight: Sight,
    {
      request,
      question,
      filters,
      binding,
    }: {
      readonly request: string;
      readonly question: ExportQuestion;
      readonly filters: TypeFilters;
      readonly binding: string | null;
    },
  ): Promise<ExportJob> {
    if (this.#running.size >= EXPORTS_AT_ONCE) throw new RecordsError('overloaded', 'too many exports run: try later');
    const jobId = newId();
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    // The place is taken before anything is waited for.
    this.#running.set(jobId, { abort, done: promise });
    try {
      const jobs = await this.#list();
      const own = jobs.filter((job) => isSame(job, sight.who)).length;
      if (own >= EXPORTS_PER_CALLER_MAX || jobs.length >= EXPORTS_MAX) {
        throw new RecordsError('overloaded', 'too many exports are kept: delete some');
      }
      const nowMs = this.#parts.clock();
      const job: ExportJob = {
        ...{ jobId, request, question, binding, who: sight.who, createdMs: nowMs, transactionMs: nowMs },
        lines: SEALED_LINES,
        state: { kind: 'running' },
      };
      await this.#keep(job);
      void this.#run(job, { sight, filters, signal: abort.signal }).finally(() => {
        this.#running.delete(jobId);
        resolve();
      });
      return job;
    } catch (error) {
      this.#running.delete(jobId);
      resolve();
      throw error;
    }
  }

  /** A job of this person; undefined for another's as for none. */
  async find(who: Sight['who'], jobId: string, binding: string | null): Promise<ExportJob | undefined> {
    const found = await this.#parts.documents.find(KIND, jobId);
    if (found === undefined) return undefined;
    const job = jobOf(found);
    return isOf(job, who, binding) && !this.#isExpired(job) ? job : undefined;
  }

  /** Ends a job that runs and removes its files; false when this person has none of that id. */
  async remove({ who, jobId, binding }: Pick<ExportJob, 'who' | 'jobId' | 'binding'>): Promise<boolean> {
    const job = await this.find(who, jobId, binding);
    if (job === undefined) return false;
    await this.#remove(job);
    return true;
  }

  /**
   * A file's lines as pieces of NDJSON, each decided about again and logged before it leaves: what the caller may not see any
   * more, or what was hidden or erased since, is left out. Throws `denied` for who is not enrolled any more.
   */
  async *read(sight: Sight, { content }: ExportFile): AsyncGenerator<string> {
    const { ledger, files } = this.#parts;
    if (!(await isStanding(ledger, sight)))
      throw new RecordsError('denied', 'who asked for the export is enrolled no more');
    const source = files.read({ ...content, key: fromBase64url(content.key) });
    let gathered: string[] = [];
    for await (const line of linesOf(source)) {
      gathered.push(line);
      if (gathered.length < DOWNLOAD_LINES) continue;
      yield await this.#release(sight, gathered);
      gathered = [];
    }
    if (gathered.length > 0) yield await this.#release(sight, gathered);
  }

  /** Removes what has expired. */
  async sweep(): Promise<void> {
    for (const job of await this.#list()) if (this.#isExpired(job)) await this.#remove(job);
  }

  /** Until the job of this id has ended. */
  async ended(jobId: string): Promise<void> {
    await this.#running.get(jobId)?.done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  async #run(
    job: ExportJob,
    run: { readonly sight: Sight; readonly filters: TypeFilters; readonly signal: AbortSignal },
  ): Promise<void> {
    try {
      const state = await writeExport(this.#parts, { ...run, question: job.question });
      // Deleted while it ran: nothing may be left.
      if (run.signal.aborted && state.kind === 'complete') await this.#removeFiles(state.files);
      else await this.#keep({ ...job, state });
    } catch (error) {
      if (run.signal.aborted) return;
      this.#parts.onFailure(error);
      const code = error instanceof RecordsError ? error.code : 'internal';
      await this.#keep({ ...job, state: { kind: 'failed', code } }).catch(this.#parts.onFailure);
    }
  }

  async #release(sight: Sight, lines: readonly string[]): Promise<string> {
    const named = lines.map(parseLine);
    const { rows: stored } = this.#parts;
    const latest = await stored.findRecords(named.map(({ recordId }) => recordId));
    const written = new Map<string, StoredRecord>();
    for (const { recordId, version } of named) {
      const found = latest.get(recordId);
      if (found === undefined) continue;
      const record = found.version === version ? found : await stored.findRecord(recordId, version);
      if (record !== undefined) written.set(`${recordId} ${version}`, record);
    }
    // Hidden, erased or labelled higher since: the latest version decides as well.
    const seen = new Set(await exportable(this.#parts, sight, [...new Set([...latest.values(), ...written.values()])]));
    const rows = named.flatMap((line) => {
      const record = written.get(`${line.recordId} ${line.version}`);
      const isSeen = record !== undefined && seen.has(record) && seen.has(latest.get(line.recordId)!);
      return isSeen ? [{ record, text: openLine(record, line) }] : [];
    });
    const records = rows.map(({ record }) => record);
    await logLook(this.#parts.audit, { sight, kind: 'export', records, atMs: this.#parts.clock() });
    return rows.map(({ text }) => `${text}\n`).join('');
  }

  /**
   * What an earlier process or a backup left: jobs that ran or lost files have failed, and files that no job names are
   * removed, as are those of an earlier version whose lines no erasure reaches.
   */
  async #settle(): Promise<void> {
    const present = new Set<string>();
    for await (const ids of this.#parts.files.list()) for (const id of ids) present.add(id);
    const named = new Set<string>();
    for (const job of await this.#list()) {
      const { state } = job;
      const files = state.kind === 'complete' ? state.files.map(({ content }) => content.attachmentId) : [];
      if (files.length > 0 && job.lines !== SEALED_LINES) {
        await this.#remove(job);
        continue;
      }
      const isSettled = state.kind !== 'running' && files.every((id) => present.has(id));
      if (isSettled) for (const id of files) named.add(id);
      else await this.#keep({ ...job, state: { kind: 'failed', code: 'closed' } });
    }
    for (const id of present) if (!named.has(id)) await this.#parts.files.remove(id);
    await this.sweep();
  }

  async #list(): Promise<readonly ExportJob[]> {
    return (await this.#parts.documents.list(KIND)).map(({ value }) => jobOf(value));
  }

  #isExpired({ createdMs }: ExportJob): boolean {
    return this.#parts.clock() >= createdMs + EXPORT_LIFETIME_MS;
  }

  async #remove(job: ExportJob): Promise<void> {
    const running = this.#running.get(job.jobId);
    running?.abort.abort();
    await running?.done;
    const latest = await this.#parts.documents.find(KIND, job.jobId);
    const { state } = latest === undefined ? job : jobOf(latest);
    await this.#parts.documents.delete(KIND, job.jobId);
    if (state.kind === 'complete') await this.#removeFiles(state.files);
  }

  async #removeFiles(files: readonly ExportFile[]): Promise<void> {
    for (const { content } of files) await this.#parts.files.remove(content.attachmentId);
  }

  #keep(job: ExportJob): Promise<void> {
    return this.#parts.documents.put(KIND, job.jobId, jobJson(job));
  }
}
