import type { GrantEntry, PidEntry, SeenCheckpoint, WalletContent, WardEntry } from './content.ts';

/**
 * What several devices of one patient knew, as one: each backs its own content up, and cannot open another's. Nothing that
 * one of them knew is lost; where two differ, the one that is further on counts, else the first.
 */
export function mergeContents(first: WalletContent, ...others: readonly WalletContent[]): WalletContent {
  return others.reduce(mergeTwo, first);
}

function mergeTwo(left: WalletContent, right: WalletContent): WalletContent {
  const wards = mergeBy(left.wards ?? [], right.wards ?? [], ({ pid }) => pid, laterWard);
  return {
    ...left,
    pids: mergeBy(left.pids, right.pids, ({ pid }) => pid, laterPid),
    grants: mergeBy(left.grants, right.grants, ({ terms }) => terms.grant, laterGrant),
    // All are beginnings of one list: devices that were joined hold less of it.
    recoveryKeys: left.recoveryKeys.length < right.recoveryKeys.length ? right.recoveryKeys : left.recoveryKeys,
    recoveryNext: Math.max(left.recoveryNext, right.recoveryNext),
    checkpoint: laterCheckpoint(left.checkpoint, right.checkpoint),
    ...(wards.length === 0 ? {} : { wards }),
  };
}

function mergeBy<Entry>(
  left: readonly Entry[],
  right: readonly Entry[],
  nameOf: (entry: Entry) => string,
  choose: (left: Entry, right: Entry) => Entry,
): readonly Entry[] {
  const merged = new Map(left.map((entry) => [nameOf(entry), entry]));
  for (const entry of right) {
    const known = merged.get(nameOf(entry));
    merged.set(nameOf(entry), known === undefined ? entry : choose(known, entry));
  }
  return [...merged.values()];
}

function laterPid(left: PidEntry, right: PidEntry): PidEntry {
  return right.sequence > left.sequence ? right : left;
}

/** The terms that were signed last, for only they open what the ledger holds; a grant that one device revoked is revoked. */
function laterGrant(left: GrantEntry, right: GrantEntry): GrantEntry {
  const later = right.madeMs > left.madeMs ? right : left;
  const ended = [left.revokedMs, right.revokedMs].filter((ms) => ms !== null);
  return { ...later, revokedMs: ended.length === 0 ? null : Math.min(...ended) };
}

function laterWard(left: WardEntry, right: WardEntry): WardEntry {
  return right.untilMs > left.untilMs ? right : left;
}

/** The channel took the ledger over: its blocks come after all others. */
function laterCheckpoint(left: SeenCheckpoint | null, right: SeenCheckpoint | null): SeenCheckpoint | null {
  if (left === null || right === null) return left ?? right;
  const isOnChannel = (seen: SeenCheckpoint): number => Number(seen.onChannel === true);
  const further = isOnChannel(right) - isOnChannel(left) || right.number - left.number;
  return further > 0 ? right : left;
}
