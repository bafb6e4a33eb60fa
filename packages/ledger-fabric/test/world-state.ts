import type { Entry } from '@salus/contracts';
import { canonical, type Json } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { expect } from 'vitest';

const PAGE = 10_000;
const FIRST = '!';
const END = '~';

/** The whole world state as one text a key: `key value`, in byte order. */
export async function worldState(ledger: Pick<Ledger, 'range'>): Promise<readonly string[]> {
  const lines: string[] = [];
  for (let start = FIRST; ; ) {
    const page = await ledger.range(start, END, PAGE);
    lines.push(...page.map(lineOf));
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) break;
    start = `${last.key}!`;
  }
  // A comparison of nothing would say nothing.
  expect(lines.length).toBeGreaterThan(10);
  return lines;
}

function lineOf({ key, value }: Entry): string {
  return `${key} ${canonical(value as Json)}`;
}
