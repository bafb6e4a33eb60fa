import type { KeyValueStore } from '@salus/wallet/web';
import { openDB } from 'idb';

const DATABASE = 'salus';
const VERSION = 1;
const TABLE = 'kept';
const WRITING = 'salus-device';

/** The browser's own store; what lies in it is ciphertext, or keys that cannot be read. */
export async function openIndexedStore(): Promise<KeyValueStore> {
  const database = await openDB(DATABASE, VERSION, { upgrade: (fresh) => fresh.createObjectStore(TABLE) });
  return {
    get: (name) => database.get(TABLE, name) as Promise<unknown>,
    put: async (name, value) => {
      await database.put(TABLE, value, name);
    },
    remove: (name) => database.delete(TABLE, name),
    clear: () => database.clear(TABLE),
    exclusively: (work) => navigator.locks.request(WRITING, work),
  };
}
