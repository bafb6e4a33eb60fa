import type { ColumnTypes } from './column-types.ts';

/** Tables of `history-schema.ts`. */
export function historyTables({ text, integer, rows }: ColumnTypes): readonly string[] {
  return [
    `create table "history" (
    "seq" ${integer} primary key, "batchId" ${text} not null references "batch" ("batchId"), "kind" ${text} not null,
    "recordId" ${text} not null, "version" ${integer} not null, "atMs" ${integer} not null)${rows}`,
    `create index "historyRecord" on "history" ("recordId", "version")`,
    `create index "historyBatch" on "history" ("batchId")`,
  ];
}
