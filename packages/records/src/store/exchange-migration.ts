import type { ColumnTypes } from './column-types.ts';

/** Tables of `exchange-schema.ts`. */
export function exchangeTables({ text, integer, blob, rows, keyed }: ColumnTypes): readonly string[] {
  return [
    `create table "auditEvent" (
    "seq" ${integer} primary key, "pidToken" ${text}, "pidSeq" ${integer}, "sealed" ${blob} not null,
    "contentHash" ${text} not null, "hash" ${text} not null)${rows}`,
    `create unique index "auditEventPid" on "auditEvent" ("pidToken", "pidSeq") where "pidToken" is not null`,
    `create table "rowEntry" (
    "seq" ${integer} primary key, "kind" ${text} not null, "rowKey" ${text} not null, "rowHash" ${text},
    "hash" ${text} not null)${rows}`,
    `create index "rowEntryKey" on "rowEntry" ("kind", "rowKey", "seq")`,
    `create table "logNode" (
    "log" ${text} not null, "level" ${integer} not null, "position" ${integer} not null, "hash" ${text} not null,
    primary key ("log", "level", "position"))${keyed}`,
    `create table "session" (
    "sessionToken" ${text} primary key, "untilMs" ${integer} not null, "sealed" ${blob} not null)${keyed}`,
    `create index "sessionUntil" on "session" ("untilMs")`,
    `create table "request" (
    "requestToken" ${text} primary key, "pidToken" ${text} not null, "createdMs" ${integer} not null,
    "sealed" ${blob} not null)${keyed}`,
    `create index "requestPid" on "request" ("pidToken", "createdMs")`,
    `create table "grantToken" (
    "grantToken" ${text} primary key, "requestToken" ${text}, "receivedMs" ${integer} not null,
    "sealed" ${blob} not null)${keyed}`,
    `create index "grantTokenRequest" on "grantToken" ("requestToken")`,
    `create table "placeList" (
    "grantToken" ${text} primary key, "receivedMs" ${integer} not null, "sealed" ${blob} not null)${keyed}`,
    `create table "inbox" (
    "deliveryToken" ${text} primary key, "atMs" ${integer} not null, "state" ${text} not null,
    "sealed" ${blob} not null)${keyed}`,
    `create index "inboxState" on "inbox" ("state", "atMs")`,
    `create table "outbox" (
    "deliveryToken" ${text} primary key, "atMs" ${integer} not null, "state" ${text} not null,
    "sealed" ${blob} not null)${keyed}`,
    `create index "outboxState" on "outbox" ("state", "atMs")`,
  ];
}
