export { insertRows, openStore, type Store, type StoreTransaction } from './database.ts';
export type { Tables } from './schema.ts';
export { sqliteDialect } from './sqlite-dialect.ts';
export { migrateStore } from './sqlite-store.ts';
export { STORE_VERSION } from './tables.ts';
