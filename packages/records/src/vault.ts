import type { Ledger } from '@salus/ledger';
import { Artifacts } from './artifacts.ts';
import { Attachments } from './attachments.ts';
import { AuditJournal } from './audit.ts';
import { BatchStore } from './batch-store.ts';
import { Binaries } from './binaries.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { HomeAccess } from './care.ts';
import { CareOwners } from './care-owners.ts';
import { ChangeFeed } from './change-feed.ts';
import { createCiphertextReader } from './ciphertext.ts';
import { RecordWriter } from './commit.ts';
import { createConditionSearch } from './condition-search.ts';
import type { CrashHook } from './crash-points.ts';
import { DataKeys } from './data-keys.ts';
import { DisputeStore } from './dispute-store.ts';
import { createDocuments, type Documents } from './documents.ts';
import { LeafStates } from './erase.ts';
import { settleEarlierDeliveries } from './exchange/earlier-deliveries.ts';
import { FeedLookup } from './feed-lookup.ts';
import { ForeignIds } from './foreign/foreign-ids.ts';
import { ForeignLinks } from './foreign/foreign-links.ts';
import { HeldMessages } from './held-messages.ts';
import { createKnownGrants, type KnownGrants } from './known-grants.ts';
import { createMasterKey, type MasterKey } from './master-key.ts';
import { Merges } from './merge.ts';
import { Moves } from './move.ts';
import { Notifications } from './notifications.ts';
import { type ObjectArea, openObjects } from './objects/object-area.ts';
import type { S3Place } from './objects/s3-place.ts';
import { makeDurableDirectory, type Packs } from './packs.ts';
import { Patients } from './patients.ts';
import { PrivateKeys } from './private-keys.ts';
import { createRecipients, type Recipients } from './recipients.ts';
import { markClean, type Reconciliation, reconcile } from './reconcile.ts';
import { createRecordRows } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import { VaultRepository } from './repository.ts';
import { RollbackGuard } from './rollback-guard.ts';
import { rowsLog } from './rows-log.ts';
import { SearchEngine } from './search/search-engine.ts';
import { SearchIndex } from './search/search-index.ts';
import type { Store } from './store/database.ts';
import type { PostgresPlace } from './store/postgres/postgres-place.ts';
import { openStoreOf } from './store/store-place.ts';
import type { CiphertextReader, Clock, RecordRows } from './vault-types.ts';

export interface VaultOptions {
  /** The organisation's own directory: `records.sqlite` and `objects/`. Made when missing. */
  readonly directory: string;
  /** The database instead of `records.sqlite` (`postgresPlace`). */
  readonly postgres?: PostgresPlace;
  /** The bucket instead of `objects/`; organisations share none of its prefix. */
  readonly s3?: S3Place;
  readonly organisation: string;
  readonly ledger: Ledger;
  /** 32 bytes from outside the data directory. */
  readonly masterKey: Uint8Array;
  readonly clock: Clock;
  /** Base of this organisation's FHIR API with a slash at the end; relative references of other servers stay apart from it. */
  readonly baseUrl?: string;
  /** Threads that prepare bundles: one pool for all vaults of a process, closed by whoever made it. Else the vault has its own. */
  readonly workers?: BundleWorkers;
  /** Told of failures that no caller waits for; what failed is tried again. */
  readonly onFailure?: (error: unknown) => void;
  /** Tests only: called at each step of a write. */
  readonly crash?: CrashHook;
}

/** One organisation's vault, open: reconciled with the ledger and ready. */
export interface Vault extends AsyncDisposable {
  readonly organisation: string;
  readonly directory: string;
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly repository: VaultRepository;
  readonly search: SearchEngine;
  readonly binaries: Binaries;
  readonly writer: RecordWriter;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly packs: Packs;
  readonly objects: ObjectArea;
  readonly keys: DataKeys;
  readonly recipients: Recipients;
  readonly grants: KnownGrants;
  readonly patients: Patients;
  readonly access: HomeAccess;
  readonly privateKeys: PrivateKeys;
  readonly documents: Documents;
  readonly disputes: DisputeStore;
  readonly moves: Moves;
  readonly merges: Merges;
  readonly feedLookup: FeedLookup;
  readonly foreignIds: ForeignIds;
  readonly foreignLinks: ForeignLinks;
  readonly heldMessages: HeldMessages;
  readonly changes: ChangeFeed;
  readonly notifications: Notifications;
  readonly artifacts: Artifacts;
  readonly leafStates: LeafStates;
  readonly audit: AuditJournal;
  readonly rowsLog: typeof rowsLog;
  readonly guard: RollbackGuard;
  /** What the start found to do. */
  readonly reconciliation: Reconciliation;
}

const MASTER_CHECK = 'salus';

/**
 * Opens or makes the vault in a directory and settles whatever an earlier process left. Throws `master-key` when the
 * key is not this store's, `corrupt` when the store is another organisation's or network's.
 */
