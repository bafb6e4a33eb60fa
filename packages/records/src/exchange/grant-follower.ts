import type { GrantFact, Write } from '@salus/contracts';
import type { Ledger, TransactionOutcome } from '@salus/ledger';
import type { ExchangeReader } from './reader.ts';

/**
 * Follows the ledger's blocks, so that keys and lists of an ended grant leave the reader's memory as soon as the block
 * is there. Nothing rests on it: both sides ask the state at every read.
 */
export class GrantFollower implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  constructor(
    ledger: Pick<Ledger, 'follow' | 'height'>,
    reader: Pick<ExchangeReader, 'forgetGrant'>,
    onFailure: (error: unknown) => void,
  ) {
    this.#following = follow(ledger, reader, this.#stop.signal).catch(onFailure);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }
}

async function follow(
  ledger: Pick<Ledger, 'follow' | 'height'>,
  reader: Pick<ExchangeReader, 'forgetGrant'>,
  signal: AbortSignal,
): Promise<void> {
  for await (const { transactions } of ledger.follow((await ledger.height()) + 1, signal)) {
    for (const { outcome } of transactions) {
      for (const [key, value] of writesOf(outcome)) {
        const [family, pid, grant] = key.split('/');
        if (family !== 'grant' || pid === undefined || grant === undefined) continue;
        if ((value as GrantFact | null)?.status !== 'active') reader.forgetGrant(pid, grant);
      }
    }
  }
}

/** A grant that a distrusted call wrote is one that nothing may be read on. */
function writesOf(outcome: TransactionOutcome): readonly Write[] {
  switch (outcome.kind) {
    case 'committed':
      return outcome.writes;
    case 'distrusted':
      return outcome.keys.map((key) => [key, null]);
    case 'refused':
      return [];
  }
}
