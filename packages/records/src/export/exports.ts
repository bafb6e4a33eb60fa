import type { Json } from '@salus/crypto';
import { Attachments } from '../attachments.ts';
import { logLook } from '../audit-by-owner.ts';
import type { Documents } from '../documents.ts';
import { newId } from '../index-rows.ts';
import type { ObjectArea } from '../objects/object-area.ts';
import { RecordsError } from '../records-error.ts';
import type { Sight } from '../sight.ts';
import {
  EXPORT_LIFETIME_MS,
  EXPORT_RESUMES_MAX,
  type ExportFile,
  type ExportJob,
  type ExportProgress,
  type ExportState,
  isOf,
  isSame,
  jobJson,
  jobOf,
  objectsOf,
  type RunningJob,
  SEALED_LINES,
  turned,
} from './export-job.ts';
import { openLine } from './export-line.ts';
import { isStanding } from './exportable.ts';
import type { Recall } from './recall.ts';
import { type SeenLine, seenLines } from './seen-lines.ts';
import { type TypeFilters, type WriteParts, writeExport } from './write-export.ts';

/** Jobs that run at once: each keeps a core busy. */
export const EXPORTS_AT_ONCE = 2;
/** Jobs that one person may have, and that all have, until some expire or are deleted. */
export const EXPORTS_PER_CALLER_MAX = 5;
export const EXPORTS_MAX = 100;
/** How often expired jobs are looked for, and those that wait to go on. */
const SWEEP_INTERVAL_MS = 60_000;

const KIND = 'export-job';

type Parts = Omit<WriteParts, 'files'> & {
  readonly documents: Documents;
  readonly objects: ObjectArea;
  readonly onFailure: (error: unknown) => void;
};

/**
 * Bulk exports of one organisation: jobs and files lie sealed in the vault, outlive the process and expire. What a job names
 * is durable before it names it; a job that a restart cut off goes on from there, and what no job names is removed.
 */
export class Exports implements AsyncDisposable {
  readonly #parts: WriteParts & Pick<Parts, 'documents' | 'onFailure'>;
  readonly #running = new Map<string, { readonly abort: AbortController; readonly done: Promise<void> }>();
  /** Jobs that are being removed: nothing of them goes on. */
  readonly #ending = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #recall: Recall | undefined;
  #turn = 0;
  #looking: Promise<void> = Promise.resolve();

