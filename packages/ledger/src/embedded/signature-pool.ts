import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { SignatureAnswers, SignatureBatch, SignatureWorkerReady } from './signature-worker.ts';

/** Calls in one message: enough to spread the cost of a message, few enough that a block need not wait long for them. */
export const SIGNATURE_BATCH_MAX = 64;
/** One core is left for executing and storing. */
export const SIGNATURE_WORKERS = Math.max(1, availableParallelism() - 1);

/** A thread holds a few batches and its key cache; without a limit V8 lets its garbage pile up to a hundred megabytes. */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 };

export type SignatureQuestion = {
  readonly payloadText: string;
  readonly signature: string;
  readonly publicKey: string;
  /** Called once, with undefined when the worker died: then the signature is verified where it is needed. */
  readonly answer: (valid: boolean | undefined) => void;
};

/** Worker threads that verify signatures ahead of execution. The first starts with the pool, the others when it is busy. */
export class SignaturePool implements AsyncDisposable {
  readonly #size: number;
  readonly #onAnswers: () => void;
  readonly #workers: Lane[] = [];
  #waiting: SignatureQuestion[] = [];
  #flushing = false;
  #closed = false;

  /** `onAnswers` is called after each batch of answers was given. */
  constructor(onAnswers: () => void, size: number = SIGNATURE_WORKERS) {
    this.#onAnswers = onAnswers;
    this.#size = size;
    this.#start();
  }

  /** Whether a thread answers already: it takes a while to start, in which nobody should wait for it. */
  get ready(): boolean {
    return this.#workers.some((lane) => lane.ready);
  }

  ask(question: SignatureQuestion): void {
    this.#waiting.push(question);
    if (this.#waiting.length >= SIGNATURE_BATCH_MAX) this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      // Questions of the same turn of the event loop travel together.
      setImmediate(() => this.#flush());
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#workers.map((lane) => lane.end()));
  }

  #flush(): void {
    this.#flushing = false;
    const questions = this.#waiting;
    if (questions.length === 0) return;
    this.#waiting = [];
    if (this.#closed || !this.ready) {
      for (const question of questions) question.answer(undefined);
      return;
    }
    this.#lane().send(questions);
  }

  /** The lane with the fewest open questions; another one starts while all are busy. */
  #lane(): Lane {
    const ready = this.#workers.filter((lane) => lane.ready);
    const least = ready.reduce((best, lane) => (lane.open < best.open ? lane : best));
    const allStarted = ready.length === this.#workers.length;
    if (least.open > 0 && allStarted && this.#workers.length < this.#size) this.#start();
    return least;
  }

  #start(): void {
    const onDeath = (dead: Lane): void => {
      this.#workers.splice(this.#workers.indexOf(dead), 1);
      // One that never came up would not come up again either: then signatures are verified where they are needed.
      if (dead.ready && !this.#closed) this.#start();
    };
    this.#workers.push(new Lane(this.#onAnswers, onDeath));
  }
}

class Lane {
  readonly worker: Worker;
  readonly #batches = new Map<number, readonly SignatureQuestion[]>();
  #next = 0;
  open = 0;
  ready = false;

  constructor(onAnswers: () => void, onDeath: (lane: Lane) => void) {
    this.worker = new Worker(new URL('./signature-worker.ts', import.meta.url), { resourceLimits: WORKER_LIMITS });
    this.worker.on('message', (message: SignatureWorkerReady | SignatureAnswers) => {
      if ('ready' in message) {
        this.ready = true;
        return;
      }
      this.#settle(message.batch, (index) => message.valid[index] === 1);
      onAnswers();
    });
    this.worker.on('error', () => void this.worker.terminate());
    this.worker.on('exit', () => {
      onDeath(this);
      for (const batch of [...this.#batches.keys()]) this.#settle(batch, () => undefined);
      onAnswers();
    });
    // Open questions keep the process alive, an idle worker must not. Listening for messages would hold it again.
    this.worker.unref();
  }

  /** Keeps the process alive until the thread has ended: whoever waits for that must not be left waiting. */
  async end(): Promise<void> {
    this.worker.ref();
    await this.worker.terminate();
  }

  send(questions: readonly SignatureQuestion[]): void {
    const batch = this.#next++;
    this.#batches.set(batch, questions);
    this.open += questions.length;
    this.worker.ref();
    const texts = questions.flatMap(({ payloadText, signature, publicKey }) => [payloadText, signature, publicKey]);
    this.worker.postMessage({ batch, texts } satisfies SignatureBatch);
  }

  #settle(batch: number, answerOf: (index: number) => boolean | undefined): void {
    const questions = this.#batches.get(batch) ?? [];
    this.#batches.delete(batch);
    this.open -= questions.length;
    if (this.#batches.size === 0) this.worker.unref();
    for (const [index, question] of questions.entries()) question.answer(answerOf(index));
  }
}
