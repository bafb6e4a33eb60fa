export { type EndedLedger, openEndedLedger } from './embedded-blocks.ts';
export { type Migration, type MigrationReport, migrateLedger } from './migrate-ledger.ts';
export { findTakeOver, TAKE_OVER_FILE, type TakeOver, takeOverBytes } from './take-over.ts';
