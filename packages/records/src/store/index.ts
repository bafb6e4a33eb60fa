export { insertRows, migrateStore, openStore, STORE_VERSION, Store, type StoreTransaction } from './database.ts';
export type { Tables } from './schema.ts';
export { sqliteDialect } from './sqlite-dialect.ts';
