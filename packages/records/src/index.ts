export { Artifacts } from './artifacts.ts';
export { INLINE_BYTES_MAX } from './attachment-reference.ts';
export { type AttachmentName, Attachments } from './attachments.ts';
export { AUDIT_PAGE_MAX, type AuditLine, type AuditProof } from './audit.ts';
export { logLook } from './audit-by-owner.ts';
export { type AuditEntry, auditContentHash, auditEntryHash } from './audit-entry.ts';
export {
  BACKUP_MANIFEST,
  BACKUPS_LISTED_MAX,
  type BackupFile,
  type BackupManifest,
  type BackupOptions,
  backupData,
  listBackups,
  restoreData,
} from './backup.ts';
export { Binaries, type BinaryRead, type NewBinary } from './binaries.ts';
export { BundleWorkers } from './bundle-workers.ts';
export { HomeAccess, type HomeDecision } from './care.ts';
export { CHANGES_PAGE_MAX, type Change, ChangeFeed } from './change-feed.ts';
export {
  COMPARTMENT_ROWS_MAX,
  type CompartmentFilter,
  type CompartmentPlace,
  isInFilter,
  listCompartment,
  type OpenedRecord,
  openRecords,
  placeOf,
  visible,
} from './compartment.ts';
export { DataKeys } from './data-keys.ts';
export { dataTimeOf } from './data-time.ts';
export type { KeptDispute, KnownDispute } from './disputes.ts';
export { type Documents, documentNames } from './documents.ts';
export { findElsewhere } from './elsewhere.ts';
export type { OpenedEmergency } from './emergencies.ts';
export { LeafStates } from './erase.ts';
export type { AppUse } from './exchange/app-reading.ts';
export { createAttachmentPieces } from './exchange/attachment-pieces.ts';
export { type CrossCheckFinding, type CrossCheckSide, crossCheckAudits } from './exchange/cross-check.ts';
export {
  DELIVERY_KINDS,
  type DeliveryKind,
  EXCHANGE_OPERATIONS,
  type ExchangeOperation,
  type ExchangePeer,
  FETCH_RECORDS_MAX,
  type PeerAnswer,
  type PeerRequest,
} from './exchange/exchange-peer.ts';
export { type GrantToken, isHolder } from './exchange/grant-tokens.ts';
export type { KeptFacts, KeptProof, KeptRecord } from './exchange/kept-records.ts';
export { type ExchangeOptions, type OrganisationExchange, openExchange } from './exchange/organisation-exchange.ts';
export { parsePeerAnswer } from './exchange/peer-answers.ts';
export { findPeerNode, type PeerNode } from './exchange/peer-node.ts';
export { type PeerSender, signPeerRequest } from './exchange/peer-request.ts';
export { releaseRecord } from './exchange/release.ts';
export { EXPORT_LIFETIME_MS, type ExportFile, type ExportJob, type ExportQuestion } from './export/export-job.ts';
export { Exports } from './export/exports.ts';
export type { TypeFilters } from './export/write-export.ts';
export { FeedLookup, type KnownResource, type Recognised } from './feed-lookup.ts';
export type { ForeignGrant } from './foreign/foreign-grants.ts';
export { type FoundNews, type NewsMark, seenName, UNSETTLED, watchedPatients } from './foreign/foreign-news.ts';
export type { ForeignResource } from './foreign/foreign-resource.ts';
export { withoutSeeAlso, withSeeAlso } from './foreign/foreign-text.ts';
export { HELD_MESSAGES_PAGE_MAX, type HeldMessage, HeldMessages } from './held-messages.ts';
export { KeyedLocks } from './keyed-locks.ts';
export type { KnownGrants } from './known-grants.ts';
export { createMasterKey, MASTER_KEY_BYTES, type MasterKey, type SealUse, type TokenUse } from './master-key.ts';
export { type MergeFacts, Merges, type PatientsCall } from './merge.ts';
export { MOVED_MAX, type MoveFacts, type MoveOpening, Moves } from './move.ts';
export { signNodeCall } from './node-call.ts';
export { Notifications, type QueuedNotification } from './notifications.ts';
export { readS3Place, type S3Place, s3Below } from './objects/s3-place.ts';
export { type KnownPatient, Patients, type Slip } from './patients.ts';
export { type KeptKey, type KeyPurpose, PrivateKeys } from './private-keys.ts';
export { covers, pidOf } from './recipients.ts';
export type { Reconciliation } from './reconcile.ts';
export { proveRecord, proveSealed, type SealedProof } from './record-proof.ts';
export { RecordsError, type RecordsErrorCode } from './records-error.ts';
export { replayRevocations } from './replay-revocations.ts';
export {
  type VaultCaller,
  VaultRepository,
  type VaultTransactionOptions,
  type VaultTransactionResult,
} from './repository.ts';
export type { StoredRequest } from './requests.ts';
export { openRevocationJournal, type Replay, type RevocationJournal } from './revocation-journal.ts';
export { RollbackGuard } from './rollback-guard.ts';
export type { Beyond } from './search/beyond.ts';
export { openPageLink, PAGE_LINK_LIFETIME_MS, type PageLink, sealPageLink } from './search/page-links.ts';
export { SearchEngine } from './search/search-engine.ts';
export type { FoundRecord, Search, SearchPage, SearchPosition } from './search/search-types.ts';
export {
  type Interaction,
  type Narrowing,
  type Sight,
  type SightDecision,
  type SightedMeta,
  sightedOf,
  sightOf,
} from './sight.ts';
export { type PostgresPlace, postgresPlace } from './store/postgres/postgres-place.ts';
export { removeStoreOf } from './store/store-place.ts';
export { openVault, type Vault, type VaultOptions } from './vault.ts';
export type * from './vault-types.ts';
export type { Finding, FindingCode, Notes, Seen } from './verify/finding.ts';
export { type RecordsVerification, type VerifyRecordsOptions, verifyRecords } from './verify/verify-records.ts';
