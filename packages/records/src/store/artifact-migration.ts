import type { ColumnTypes } from './column-types.ts';

/** Tables of `artifact-schema.ts`. */
export function artifactTables({ text, integer, blob, keyed }: ColumnTypes): readonly string[] {
  return [
    `create table "artifact" (
    "token" ${text} primary key, "groupToken" ${text}, "aliasToken" ${text}, "expiresMs" ${integer} not null,
    "sealed" ${blob} not null)${keyed}`,
    `create index "artifactGroup" on "artifact" ("groupToken")`,
    `create index "artifactAlias" on "artifact" ("aliasToken")`,
    `create index "artifactExpires" on "artifact" ("expiresMs")`,
  ];
}
