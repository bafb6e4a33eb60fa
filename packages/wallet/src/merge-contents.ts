import { grantKey, isNarrowing } from '@salus/contracts';
import type { GrantEntry, PidEntry, SeenCheckpoint, WalletContent, WardEntry } from './content.ts';
import { commitmentOf } from './grant-terms.ts';

/** A grant of which several devices keep different terms or salts. */
export interface ContestedGrant {
  readonly pid: string;
  readonly grant: string;
}

/** The grants for which `mergeContents` needs the ledger's commitment, each pid and grant once. */
export function contestedGrants(contents: readonly WalletContent[]): readonly ContestedGrant[] {
  const known = new Map<string, GrantEntry[]>();
  for (const entry of contents.flatMap(({ grants }) => grants)) {
    known.set(entry.terms.grant, [...(known.get(entry.terms.grant) ?? []), entry]);
  }
  const contested = new Map<string, ContestedGrant>();
  for (const entries of known.values()) {
    if (new Set(entries.map(({ terms, salt }) => commitmentOf(terms, salt))).size === 1) continue;
    for (const { terms } of entries) contested.set(keyOf(terms), { pid: terms.pid, grant: terms.grant });
  }
  return [...contested.values()];
}

/**
 * What several devices of one patient knew, as one: each backs its own content up, and cannot open another's. Nothing that
 * one of them knew is lost; where two differ, the one that is further on counts, else the first.
 *
 * @param commitments what the ledger holds of contested grants, by `grantKey`: only the terms and salt that open it count
 */
export function mergeContents(
  first: WalletContent,
  others: readonly WalletContent[],
  commitments: ReadonlyMap<string, string> = new Map(),
): WalletContent {
  return others.reduce((left, right) => mergeTwo(left, right, commitments), first);
}

function mergeTwo(left: WalletContent, right: WalletContent, commitments: ReadonlyMap<string, string>): WalletContent {
  const wards = mergeBy(left.wards ?? [], right.wards ?? [], ({ pid }) => pid, laterWard);
  const isOnLedger = ({ terms, salt }: GrantEntry): boolean => {
    const commitment = commitments.get(keyOf(terms));
    return commitment !== undefined && commitment === commitmentOf(terms, salt);
  };
  return {
    ...left,
    pids: mergeBy(left.pids, right.pids, ({ pid }) => pid, laterPid),
    grants: mergeBy(
      left.grants,
      right.grants,
      ({ terms }) => terms.grant,
      (one, other) => laterGrant(one, other, isOnLedger),
    ),
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

const keyOf = ({ pid, grant }: GrantEntry['terms']): string => grantKey(pid, grant);

function laterPid(left: PidEntry, right: PidEntry): PidEntry {
  return right.sequence > left.sequence ? right : left;
}

/** A grant that one device revoked is revoked. */
function laterGrant(left: GrantEntry, right: GrantEntry, isOnLedger: (entry: GrantEntry) => boolean): GrantEntry {
  const opening = [left, right].filter(isOnLedger);
  const [later = left] = opening.length === 1 ? opening : [laterTerms(left, right)];
  const ended = [left.revokedMs, right.revokedMs].filter((ms) => ms !== null);
  return { ...later, revokedMs: ended.length === 0 ? null : Math.min(...ended) };
}

/** Terms are only ever made narrower: two devices' clocks say less than the terms themselves. */
function laterTerms(left: GrantEntry, right: GrantEntry): GrantEntry {
  const [rightInLeft, leftInRight] = [isNarrowing(right.terms, left.terms), isNarrowing(left.terms, right.terms)];
  if (rightInLeft !== leftInRight) return rightInLeft ? right : left;
  return right.madeMs > left.madeMs ? right : left;
}

function laterWard(left: WardEntry, right: WardEntry): WardEntry {
  return right.untilMs > left.untilMs ? right : left;
}

/** The channel took the ledger over: its blocks come after all others. */
export function laterCheckpoint(left: SeenCheckpoint | null, right: SeenCheckpoint | null): SeenCheckpoint | null {
  if (left === null || right === null) return left ?? right;
  const isOnChannel = (seen: SeenCheckpoint): number => Number(seen.onChannel === true);
  const further = isOnChannel(right) - isOnChannel(left) || right.number - left.number;
  return further > 0 ? right : left;
}
