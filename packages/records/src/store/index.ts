export { insertRows, openStore, Store, type StoreTransaction } from './database.ts';
export type { Tables } from './schema.ts';
