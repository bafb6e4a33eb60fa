import type { Message, Stream } from 'fabric-shim/lib/server.js';
import { FabricError } from '../fabric-error.ts';
import { MESSAGE, NO_OFFERS, type PeerOffers, readOffers } from './peer-messages.ts';

const HANDLED: ReadonlySet<number> = new Set([
  ...[MESSAGE.registered, MESSAGE.init, MESSAGE.ready, MESSAGE.transaction, MESSAGE.error, MESSAGE.response],
]);

/**
 * A peer's stream as fabric-shim's handler sees it. The handler ends the process at a message that it does not know, writes to
 * streams that have ended, and forgets questions whose answer never comes: here such a message ends the stream alone, writes
 * after its end are dropped, and `closed` tells whoever still waits.
 */
export class GuardedStream implements Stream {
  readonly #stream: Stream;
  readonly #closed = Promise.withResolvers<never>();
  readonly #onRefused: (cause: FabricError) => void;
  #isClosed = false;
  #offers = NO_OFFERS;
  #messageClass: (new () => Message) | undefined;

  constructor(stream: Stream, onRefused: (cause: FabricError) => void) {
    this.#stream = stream;
    this.#onRefused = onRefused;
    // Most streams close while nobody waits.
    this.#closed.promise.catch(() => undefined);
    for (const event of ['end', 'close', 'cancelled'] as const) stream.on(event, () => this.#close());
    stream.on('error', () => this.#close());
  }

  /** Rejects once the stream has ended. */
  get closed(): Promise<never> {
    return this.#closed.promise;
  }

  get offers(): PeerOffers {
    return this.#offers;
  }

  /** A message of the class that the shim itself sends: it brings its own version of the protocol's classes. */
  newMessage(): Message {
    if (this.#messageClass === undefined) throw new FabricError('peer-failed', 'the peer has not registered yet');
    return new this.#messageClass();
  }

  on(event: 'data', listener: (message: Message) => void): this;
  on(event: 'end' | 'close' | 'cancelled', listener: () => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: string, listener: (value: never) => void): this {
    const handle = listener as (value: unknown) => void;
    if (event === 'data') this.#stream.on('data', (message) => this.#receive(message, handle));
    else if (event === 'error') this.#stream.on('error', handle);
    else this.#stream.on(event as 'end', handle as () => void);
    return this;
  }

  write(message: Message): void {
    if (!this.#isClosed) this.#stream.write(message);
  }

  end(): void {
    this.#close();
    this.#stream.end();
  }

  #receive(message: Message, handle: (message: Message) => void): void {
    if (this.#isClosed) return;
    const type = message.getType();
    // A peer that keeps the connection alive expects no answer.
    if (type === MESSAGE.keepalive) return;
    try {
      if (!HANDLED.has(type)) throw new FabricError('peer-failed', `a peer sent a message of type ${type}`);
      if (type === MESSAGE.ready) this.#offers = findOffers(message);
      this.#messageClass ??= message.constructor as new () => Message;
      handle(message);
    } catch (cause) {
      this.#onRefused(
        cause instanceof FabricError
          ? cause
          : new FabricError('peer-failed', 'a peer sent a message that cannot be handled', { cause }),
      );
      this.end();
    }
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.reject(new FabricError('peer-failed', 'the peer has ended its stream'));
  }
}

function findOffers(message: Message): PeerOffers {
  try {
    return readOffers(message.getPayload_asU8());
  } catch (cause) {
    throw new FabricError('peer-failed', 'a peer offers what cannot be read', { cause });
  }
}
