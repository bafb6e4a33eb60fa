export { insertRows, migrateStore, openStore, Store, type StoreTransaction } from './database.ts';
export type { Tables } from './schema.ts';
export { sqliteDialect } from './sqlite-dialect.ts';
export { STORE_VERSION } from './tables.ts';