  private constructor(parts: Parts) {
    this.#parts = { ...parts, files: new Attachments(parts.objects.place('exports')) };
    this.#timer = setInterval(() => void this.#look(), SWEEP_INTERVAL_MS);
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
      filters,
      ...asked
    }: Pick<ExportJob, 'request' | 'question' | 'binding'> & {
      readonly requester: Json;
      readonly filters: TypeFilters;
    },
  ): Promise<ExportJob> {
    if (this.#running.size >= EXPORTS_AT_ONCE) throw new RecordsError('overloaded', 'too many exports run: try later');
    const jobId = newId();
    // The place is taken before anything is waited for.
    const { signal, release } = this.#occupy(jobId);
    try {
      const jobs = await this.#list();
      const own = jobs.filter((job) => isSame(job, sight.who)).length;
      if (own >= EXPORTS_PER_CALLER_MAX || jobs.length >= EXPORTS_MAX) {
        throw new RecordsError('overloaded', 'too many exports are kept: delete some');
      }
      const nowMs = this.#parts.clock();
      const job: RunningJob = {
        ...{ ...asked, jobId, who: sight.who, createdMs: nowMs, transactionMs: nowMs, lines: SEALED_LINES },
        state: { kind: 'running', resumes: 0, progress: null },
      };
      await this.#keep(job);
      void this.#run(job, { sight, filters, signal }).finally(release);
      return job;
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * From now on jobs that were cut off go on as `recall` says, when there is room for them. Resolves when those for which
   * there is room have begun.
   */
  resume(recall: Recall): Promise<void> {
    this.#recall = recall;
    return this.#look();
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
  async *read(sight: Sight, file: ExportFile): AsyncGenerator<string> {
    if (!(await isStanding(this.#parts.ledger, sight)))
      throw new RecordsError('denied', 'who asked for the export is enrolled no more');
    for await (const { seen } of seenLines(this.#parts, sight, file)) yield await this.#release(sight, seen);
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
    await this.#looking;
    const running = [...this.#running.values()];
    for (const { abort } of running) abort.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  #look(): Promise<void> {
    this.#looking = this.#looking
      .then(() => this.sweep())
      .then(() => this.#takeUp())
      .catch(this.#parts.onFailure);
    return this.#looking;
  }

  async #takeUp(): Promise<void> {
    const recall = this.#recall;
    // While nothing may be released (DESIGN §6) nobody's access is judged.
    if (recall === undefined || this.#parts.guard.isClosed) return;
    this.#turn += 1;
    for (const { jobId, state } of turned(await this.#list(), this.#turn)) {
      if (this.#running.size >= EXPORTS_AT_ONCE) return;
      if (state.kind !== 'running' || this.#running.has(jobId) || this.#ending.has(jobId)) continue;
      const { signal, release } = this.#occupy(jobId);
      void this.#goOn(jobId, { recall, signal }).catch(this.#parts.onFailure).finally(release);
    }
  }

  async #goOn(
    jobId: string,
    { recall, signal }: { readonly recall: Recall; readonly signal: AbortSignal },
  ): Promise<void> {
    const found = await this.#parts.documents.find(KIND, jobId);
    if (found === undefined) return;
    const { state, ...rest } = jobOf(found);
    // It may have ended since it was listed.
    if (state.kind !== 'running') return;
    const job = { ...rest, state };
    if (state.resumes >= EXPORT_RESUMES_MAX) return this.#end(job, { kind: 'failed', code: 'interrupted' });
    const sight = await recall.sight(job);
    if (sight === undefined) return this.#end(job, { kind: 'stopped' });
    // Counted before it runs: it may be what ends this process, too.
    const counted = { ...job, state: { ...state, resumes: state.resumes + 1 } };
    await this.#keep(counted);
    await this.#run(counted, { sight, filters: recall.filters(job.question), signal });
  }

  async #run(
    job: RunningJob,
    run: { readonly sight: Sight; readonly filters: TypeFilters; readonly signal: AbortSignal },
  ): Promise<void> {
    let kept = job;
    const keep = (progress: ExportProgress): Promise<void> => {
      kept = { ...kept, state: { ...kept.state, progress } };
      return this.#keep(kept);
    };
    const { question, transactionMs, state } = job;
    try {
      const about = { ...run, question, transactionMs, progress: state.progress, keep };
      const written = await writeExport(this.#parts, about);
      if (written.kind === 'damaged') this.#parts.onFailure(written.cause);
      await this.#end(kept, written.kind === 'damaged' ? { kind: 'failed', code: 'damaged' } : written);
    } catch (error) {
      // Deleted, and nothing is left; or the node stops, and it goes on at the next start.
      if (run.signal.aborted) return;
      this.#parts.onFailure(error);
      const code = error instanceof RecordsError ? error.code : 'internal';
      await this.#end(kept, { kind: 'failed', code }).catch(this.#parts.onFailure);
    }
  }

  /** The state first: what it names no more is removed, now or at the next start. */
  async #end(job: ExportJob, state: ExportState): Promise<void> {
    await this.#keep({ ...job, state });
    const named = new Set(objectsOf(state));
    for (const id of objectsOf(job.state)) if (!named.has(id)) await this.#parts.files.remove(id);
  }

  async #release(sight: Sight, seen: readonly SeenLine[]): Promise<string> {
    const records = seen.map(({ record }) => record);
    await logLook(this.#parts.audit, { sight, kind: 'export', records, atMs: this.#parts.clock() });
    return seen.map(({ record, named }) => `${openLine(record, named)}\n`).join('');
  }

  /**
   * What an earlier process or a backup left: a job that lost objects has failed, as has one that an earlier version began
   * without saying who asked. Objects that no job names are removed, the torn ones among them, as are jobs of an earlier
   * version whose lines no erasure reaches.
   */
  async #settle(): Promise<void> {
    const present = new Set<string>();
    for await (const ids of this.#parts.files.list()) for (const id of ids) present.add(id);
    const named = new Set<string>();
    for (const job of await this.#list()) {
      const objects = objectsOf(job.state);
      if (objects.length > 0 && job.lines !== SEALED_LINES) {
        await this.#remove(job);
        continue;
      }
      const isLost = objects.some((id) => !present.has(id));
      const isNobodys = job.state.kind === 'running' && job.requester === undefined;
      if (!isLost && !isNobodys) for (const id of objects) named.add(id);
      else await this.#keep({ ...job, state: { kind: 'failed', code: isLost ? 'damaged' : 'interrupted' } });
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

  #occupy(jobId: string): { readonly signal: AbortSignal; readonly release: () => void } {
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#running.set(jobId, { abort, done: promise });
    const release = (): void => {
      this.#running.delete(jobId);
      resolve();
    };
    return { signal: abort.signal, release };
  }

  async #remove({ jobId }: Pick<ExportJob, 'jobId'>): Promise<void> {
    this.#ending.add(jobId);
    try {
      const running = this.#running.get(jobId);
      running?.abort.abort();
      await running?.done;
      const latest = await this.#parts.documents.find(KIND, jobId);
      await this.#parts.documents.delete(KIND, jobId);
      if (latest === undefined) return;
      for (const id of objectsOf(jobOf(latest).state)) await this.#parts.files.remove(id);
    } finally {
      this.#ending.delete(jobId);
    }
  }

  #keep(job: ExportJob): Promise<void> {
    return this.#parts.documents.put(KIND, job.jobId, jobJson(job));
  }
}
