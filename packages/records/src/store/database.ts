import type { Kysely } from 'kysely';
import type { Tables } from './schema.ts';
import { openSqliteStore } from './sqlite-store.ts';

export { insertRows } from './insert-rows.ts';

/** Queries inside one write. Await nothing else in between: every other write waits for it. */
export type StoreTransaction = Kysely<Tables>;
export type WriteBody<T> = (trx: StoreTransaction) => Promise<T>;

/**
 * One organisation's database, with one writing process. Each commit is durable before it is acknowledged. Writes are
 * queued and share commits; a body that throws undoes only itself. Reads see committed rows.
 */
export interface Store extends AsyncDisposable {
  readonly read: Kysely<Tables>;

  /** Resolves with the body's result once it is durable. Rejects `overloaded`, `closed`, `store-unavailable`, or with what the body threw. */
  write<T>(body: WriteBody<T>): Promise<T>;

  /**
   * As `write`, but readers may see the rows an instant before they are durable: for rows of which nothing is told outside
   * before `durable()` has resolved (audit events), that readers do not see (a pending batch), or that the next start makes
   * again (a batch that the ledger has).
   */
  append<T>(body: WriteBody<T>): Promise<T>;

  /** Resolves once everything that a reader can see now is durable. */
  durable(): Promise<void>;

  /** Takes what erased rows have left out of the database's files, as far as the database can; `overloaded` when a reader holds it. */
  forgetErased(): Promise<void>;

  /**
   * A copy of everything as it is now, into a new SQLite file. Called while nobody writes (inside a `write`); what it returns
   * is called afterwards and resolves once the file is whole and durable.
   */
  beginCopy(toFile: string): Promise<() => Promise<void>>;
}

/** Opens or creates the database file and brings its schema up to date. A newer schema throws `corrupt`. */
export function openStore(file: string): Promise<Store> {
  return openSqliteStore(file);
}
