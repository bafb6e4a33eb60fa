import { setTimeout as wait } from 'node:timers/promises';
import { LOG_NAMES, type LogRootFact, logRootKey } from '@salus/contracts';
import type { Ledger } from '@salus/ledger';

/** A member who is watched answers within a second; a loaded machine gets longer. */
const ANSWER_MAX_MS = 60_000;
const LOOK_MS = 10;
/** What anybody roots without waiting for others comes within this time. */
const STRAGGLING_MS = 1_000;

type Watching = Pick<Ledger, 'get' | 'height' | 'block'>;

/** The blocks of one use of a grant, and whom it named. */
export interface Watched {
  readonly grantee: string;
  readonly from: number;
  readonly to: number;
}

/** How often what was seen of the grantee was more, and less, than what was seen of the other suspect. */
interface Guess {
  readonly feature: string;
  readonly more: number;
  readonly less: number;
}

/** Runs an action and waits until every suspect has rooted both logs anew; gives the blocks that came meanwhile. */
export async function watch(
  ledger: Watching,
  suspects: readonly string[],
  act: () => Promise<unknown>,
): Promise<Pick<Watched, 'from' | 'to'>> {
  const names = suspects.flatMap((suspect) => LOG_NAMES.map((log) => logRootKey(suspect, log)));
  const read = (): Promise<readonly string[]> =>
    Promise.all(names.map(async (name) => ((await ledger.get(name)) as LogRootFact | undefined)?.call ?? ''));
  const before = await read();
  const from = (await ledger.height()) + 1;
  await act();
  const startMs = performance.now();
  for (;;) {
    const now = await read();
    const silent = names.filter((_, at) => now[at] === before[at]);
    if (silent.length === 0) break;
    if (performance.now() - startMs > ANSWER_MAX_MS) throw new Error(`no new root of ${silent.join(', ')}`);
    await wait(LOOK_MS);
  }
  await wait(STRAGGLING_MS);
  return { from, to: await ledger.height() };
}

/** What a member sees who has every block and knows that one of two organisations has read: whose roots tell more? */
export async function attackByTiming(
  ledger: Watching,
  suspects: readonly [string, string],
  watched: readonly Watched[],
): Promise<readonly Guess[]> {
  const roots = await listRoots(ledger);
  const guesses = new Map<string, { feature: string; more: number; less: number }>();
  for (const { grantee, from, to } of watched) {
    const seen = roots.filter(({ block }) => block >= from && block <= to);
    const [own, other] = [grantee, suspects.find((suspect) => suspect !== grantee)!].map((suspect) =>
      featuresOf(
        seen.filter(({ organisation }) => organisation === suspect),
        seen.findIndex(({ organisation }) => organisation === suspect),
      ),
    );
    for (const [feature, value] of Object.entries(own!)) {
      const guess = guesses.get(feature) ?? { feature, more: 0, less: 0 };
      if (value > other![feature]!) guess.more += 1;
      if (value < other![feature]!) guess.less += 1;
      guesses.set(feature, guess);
    }
  }
  return [...guesses.values()];
}

/** By how many standard deviations a guess is better, or worse, than a coin. */
export function deviationOf({ more, less }: Guess): number {
  return more + less === 0 ? 0 : Math.abs(more - less) / Math.sqrt(more + less);
}

interface Root {
  readonly organisation: string;
  readonly log: string;
  readonly block: number;
  readonly atMs: number;
  readonly growth: number;
}

async function listRoots(ledger: Watching): Promise<readonly Root[]> {
  const roots: Root[] = [];
  const sizes = new Map<string, number>();
  for (let block = 0; block <= (await ledger.height()); block += 1) {
    for (const { outcome, timestampMs } of (await ledger.block(block))!.transactions) {
      for (const [key, value] of outcome.kind === 'committed' ? outcome.writes : []) {
        const [family, kind, organisation = '', log = ''] = key.split('/');
        if (family !== 'access' || kind !== 'root') continue;
        const { size } = value as unknown as LogRootFact;
        roots.push({ organisation, log, block, atMs: timestampMs, growth: size - (sizes.get(key) ?? 0) });
        sizes.set(key, size);
      }
    }
  }
  return roots;
}

function featuresOf(roots: readonly Root[], place: number): { readonly [feature: string]: number } {
  const growth = (log: string): number =>
    roots.filter((root) => root.log === log).reduce((sum, root) => sum + root.growth, 0);
  const times = roots.map(({ atMs }) => atMs);
  return {
    roots: roots.length,
    'audit entries': growth('audit'),
    'rows entries': growth('rows'),
    'place of the first': place,
    'time of the first': Math.min(...times),
    'time of the last': Math.max(...times),
  };
}
