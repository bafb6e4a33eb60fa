import type { ColumnTypes } from './column-types.ts';

/** Tables of `search-schema.ts`. */
export function searchTables({ text, integer, blob, keyed }: ColumnTypes): readonly string[] {
  return [
    `create table "searchEntry" (
    "entry" ${integer} not null, "version" ${integer} not null, "recordId" ${text} not null, "shard" ${integer} not null,
    "batchId" ${text} not null references "batch" ("batchId"), "tokens" ${blob} not null,
    primary key ("entry", "version"))${keyed}`,
    `create index "searchEntryRecord" on "searchEntry" ("recordId", "version")`,
    `create index "searchEntryBatch" on "searchEntry" ("batchId")`,
    `create index "searchEntryShard" on "searchEntry" ("shard", "entry")`,
    `create table "searchToken" (
    "shard" ${integer} not null, "token" ${blob} not null, "entry" ${integer} not null,
    primary key ("shard", "token", "entry"))${keyed}`,
  ];
}
