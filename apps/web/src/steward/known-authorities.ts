import { openDB } from 'idb';
import type { KnownAuthorities } from './authenticity-verdict.ts';

const DATABASE = 'salus-authorities';
const STORE = 'authorities';
const NEWEST = 'newest';

/** Certificates of authorities are public: they lie here in plain, so that others verify without a connection. */
export async function keepAuthorities(known: KnownAuthorities): Promise<void> {
  using database = await open();
  await database.put(STORE, known, NEWEST);
}

export async function recallAuthorities(): Promise<KnownAuthorities | undefined> {
  using database = await open();
  return (await database.get(STORE, NEWEST)) as KnownAuthorities | undefined;
}

async function open() {
  const database = await openDB(DATABASE, 1, { upgrade: (made) => void made.createObjectStore(STORE) });
  return Object.assign(database, { [Symbol.dispose]: () => database.close() });
}
