import type { Json } from '@salus/contracts';
import type { ContractRuntime } from '../contract-runtime.ts';
import { BYTES_PER_CHARACTER, type Pending } from './pending.ts';
import { SignaturePool } from './signature-pool.ts';

/** Calls, and bytes of their texts, that may wait; beyond it `overloaded`. */
export const QUEUE_CALLS_MAX = 10_000;
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** A block stays so small that it is executed and stored in well under a second. */
export const BLOCK_CALLS_MAX = 512;
export const BLOCK_CHARACTERS_MAX = 8 * 1024 * 1024;
/**
 * While more calls wait, a block is not begun with fewer: its two syncs cost as much as a dozen calls. In a shorter queue all
 * that wait share the block.
 */
const BLOCK_CALLS_GATHERED = 192;
/** So few calls are verified where they are executed: a worker's answer would take longer. */
const INLINE_CALLS_MAX = 2;

/** Calls in the order in which they came, whose signatures are verified ahead by threads while they wait. */
export class CallQueue implements AsyncDisposable {
  readonly #runtime: ContractRuntime;
  readonly #read: (key: string) => Json | undefined;
  readonly #pool: SignaturePool;
  readonly #calls: Pending[] = [];
  #bytes = 0;

  /** `read` gives committed state; `onReady` is called when calls may have become ready to be taken. */
  constructor(runtime: ContractRuntime, read: (key: string) => Json | undefined, onReady: () => void) {
    this.#runtime = runtime;
    this.#read = read;
    this.#pool = new SignaturePool(onReady);
  }

  get length(): number {
    return this.#calls.length;
  }

  get isFull(): boolean {
    return this.#calls.length >= QUEUE_CALLS_MAX || this.#bytes >= QUEUE_BYTES_MAX;
  }

  push(pending: Pending): void {
    this.#calls.push(pending);
    this.#bytes += pending.sizeBytes;
    this.#verifyAhead();
  }

  /** The next block's calls; none while threads are busy with too many of them. */
  take(): Pending[] {
    this.#verifyAhead();
    const enough = Math.min(this.#calls.length, BLOCK_CALLS_GATHERED);
    let count = 0;
    let bytes = 0;
    for (const pending of this.#calls) {
      if (count === BLOCK_CALLS_MAX || bytes > BYTES_PER_CHARACTER * BLOCK_CHARACTERS_MAX) break;
      if (pending.verification === 'asked') {
        if (count < enough) return [];
        break;
      }
      count += 1;
      bytes += pending.sizeBytes;
    }
    this.#bytes -= bytes;
    return this.#calls.splice(0, count);
  }

  /** All calls; the queue is empty afterwards. */
  drain(): Pending[] {
    this.#bytes = 0;
    return this.#calls.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  #verifyAhead(): void {
    if (this.#calls.length <= INLINE_CALLS_MAX || !this.#pool.ready) return;
    // From the end: those before the first that was asked were asked with it.
    for (let at = this.#calls.length - 1; at >= 0; at -= 1) {
      const pending = this.#calls[at]!;
      if (pending.verification !== 'none') return;
      this.#ask(pending);
    }
  }

  #ask(pending: Pending): void {
    const { signed } = pending;
    const publicKey = this.#runtime.signerKeyHint(this.#read, pending.call);
    if (signed === undefined || publicKey === undefined) {
      // It will be refused, or its signer is enrolled by a call before it.
      pending.verification = 'answered';
      return;
    }
    pending.verification = 'asked';
    const { callId, payloadText, signature } = signed;
    const answer = (valid: boolean | undefined): void => {
      pending.verification = 'answered';
      if (valid !== undefined) pending.verified = { callId, publicKey, signature, valid };
    };
    this.#pool.ask({ payloadText, signature, publicKey, answer });
  }
}
