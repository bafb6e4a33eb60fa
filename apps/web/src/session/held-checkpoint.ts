import { type FollowedLedger, followLedger, type NodeSession } from '@salus/client';
import { canonicalBytes, fromUtf8, type Json } from '@salus/crypto';
import type { SeenCheckpoint } from '@salus/wallet';
import type { SealedStore } from '@salus/wallet/web';

/** Sealed, so that nobody but its owner changes what this device has seen. */
const NAME = 'checkpoint';
/** One tab at a time keeps another. */
const LOCK = 'salus-checkpoint';

/** The last checkpoint of a network that a device without a wallet has seen: what comes later must lead on from it. */
export function heldCheckpoint(
  store: SealedStore,
  network: string,
): { follow(session: NodeSession): Promise<FollowedLedger> } {
  const find = async (): Promise<SeenCheckpoint | null> => {
    const kept = await store.find(NAME);
    return kept === undefined ? null : (JSON.parse(fromUtf8(kept)) as SeenCheckpoint);
  };
  const keep = (kept: SeenCheckpoint): Promise<void> =>
    navigator.locks.request(LOCK, async () => {
      const newest = await find();
      // Another tab may have seen more meanwhile.
      const isOlder = newest !== null && newest.onChannel === kept.onChannel && kept.number <= newest.number;
      if (!isOlder) await store.put(NAME, canonicalBytes(kept as unknown as Json));
    });
  return {
    follow: async (session) => {
      const checkpoint = await find();
      const ledger = await followLedger(session, { network, checkpoint });
      if (checkpoint?.hash !== ledger.kept.hash) await keep(ledger.kept);
      return ledger;
    },
  };
}
