import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Answer, FromWorker, Question, ToWorker } from './bundle-worker-messages.ts';
import type { BundleInput, BundleQuestions, PreparedBundle } from './prepared-bundle.ts';
import type { ObjectToSeal, SealedObject } from './record-object.ts';
import { RecordsError } from './records-error.ts';

/** Bundles that wait or are prepared at once, by number and by bytes held in memory. */
export const BUNDLES_WAITING_MAX = 256;
export const BUNDLE_BYTES_WAITING_MAX = 256 * 1024 * 1024;
/** Bundles that one worker has in hand: while one waits for an answer it works on another. */
const JOBS_PER_WORKER = 2;
/** Of small ones it has more, so that they travel together: waking a thread costs as much as preparing one. */
const SMALL_JOBS_PER_WORKER = 32;
const SMALL_JOB_BYTES = 16 * 1024;
/** A thread with the FHIR definitions takes about 200 MB (SETUP §9): a second one lives only while there is work for it. */
const WORKERS_MAX = 2;
const IDLE_MS = 30_000;
/** Room for the largest bundle that fhir parses (32 MiB), and no more: the thread ends where it would take more. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 768, maxYoungGenerationSizeMb: 24 };

type Job = {
  readonly input: BundleInput;
  readonly questions: BundleQuestions;
  readonly answer: PromiseWithResolvers<PreparedBundle>;
  /** Why a question of this job could not be answered. */
  cause?: { readonly error: unknown };
};

type Slot = {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  readonly seals: Map<number, PromiseWithResolvers<readonly SealedObject[]>>;
  /** To be sent at the end of this turn of the event loop. */
  readonly leaving: ToWorker[];
};

/**
 * Threads that parse, validate and classify bundles, and seal large ones, started when first needed. One pool serves all vaults
 * of a process.
 */
export class BundleWorkers implements AsyncDisposable {
  readonly #size: number;
  readonly #slots: Slot[] = [];
  readonly #queue: { readonly id: number; readonly job: Job }[] = [];
  #nextId = 0;
  #running = 0;
  #bytes = 0;
  #closed = false;

  constructor(size = Math.min(WORKERS_MAX, Math.max(1, availableParallelism() - 1))) {
    this.#size = size;
  }

