import { type Kysely, sql } from 'kysely';

/** Tables of `exchange-schema.ts`. */
export async function createExchangeTables(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS: readonly string[] = [
  `create table "auditEvent" (
    "seq" integer primary key, "pidToken" text, "pidSeq" integer, "sealed" blob not null) strict`,
  `create unique index "auditEventPid" on "auditEvent" ("pidToken", "pidSeq") where "pidToken" is not null`,
  `create table "rowEntry" (
    "seq" integer primary key, "kind" text not null, "rowKey" text not null, "rowHash" text) strict`,
  `create index "rowEntryKey" on "rowEntry" ("kind", "rowKey", "seq")`,
  `create table "logNode" (
    "log" text not null, "level" integer not null, "position" integer not null, "hash" blob not null,
    primary key ("log", "level", "position")) strict, without rowid`,
  `create table "logRoot" (
    "log" text primary key, "size" integer not null, "root" text not null, "callId" text not null) strict`,
  `create table "session" (
    "sessionId" text primary key, "side" text not null, "pidToken" text not null, "untilMs" integer not null,
    "sealed" blob not null) strict`,
  `create index "sessionUntil" on "session" ("untilMs")`,
  `create table "request" (
    "requestId" text primary key, "pidToken" text not null, "createdMs" integer not null, "sealed" blob not null) strict`,
  `create index "requestPid" on "request" ("pidToken", "createdMs")`,
  `create table "grantToken" (
    "tokenId" text primary key, "requestToken" text, "receivedMs" integer not null, "sealed" blob not null) strict`,
  `create index "grantTokenRequest" on "grantToken" ("requestToken")`,
  `create table "inbox" (
    "deliveryId" text primary key, "atMs" integer not null, "state" text not null, "sealed" blob not null) strict`,
  `create table "outbox" (
    "deliveryId" text primary key, "atMs" integer not null, "state" text not null, "sealed" blob not null) strict`,
  `create table "walletBackup" ("pidToken" text primary key, "atMs" integer not null, "sealed" blob not null) strict`,
];
