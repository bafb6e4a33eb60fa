import type { DatabaseSync } from 'node:sqlite';
import { namesOf } from '../search/search-index.ts';
import type { Report } from './finding.ts';

type Entry = { readonly entry: number; readonly shard: number; readonly tokens: Uint8Array };

/**
 * The rows of `searchToken` are those that the entries name, no fewer, no more: a record that an index does not find is as
 * good as withheld. The rows log covers the entries.
 */
export function verifySearch(database: DatabaseSync, report: Report): void {
  const hasToken = database.prepare('select 1 from "searchToken" where "shard" = ? and "token" = ? and "entry" = ?');
  let expected = 0;
  const check = (entry: number, shard: number, names: ReadonlySet<string>): void => {
    expected += names.size;
    for (const name of names) {
      if (hasToken.get(shard, Buffer.from(name, 'latin1'), entry) === undefined) {
        report.find('row-missing', `searchToken/${entry}`);
      }
    }
  };
  // Versions of one record share an entry, and the rows of what they have in common.
  let open: { readonly entry: number; readonly shard: number; readonly names: Set<string> } | undefined;
  const rows = database.prepare('select "entry", "shard", "tokens" from "searchEntry" order by "entry", "version"');
  for (const { entry, shard, tokens } of rows.iterate() as Iterable<Entry>) {
    if (open?.entry !== entry || open.shard !== shard) {
      if (open !== undefined) check(open.entry, open.shard, open.names);
      open = { entry, shard, names: new Set() };
    }
    for (const name of namesOf(tokens)) open.names.add(name);
  }
  if (open !== undefined) check(open.entry, open.shard, open.names);
  const counted = Number(database.prepare('select count(*) as "count" from "searchToken"').get()?.count ?? 0);
  if (counted > expected) report.find('row-uncovered', `searchToken: ${counted - expected} rows that no entry names`);
  report.seen.rows += counted;
}