  /** Starts the first thread, so that the first bundle does not wait for it. */
  start(): void {
    if (this.#slots.length === 0) this.#slots.push(this.#startWorker());
  }

  /** See `prepareBundle`. Rejects `overloaded`, `closed`, and with what a question threw. */
  prepare(input: BundleInput, questions: BundleQuestions): Promise<PreparedBundle> {
    if (this.#closed) return Promise.reject(new RecordsError('closed', 'the vault is closing'));
    if (this.#queue.length + this.#running >= BUNDLES_WAITING_MAX) {
      return Promise.reject(new RecordsError('overloaded', `more than ${BUNDLES_WAITING_MAX} bundles are waiting`));
    }
    const { byteLength } = input.bytes;
    if (this.#bytes > 0 && this.#bytes + byteLength > BUNDLE_BYTES_WAITING_MAX) {
      return Promise.reject(new RecordsError('overloaded', `bundles of ${BUNDLE_BYTES_WAITING_MAX} bytes are waiting`));
    }
    const answer = Promise.withResolvers<PreparedBundle>();
    this.#bytes += byteLength;
    const settled = answer.promise.finally(() => {
      this.#bytes -= byteLength;
    });
    this.#queue.push({ id: this.#nextId++, job: { input, questions, answer } });
    this.#assign();
    return settled;
  }

  /**
   * `sealRecord` of each. Waits for no bundle: one may wait for what the write holds whose records these are. Rejects as `prepare`.
   */
  seal(objects: readonly ObjectToSeal[]): Promise<readonly SealedObject[]> {
    if (this.#closed) return Promise.reject(new RecordsError('closed', 'the vault is closing'));
    this.start();
    const slot = this.#slots.reduce((least, other) => (other.seals.size < least.seals.size ? other : least));
    const answer = Promise.withResolvers<readonly SealedObject[]>();
    const job = this.#nextId++;
    slot.seals.set(job, answer);
    slot.worker.ref();
    send(slot, { kind: 'seal', job, objects });
    return answer.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const closing = new RecordsError('closed', 'the vault is closing');
    for (const { job } of this.#queue.splice(0)) job.answer.reject(closing);
    await Promise.all(this.#slots.map(({ worker }) => worker.terminate()));
  }

  #assign(): void {
    this.start();
    if (this.#queue.length + this.#running > this.#slots.length && this.#slots.length < this.#size) {
      this.#slots.push(this.#startWorker());
    }
    for (const slot of this.#slots) {
      for (;;) {
        const [next] = this.#queue;
        if (next === undefined) return;
        if (!hasRoom(slot, next.job)) break;
        this.#queue.shift();
        slot.jobs.set(next.id, next.job);
        this.#running += 1;
        slot.worker.ref();
        send(slot, { kind: 'prepare', job: next.id, input: next.job.input });
      }
    }
  }

  #startWorker(): Slot {
    const worker = new Worker(new URL('./bundle-worker.ts', import.meta.url), { resourceLimits: RESOURCE_LIMITS });
    const slot: Slot = { worker, jobs: new Map(), seals: new Map(), leaving: [] };
    worker.on('message', (message: FromWorker) => this.#receive(slot, message));
    worker.on('error', (cause) => this.#replace(slot, cause));
    worker.on('exit', () => this.#replace(slot, undefined));
    // An idle pool does not keep the process alive; a job in hand does.
    worker.unref();
    return slot;
  }

  #receive(slot: Slot, message: FromWorker): void {
    const seal = slot.seals.get(message.job);
    if (seal !== undefined) {
      this.#receiveSealed(slot, message, seal);
      return;
    }
    const job = slot.jobs.get(message.job);
    if (job === undefined) return;
    switch (message.kind) {
      case 'question':
        void this.#answer(slot, job, message);
        return;
      case 'done':
        this.#leave(slot, message.job);
        job.answer.resolve(message.prepared);
        return;
      case 'failed':
        this.#leave(slot, message.job);
        job.answer.reject(
          job.cause === undefined ? new Error(`preparing a bundle broke: ${message.name}`) : job.cause.error,
        );
        return;
      case 'sealed':
        throw new Error('broken invariant: what is prepared is not sealed');
    }
  }

  #receiveSealed(slot: Slot, message: FromWorker, answer: PromiseWithResolvers<readonly SealedObject[]>): void {
    slot.seals.delete(message.job);
    if (isIdle(slot)) this.#rest(slot);
    if (message.kind === 'sealed') answer.resolve(message.objects);
    else answer.reject(new Error(`sealing records broke: ${message.kind === 'failed' ? message.name : message.kind}`));
  }

  async #answer(slot: Slot, job: Job, message: Extract<FromWorker, { readonly kind: 'question' }>): Promise<void> {
    const { question } = message;
    try {
      send(slot, { kind: 'answer', job: message.job, question, value: await answerTo(job.questions, message.body) });
    } catch (error) {
      job.cause = { error };
      send(slot, { kind: 'no-answer', job: message.job, question });
    }
  }

  #leave(slot: Slot, id: number): void {
    slot.jobs.delete(id);
    this.#running -= 1;
    if (isIdle(slot)) this.#rest(slot);
    this.#assign();
  }

  /** An idle thread does not keep the process alive, and goes after a while when it is not the only one. */
  #rest(slot: Slot): void {
    slot.worker.unref();
    const timer = setTimeout(() => {
      if (!isIdle(slot) || this.#slots.length < 2) return;
      this.#slots.splice(this.#slots.indexOf(slot), 1);
      void slot.worker.terminate();
    }, IDLE_MS);
    timer.unref();
  }

  /** A worker that died takes its jobs with it; another takes its place. */
  #replace(slot: Slot, cause: unknown): void {
    const at = this.#slots.indexOf(slot);
    if (at < 0) return;
    this.#slots.splice(at, 1);
    this.#running -= slot.jobs.size;
    const error = this.#closed
      ? new RecordsError('closed', 'the vault is closing')
      : new RecordsError('overloaded', 'the thread that prepared the bundle stopped; nothing was written', { cause });
    for (const job of slot.jobs.values()) job.answer.reject(error);
    for (const answer of slot.seals.values()) answer.reject(error);
    if (!this.#closed && this.#queue.length > 0) this.#assign();
  }
}

function hasRoom({ jobs }: Slot, next: Job): boolean {
  if (jobs.size < JOBS_PER_WORKER) return true;
  return jobs.size < SMALL_JOBS_PER_WORKER && isSmall(next) && jobs.values().every(isSmall);
}

function isSmall({ input }: Job): boolean {
  return input.bytes.byteLength <= SMALL_JOB_BYTES;
}

function isIdle({ jobs, seals }: Slot): boolean {
  return jobs.size + seals.size === 0;
}

async function answerTo(questions: BundleQuestions, body: Question): Promise<Answer> {
  switch (body.name) {
    case 'begin':
      await questions.begin({ digest: body.digest, conditions: body.conditions });
      return null;
    case 'find':
      return questions.findByIdentifier(body.type, body.query);
    case 'search':
      return questions.findBySearch(body.type, body.query);
    case 'targets':
      return questions.findTargets(body.targets);
    case 'owners':
      return questions.findOwners(body.references);
  }
}

/** What is sent in one turn travels together. */
function send({ worker, leaving }: Slot, message: ToWorker): void {
  leaving.push(message);
  if (leaving.length === 1) setImmediate(() => worker.postMessage(leaving.splice(0)));
}
