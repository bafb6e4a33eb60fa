import { PassThrough, type Readable } from 'node:stream';
import type { Principal } from '../sessions.ts';
import type { LiveEvent } from './live-event.ts';

/** What a slow reader may leave unread before its stream ends; it connects again and asks anew. */
const UNREAD_BYTES_MAX = 64 * 1024;

/** One open page: frames of server-sent events (WHATWG HTML §9.2) for one session. */
export class EventStream {
  readonly principal: Principal;
  readonly #isOpen: () => boolean;
  readonly #out = new PassThrough();

  /** `isOpen`: does the session still count? */
  constructor(principal: Principal, isOpen: () => boolean) {
    this.principal = principal;
    this.#isOpen = isOpen;
  }

  get readable(): Readable {
    return this.#out;
  }

  /** Called once when it has ended, whoever ended it. */
  onEnd(listener: () => void): void {
    this.#out.once('close', listener);
  }

  start(height: number): void {
    this.#write(`event: ready\ndata: ${JSON.stringify({ height })}\n\n`);
  }

  send(event: LiveEvent): void {
    if (this.demandOpen()) this.#write(`event: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`);
  }

  /** Keeps proxies from closing a quiet connection. */
  beat(): void {
    if (this.demandOpen()) this.#write(': still here\n\n');
  }

  /** Ends the stream of a session that is over; says whether it goes on. */
  demandOpen(): boolean {
    if (this.#out.destroyed || this.#out.writableEnded) return false;
    if (this.#isOpen()) return true;
    this.end();
    return false;
  }

  end(): void {
    if (!this.#out.writableEnded) this.#out.end('event: end\ndata: {}\n\n');
  }

  #write(frame: string): void {
    if (this.#out.writableEnded) return;
    this.#out.write(frame);
    if (this.#out.readableLength > UNREAD_BYTES_MAX) this.#out.destroy();
  }
}
