import type { Json } from '@salus/crypto';

/** What this package reads of a ledger: committed state, as the organisation's own follower has verified it. */
export interface LedgerView {
  get(key: string): Promise<Json | undefined>;
  /** Entries of [start, end) in ascending byte order. */
  range(start: string, end: string, limit: number): Promise<readonly { readonly key: string; readonly value: Json }[]>;
}

/** Entries of one page of a walk. */
const PAGE = 500;

/** Every entry under `prefix` (which ends with '/'), page by page; more than `max` entries throw. */
export async function listUnder(
  ledger: LedgerView,
  prefix: string,
  max: number,
): Promise<readonly { readonly key: string; readonly value: Json }[]> {
  // '0' follows '/' in ASCII.
  const end = `${prefix.slice(0, -1)}0`;
  const entries: { readonly key: string; readonly value: Json }[] = [];
  for (let start = prefix; ; ) {
    const page = await ledger.range(start, end, PAGE);
    entries.push(...page);
    if (entries.length > max) throw new RangeError(`more than ${max} entries under one prefix`);
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return entries;
    start = `${last.key}\u0000`;
  }
}
