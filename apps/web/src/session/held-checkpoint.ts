import { type FollowedLedger, followLedger, type NodeSession } from '@salus/client';
import { canonicalBytes, fromUtf8, type Json } from '@salus/crypto';
import type { SeenCheckpoint } from '@salus/wallet';
import type { SealedStore } from '@salus/wallet/web';

/** Sealed, so that nobody but its owner changes what this device has seen. */
const NAME = 'held-checkpoint';
/** One tab at a time keeps another. */
const LOCK = 'salus-checkpoint';

/** What a device without a wallet has seen of a ledger. */
interface Held {
  /** The last: what comes later must lead on from it. */
  readonly checkpoint: SeenCheckpoint;
  /** When the device saw the first. */
  readonly sinceMs: number;
}

/** How the newest checkpoint stands to the last one that this device keeps. */
export interface HeldLedger extends FollowedLedger {
  /**
   * Whether the newest checkpoint continues one that was kept here before. The first that a device sees is the node's word: a
   * wallet carries its first over to every device of its owner, what lies here begins anew wherever it is removed.
   */
  readonly isAnchored: boolean;
  /** When this device first saw the ledger; null where that is now. */
  readonly sinceMs: number | null;
}

/** Follows the ledger from the last checkpoint of it that this device has seen, and keeps how far. */
export function heldCheckpoint(
  store: SealedStore,
  network: string,
  nowMs: () => number,
): { follow(session: NodeSession): Promise<HeldLedger> } {
  const find = async (): Promise<Held | undefined> => {
    const kept = await store.find(NAME);
    return kept === undefined ? undefined : (JSON.parse(fromUtf8(kept)) as Held);
  };
  const keep = (checkpoint: SeenCheckpoint): Promise<void> =>
    navigator.locks.request(LOCK, async () => {
      const newest = await find();
      // Another tab may have seen more meanwhile.
      if (newest !== undefined && !isLater(checkpoint, newest.checkpoint)) return;
      const held: Held = { checkpoint, sinceMs: newest?.sinceMs ?? nowMs() };
      await store.put(NAME, canonicalBytes(held as unknown as Json));
    });
  return {
    follow: async (session) => {
      const held = await find();
      const ledger = await followLedger(session, { network, checkpoint: held?.checkpoint ?? null });
      if (held?.checkpoint.hash !== ledger.kept.hash) await keep(ledger.kept);
      return { ...ledger, isAnchored: ledger.isAnchored && held !== undefined, sinceMs: held?.sinceMs ?? null };
    },
  };
}

/** Blocks of a channel are counted anew, and come after all of the ledger that moved there. */
function isLater(checkpoint: SeenCheckpoint, than: SeenCheckpoint): boolean {
  const isOnChannel = checkpoint.onChannel === true;
  return isOnChannel === (than.onChannel === true) ? checkpoint.number > than.number : isOnChannel;
}
