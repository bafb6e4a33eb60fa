import type { ColumnTypes } from './column-types.ts';

/** Tables of `foreign-schema.ts`. */
export function foreignTables({ text, blob, keyed }: ColumnTypes): readonly string[] {
  return [
    `create table "foreignResource" (
    "localToken" ${text} primary key, "recordToken" ${text} not null, "nameToken" ${text} not null,
    "pidToken" ${text} not null, "sealed" ${blob} not null)${keyed}`,
    `create unique index "foreignResourceRecord" on "foreignResource" ("recordToken")`,
    `create index "foreignResourceName" on "foreignResource" ("nameToken")`,
    `create index "foreignResourcePid" on "foreignResource" ("pidToken")`,
    `create table "foreignLink" (
    "linkToken" ${text} primary key, "ownToken" ${text} not null, "sealed" ${blob} not null)${keyed}`,
    `create index "foreignLinkOwn" on "foreignLink" ("ownToken")`,
  ];
}
