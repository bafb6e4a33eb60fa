import type { ColumnTypes } from './column-types.ts';

/** Tables of `schema.ts`. */
export function vaultTables({ text, integer, blob, counter, rows, keyed }: ColumnTypes): readonly string[] {
  return [
    `create table "meta" ("key" ${text} primary key, "value" ${text} not null)${keyed}`,
    `create table "privateKey" (
    "kid" ${text} primary key, "purpose" ${text} not null, "publicKey" ${text} not null, "sealed" ${blob} not null,
    "createdMs" ${integer} not null, "retiredMs" ${integer})${rows}`,
    `create table "batch" (
    "batchId" ${text} primary key, "kind" ${text} not null, "state" ${text} not null, "callId" ${text} not null unique,
    "call" ${text} not null, "digest" ${text} not null, "packBytes" ${integer} not null, "sealed" ${blob} not null,
    "createdMs" ${integer} not null)${rows}`,
    `create index "batchPending" on "batch" ("batchId") where "state" = 'pending'`,
    `create table "record" (
    "batchId" ${text} not null references "batch" ("batchId"), "keyId" ${text} not null, "leafIndex" ${integer} not null,
    "leafHash" ${text} not null, "rowHash" ${text} not null, "status" ${text} not null, "recordId" ${text}, "version" ${integer},
    "ciphertextHash" ${text}, "contentHash" ${text}, "packOffset" ${integer} not null, "packLength" ${integer} not null,
    "wrap" ${text}, "sealed" ${blob}, "resourceToken" ${text}, "ownerToken" ${text})${rows}`,
    `create unique index "recordTree" on "record" ("keyId", "batchId", "leafIndex")`,
    `create unique index "recordVersion" on "record" ("recordId", "version")`,
    `create index "recordKey" on "record" ("keyId", "recordId", "version")`,
    `create index "recordBatch" on "record" ("batchId")`,
    `create index "recordResource" on "record" ("resourceToken")`,
    `create unique index "recordLeaf" on "record" ("leafHash")`,
    `create table "attachment" (
    "attachmentId" ${text} primary key, "batchId" ${text} not null references "batch" ("batchId"), "recordId" ${text},
    "version" ${integer}, "fileBytes" ${integer}, "fileHash" ${text}, "rowHash" ${text} not null)${rows}`,
    `create index "attachmentRecord" on "attachment" ("recordId", "version")`,
    `create index "attachmentBatch" on "attachment" ("batchId")`,
    `create table "epoch" (
    "ownerToken" ${text} not null, "epoch" ${integer} not null, "batchId" ${text} not null references "batch" ("batchId"),
    "sealed" ${blob} not null, "root" ${text} not null, "size" ${integer} not null,
    primary key ("ownerToken", "epoch"))${keyed}`,
    `create index "epochBatch" on "epoch" ("batchId")`,
    `create table "dataKey" (
    "keyId" ${text} primary key, "ownerToken" ${text} not null, "epoch" ${integer} not null,
    "batchId" ${text} not null references "batch" ("batchId"), "sealed" ${blob} not null)${rows}`,
    `create index "dataKeyOwner" on "dataKey" ("ownerToken", "epoch")`,
    `create index "dataKeyBatch" on "dataKey" ("batchId")`,
    `create table "envelope" (
    "keyId" ${text} not null references "dataKey" ("keyId"), "recipientToken" ${text} not null, "sealed" ${blob} not null,
    primary key ("keyId", "recipientToken"))${rows}`,
    `create table "knownGrant" (
    "grantToken" ${text} primary key, "pidToken" ${text} not null, "sealed" ${blob} not null,
    "receivedMs" ${integer} not null)${rows}`,
    `create index "knownGrantPid" on "knownGrant" ("pidToken")`,
    `create table "patient" (
    "pidToken" ${text} primary key, "resourceToken" ${text} not null unique,
    "batchId" ${text} not null references "batch" ("batchId"), "sealed" ${blob} not null,
    "registeredMs" ${integer} not null)${rows}`,
    `create index "patientBatch" on "patient" ("batchId")`,
    `create table "identifier" (
    "token" ${text} not null, "resourceToken" ${text} not null, "batchId" ${text} not null references "batch" ("batchId"),
    "sealed" ${blob} not null, primary key ("token", "resourceToken"))${rows}`,
    `create index "identifierBatch" on "identifier" ("batchId")`,
    `create index "identifierResource" on "identifier" ("resourceToken")`,
    `create table "bundle" (
    "id" ${counter}, "bundleToken" ${text} not null,
    "batchId" ${text} not null references "batch" ("batchId"))${rows}`,
    `create index "bundleToken" on "bundle" ("bundleToken")`,
    `create index "bundleBatch" on "bundle" ("batchId")`,
    `create table "careRelationship" (
    "relationshipId" ${text} primary key, "pidToken" ${text} not null, "actorToken" ${text} not null,
    "resourceToken" ${text}, "batchId" ${text} references "batch" ("batchId"), "sealed" ${blob} not null)${rows}`,
    `create index "careRelationshipResource" on "careRelationship" ("resourceToken")`,
    `create index "careRelationshipActor" on "careRelationship" ("pidToken", "actorToken")`,
    `create index "careRelationshipBatch" on "careRelationship" ("batchId")`,
    `create table "practitionerLink" (
    "staffToken" ${text} not null, "practitionerToken" ${text} not null, "sealed" ${blob} not null,
    primary key ("staffToken", "practitionerToken"))${rows}`,
    `create table "denial" ("denialId" ${text} primary key, "pidToken" ${text} not null, "sealed" ${blob} not null)${rows}`,
    `create index "denialPid" on "denial" ("pidToken")`,
    `create table "document" (
    "kind" ${text} not null, "token" ${text} not null, "sealed" ${blob} not null, primary key ("kind", "token"))${rows}`,
  ];
}
