import type { Json } from '@salus/contracts';
import type { Ledger } from '@salus/ledger';

const PAGE = 1_000;

/** Every entry under a prefix that ends with '/', in the order of the keys, page by page. */
export async function* entriesUnder(
  ledger: Pick<Ledger, 'range'>,
  prefix: string,
): AsyncGenerator<{ readonly key: string; readonly value: Json }> {
  // '0' follows '/' in ASCII.
  const end = `${prefix.slice(0, -1)}0`;
  for (let start = prefix; ; ) {
    const page = await ledger.range(start, end, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    start = `${last.key}\u0000`;
  }
}
