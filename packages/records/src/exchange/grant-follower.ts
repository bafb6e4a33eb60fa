import type { GrantFact } from '@salus/contracts';
import { type Block, type Ledger, writesOf } from '@salus/ledger';
import type { CoverRoots } from '../cover-roots.ts';
import type { ForeignChanges } from '../foreign/foreign-changes.ts';
import type { ExchangeReader } from './reader.ts';

/** Who is told of the ledger's blocks. */
export interface Followed {
  readonly reader: Pick<ExchangeReader, 'forgetGrant'>;
  readonly covers: Pick<CoverRoots, 'note'>;
  readonly changes: Pick<ForeignChanges, 'note'>;
}

/**
 * Follows the ledger's blocks, so that keys and lists of an ended grant leave the reader's memory as soon as the block
 * is there, what is new elsewhere is known to be, and what every member answers is answered. No decision rests on it: both sides ask the state at every read.
 */
export class GrantFollower implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  constructor(ledger: Pick<Ledger, 'follow' | 'height'>, followed: Followed, onFailure: (error: unknown) => void) {
    this.#following = follow(ledger, followed, this.#stop.signal).catch(onFailure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }
}

async function follow(
  ledger: Pick<Ledger, 'follow' | 'height'>,
  { reader, covers, changes }: Followed,
  signal: AbortSignal,
): Promise<void> {
  for await (const block of ledger.follow((await ledger.height()) + 1, signal)) {
    forgetEnded(block, reader);
    changes.note(block);
    await covers.note(block);
  }
}

/** A grant that a distrusted call wrote is one that nothing may be read on. */
function forgetEnded({ transactions }: Block, reader: Pick<ExchangeReader, 'forgetGrant'>): void {
  for (const { outcome } of transactions) {
    for (const [key, value] of writesOf(outcome)) {
      const [family, pid, grant] = key.split('/');
      if (family !== 'grant' || pid === undefined || grant === undefined) continue;
      if ((value as GrantFact | null)?.status !== 'active') reader.forgetGrant(pid, grant);
    }
  }
}
