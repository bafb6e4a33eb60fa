import { type Kysely, sql } from 'kysely';

/** Tables of `schema.ts`. STRICT: a column holds what it says. */
export async function createVaultTables(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}

const STATEMENTS: readonly string[] = [
  `create table "meta" ("key" text primary key, "value" text not null) strict, without rowid`,
  `create table "privateKey" (
    "kid" text primary key, "purpose" text not null, "publicKey" text not null, "sealed" blob not null,
    "createdMs" integer not null, "retiredMs" integer) strict`,
  `create table "batch" (
    "batchId" text primary key, "kind" text not null, "state" text not null, "callId" text not null unique,
    "call" text not null, "digest" text not null, "packBytes" integer not null, "sealed" blob not null,
    "createdMs" integer not null) strict`,
  `create index "batchPending" on "batch" ("batchId") where "state" = 'pending'`,
  `create table "record" (
    "batchId" text not null references "batch" ("batchId"), "keyId" text not null, "leafIndex" integer not null,
    "leafHash" text not null, "rowHash" text not null, "status" text not null, "recordId" text, "version" integer,
    "ciphertextHash" text, "contentHash" text, "packOffset" integer not null, "packLength" integer not null,
    "wrap" text, "sealed" blob, "resourceToken" text, "ownerToken" text) strict`,
  `create unique index "recordTree" on "record" ("keyId", "batchId", "leafIndex")`,
  `create unique index "recordVersion" on "record" ("recordId", "version")`,
  `create index "recordKey" on "record" ("keyId", "recordId", "version")`,
  `create index "recordBatch" on "record" ("batchId")`,
  `create index "recordResource" on "record" ("resourceToken")`,
  `create unique index "recordLeaf" on "record" ("leafHash")`,
  `create table "attachment" (
    "attachmentId" text primary key, "batchId" text not null references "batch" ("batchId"), "recordId" text,
    "version" integer, "fileBytes" integer, "fileHash" text, "rowHash" text not null) strict`,
  `create index "attachmentRecord" on "attachment" ("recordId", "version")`,
  `create index "attachmentBatch" on "attachment" ("batchId")`,
  `create table "epoch" (
    "ownerToken" text not null, "epoch" integer not null, "batchId" text not null references "batch" ("batchId"),
    "sealed" blob not null, "root" text not null, "size" integer not null,
    primary key ("ownerToken", "epoch")) strict, without rowid`,
  `create index "epochBatch" on "epoch" ("batchId")`,
  `create table "dataKey" (
    "keyId" text primary key, "ownerToken" text not null, "epoch" integer not null,
    "batchId" text not null references "batch" ("batchId"), "sealed" blob not null) strict`,
  `create index "dataKeyOwner" on "dataKey" ("ownerToken", "epoch")`,
  `create index "dataKeyBatch" on "dataKey" ("batchId")`,
  `create table "envelope" (
    "keyId" text not null references "dataKey" ("keyId"), "recipientToken" text not null, "sealed" blob not null,
    primary key ("keyId", "recipientToken")) strict`,
  `create table "knownGrant" (
    "grantToken" text primary key, "pidToken" text not null, "sealed" blob not null,
    "receivedMs" integer not null) strict`,
  `create index "knownGrantPid" on "knownGrant" ("pidToken")`,
  `create table "patient" (
    "pidToken" text primary key, "resourceToken" text not null unique,
    "batchId" text not null references "batch" ("batchId"), "sealed" blob not null,
    "registeredMs" integer not null) strict`,
  `create index "patientBatch" on "patient" ("batchId")`,
  `create table "identifier" (
    "token" text not null, "resourceToken" text not null, "batchId" text not null references "batch" ("batchId"),
    "sealed" blob not null, primary key ("token", "resourceToken")) strict`,
  `create index "identifierBatch" on "identifier" ("batchId")`,
  `create index "identifierResource" on "identifier" ("resourceToken")`,
  `create table "bundle" (
    "id" integer primary key, "bundleToken" text not null,
    "batchId" text not null references "batch" ("batchId")) strict`,
  `create index "bundleToken" on "bundle" ("bundleToken")`,
  `create index "bundleBatch" on "bundle" ("batchId")`,
  `create table "careRelationship" (
    "relationshipId" text primary key, "pidToken" text not null, "actorToken" text not null,
    "resourceToken" text, "batchId" text references "batch" ("batchId"), "sealed" blob not null) strict`,
  `create index "careRelationshipResource" on "careRelationship" ("resourceToken")`,
  `create index "careRelationshipActor" on "careRelationship" ("pidToken", "actorToken")`,
  `create index "careRelationshipBatch" on "careRelationship" ("batchId")`,
  `create table "practitionerLink" (
    "staffToken" text not null, "practitionerToken" text not null, "sealed" blob not null,
    primary key ("staffToken", "practitionerToken")) strict`,
  `create table "denial" ("denialId" text primary key, "pidToken" text not null, "sealed" blob not null) strict`,
  `create index "denialPid" on "denial" ("pidToken")`,
  `create table "document" (
    "kind" text not null, "token" text not null, "sealed" blob not null, primary key ("kind", "token")) strict`,
];
