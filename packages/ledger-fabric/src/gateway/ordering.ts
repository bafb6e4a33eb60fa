import { LedgerError } from '@salus/ledger';
import { backOffMs, pause } from './back-off.ts';
import { describeGatewayError, isTransientOrderError } from './gateway-fault.ts';
import type { Endorsed, OwnPeers } from './own-peers.ts';
import type { Pace } from './pace.ts';

export type OrderingParts = {
  readonly peers: Pick<OwnPeers, 'order'>;
  readonly pace: Pace;
};

/**
 * Hands a transaction to the orderers until nobody waits for it: again at once where they were not reached, and after the
 * channel's patience where they acknowledged it and no block holds it. Rejects with `unavailable` where they refuse it for good.
 */
export async function orderTransaction(
  { peers, pace }: OrderingParts,
  endorsed: Endorsed,
  { ended, onFailure }: { readonly ended: AbortSignal; readonly onFailure: (reason: string) => void },
): Promise<void> {
  for (let tries = 0; !ended.aborted; tries += 1) {
    try {
      await peers.order(endorsed);
      await pause(pace.patienceMs, ended);
    } catch (error) {
      const reason = describeGatewayError(error);
      if (!isTransientOrderError(error)) {
        // Of an earlier try nobody knows yet what became.
        const message = `the orderers refuse the transaction: ${reason}; the call can be sent again as it is`;
        throw new LedgerError('unavailable', message, { cause: error });
      }
      onFailure(`orderers: ${reason}`);
      await pause(backOffMs(tries), ended);
    }
  }
}
