import type { ColumnTypes } from './column-types.ts';

/** Tables of `feed-schema.ts`. */
export function feedTables({ text, integer, blob, rows }: ColumnTypes): readonly string[] {
  return [
    `create table "heldMessage" (
      "messageToken" ${text} primary key, "atMs" ${integer} not null, "sealed" ${blob} not null)${rows}`,
    `create table "takenMessage" ("messageToken" ${text} primary key, "atMs" ${integer} not null)${rows}`,
    `create table "notification" (
      "notificationId" ${text} primary key, "subscriptionToken" ${text} not null, "eventNumber" ${integer} not null,
      "sealed" ${blob} not null)${rows}`,
    `create index "notificationSubscription" on "notification" ("subscriptionToken", "eventNumber")`,
    `create table "feedPosition" ("subscriptionToken" ${text} primary key, "sealed" ${blob} not null)${rows}`,
    `create index "heldMessageAt" on "heldMessage" ("atMs", "messageToken")`,
  ];
}