export async function openVault(options: VaultOptions): Promise<Vault> {
  const { directory, organisation, ledger, clock, crash } = options;
  await makeDurableDirectory(directory);
  const masterKey = createMasterKey(options.masterKey, { network: ledger.network, organisation });
  const store = await openStoreOf(directory, options.postgres);
  let objects: ObjectArea;
  try {
    await checkPlace(store, masterKey, { network: ledger.network, organisation });
    objects = await openObjects(directory, options.s3);
  } catch (error) {
    await store[Symbol.asyncDispose]();
    throw error;
  }
  const { packs } = objects;
  const attachmentPlace = objects.place('attachments');
  const attachments = new Attachments(attachmentPlace);
  const audit = new AuditJournal(store, masterKey);
  const searchIndex = new SearchIndex({ masterKey, rowsLog });
  const careOwners = new CareOwners({ store, masterKey });
  const base = {
    careOwners,
    searchIndex,
    store,
    masterKey,
    ledger,
    rowsLog,
    clock,
    audit,
    packs,
    attachments,
    organisation,
  };
  const grants = createKnownGrants(base);
  const recipients = createRecipients({ ...base, grants });
  const keys = new DataKeys({ ...base, recipients });
  const rows = createRecordRows(store, masterKey);
  const ciphertext = createCiphertextReader(packs, keys);
  const batches = new BatchStore({ ...base, keys });
  const onFailure = options.onFailure ?? (() => {});
  const changes = new ChangeFeed(base);
  const documents = createDocuments(base);
  const disputes = new DisputeStore(documents);
  const workers = options.workers ?? new BundleWorkers();
  const writing = {
    ...base,
    workers,
    disputes,
    keys,
    batches,
    rows,
    changes,
    onFailure,
    ...(crash === undefined ? {} : { crash }),
  };
  const writer = new RecordWriter(writing);
  const leafStates = new LeafStates(writing);
  const patients = new Patients(base);
  const access = new HomeAccess(base);
  const guard = new RollbackGuard(ledger);
  const foreignIds = new ForeignIds(base);
  const fhir = {
    ...writing,
    foreignIds,
    baseUrl: options.baseUrl ?? null,
    attachmentPlace,
    writer,
    patients,
    access,
  };
  const search = new SearchEngine({ ...base, rows, ciphertext, patients, guard });
  const repository = new VaultRepository({
    ...fhir,
    ciphertext,
    conditionSearch: createConditionSearch(search),
    demandReleasing: () => guard.demandReleasing(),
  });
  const moves = new Moves({ ...fhir, ciphertext, leafStates, documents });
  const merges = new Merges({ ...base, rows, ciphertext, patients, documents, moves, repository });
  const binaries = new Binaries({ ...fhir, repository, ciphertext });
  const close = async (): Promise<void> => {
    if (options.workers === undefined) await workers[Symbol.asyncDispose]();
    await writer[Symbol.asyncDispose]();
    packs[Symbol.dispose]();
    await store[Symbol.asyncDispose]();
  };
  let reconciliation: Reconciliation;
  try {
    await settleEarlierDeliveries({ store, masterKey, onFailure });
    reconciliation = await reconcile({ store, writer, packs, attachments, leafStates, ledger, onFailure });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    organisation,
    directory,
    store,
    masterKey,
    ledger,
    clock,
    repository,
    search,
    binaries,
    writer,
    rows,
    ciphertext,
    attachments,
    packs,
    objects,
    keys,
    recipients,
    grants,
    patients,
    access,
    privateKeys: new PrivateKeys(base),
    documents,
    disputes,
    moves,
    merges,
    feedLookup: new FeedLookup({ ...base, rows, ciphertext }),
    foreignIds,
    foreignLinks: new ForeignLinks(base),
    heldMessages: new HeldMessages(base),
    changes,
    notifications: new Notifications(base),
    artifacts: new Artifacts(base),
    leafStates,
    audit,
    rowsLog,
    guard,
    reconciliation,
    [Symbol.asyncDispose]: async () => {
      await writer[Symbol.asyncDispose]();
      if (!writer.isDisturbed) await markClean(store);
      await close();
    },
  };
}

/** The store remembers whose it is, and a value that only its master key opens. */
async function checkPlace(
  store: Store,
  masterKey: MasterKey,
  place: { readonly network: string; readonly organisation: string },
): Promise<void> {
  const facts = new Map((await store.read.selectFrom('meta').selectAll().execute()).map((row) => [row.key, row.value]));
  const check = facts.get('master-check');
  if (check === undefined) {
    const sealed = masterKey.seal('master-check', [], Buffer.from(MASTER_CHECK));
    const rows = [
      { key: 'network', value: place.network },
      { key: 'organisation', value: place.organisation },
      { key: 'master-check', value: Buffer.from(sealed).toString('base64url') },
    ];
    await store.write(async (trx) => {
      await trx.insertInto('meta').values(rows).execute();
      await rowsLog.coverAll(
        trx,
        rows.map((row) => ({ kind: 'meta', rowKey: row.key, row })),
      );
    });
    return;
  }
  if (facts.get('network') !== place.network || facts.get('organisation') !== place.organisation) {
    throw new RecordsError('corrupt', "the store is another organisation's or another network's");
  }
  try {
    masterKey.open('master-check', [], Buffer.from(check, 'base64url'));
  } catch (cause) {
    throw new RecordsError('master-key', 'the master key is not the one that this store was made with', { cause });
  }
}
