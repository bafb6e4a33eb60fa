import type { DatabaseSync } from 'node:sqlite';
import {
  type BatchFact,
  batchKey,
  type KeyFact,
  keyKey,
  type LeafFact,
  leafKey,
  type PatientFact,
  patientKey,
  type TableFact,
} from '@salus/contracts';
import type { Selectable } from 'kysely';
import type { LedgerView } from '../ledger-view.ts';
import { recordLeafHash, treeRoot } from '../record-tree.ts';
import { attachmentRowHash, recordRowHash, rowsDigest } from '../row-hash.ts';
import type { AttachmentTable, BatchTable, RecordTable } from '../store/schema.ts';
import type { Report } from './finding.ts';

export type BatchRow = Selectable<BatchTable>;
export type RecordRow = Selectable<RecordTable>;
export type AttachmentRow = Selectable<AttachmentTable>;

/** Entries of one look at the ledger. */
const PAGE = 1_000;

export interface BatchContext {
  readonly database: DatabaseSync;
  readonly ledger: LedgerView;
  readonly organisation: string;
  readonly report: Report;
}

/** One batch with its rows, as its files are checked too. */
export interface StoredBatch {
  readonly batch: BatchRow;
  readonly records: readonly RecordRow[];
  readonly attachments: readonly AttachmentRow[];
}

/** Every batch of the store against itself and the ledger; hands each committed one on for its files. */
export async function verifyBatches(
  context: BatchContext,
  checkObjects: (stored: StoredBatch) => Promise<void>,
): Promise<void> {
  const { database, report } = context;
  const records = database.prepare('select * from "record" where "batchId" = ? order by "keyId", "leafIndex"');
  const attachments = database.prepare('select * from "attachment" where "batchId" = ? order by "attachmentId"');
  const batches = database.prepare('select * from "batch" order by "batchId"').all() as unknown as BatchRow[];
  const pendingCalls = new Set(batches.filter(({ state }) => state === 'pending').map(({ callId }) => callId));
  const rolledBack = (await context.ledger.range('access/rollback/', 'access/rollback0', 1)).length > 0;
  for (const batch of batches) {
    if (batch.state === 'pending') {
      report.notes.pendingBatches += 1;
      continue;
    }
    const stored: StoredBatch = {
      batch,
      records: records.all(batch.batchId) as unknown as RecordRow[],
      attachments: attachments.all(batch.batchId) as unknown as AttachmentRow[],
    };
    verifyDigest(stored, report);
    await verifyTrees(context, stored);
    await verifyStatuses(context, stored.records, { pendingCalls, rolledBack });
    await checkObjects(stored);
    report.seen.batches += 1;
    report.seen.records += stored.records.length;
  }
  verifyStrays(context);
}

/** Rows of the batch by their own hashes, and their hashes by the batch's digest, which the rows log covers. */
function verifyDigest({ batch, records, attachments }: StoredBatch, report: Report): void {
  const place = `batch/${batch.batchId}`;
  const isSettled = batch.state === 'committed' && batch.call === '' && batch.sealed.length === 0;
  if (!isSettled) report.find('row-changed', place);
  if (rowsDigest(records, attachments) !== batch.digest) report.find('record-changed', place);
  for (const row of records) {
    const at = `record/${batch.batchId}/${row.keyId}/${row.leafIndex}`;
    if (row.status === 'erased') {
      const { recordId, version, ciphertextHash, contentHash, wrap, sealed, resourceToken, ownerToken } = row;
      const kept = [recordId, version, ciphertextHash, contentHash, wrap, sealed, resourceToken, ownerToken];
      if (kept.some((value) => value !== null)) report.find('erased-remains', at);
    } else if (recordRowHash(row) !== row.rowHash || leafOf(row) !== row.leafHash) {
      report.find('record-changed', at);
    }
  }
  for (const row of attachments) {
    const isErased = row.fileHash === null && row.fileBytes === null && row.recordId === null && row.version === null;
    const at = `attachment/${row.attachmentId}`;
    if (!isErased && attachmentRowHash(row) !== row.rowHash) report.find('record-changed', at);
  }
}

function leafOf({ recordId, version, keyId, ciphertextHash, contentHash }: RecordRow): string | undefined {
  if (recordId === null || version === null || ciphertextHash === null || contentHash === null) return undefined;
  return recordLeafHash({ recordId, version, keyId, ciphertextHash, contentHash });
}

/** Each tree of the batch is the one that its call committed. */
async function verifyTrees({ ledger, report }: BatchContext, { batch, records }: StoredBatch): Promise<void> {
  for (const [keyId, rows] of Map.groupBy(records, (row) => row.keyId)) {
    const place = `batch/${batch.batchId}/${keyId}`;
    const fact = (await ledger.get(batchKey(keyId, batch.callId))) as BatchFact | undefined;
    if (fact === undefined) {
      report.find('not-on-ledger', place);
      continue;
    }
    const inOrder = rows.every((row, index) => row.leafIndex === index);
    const root = rootOf(rows.map((row) => row.leafHash));
    if (!inOrder || rows.length !== fact.count || root !== fact.root) report.find('tree-mismatch', place);
  }
}

/** Undefined when one of the hashes is none. */
function rootOf(leafHashes: readonly string[]): string | undefined {
  try {
    return treeRoot(leafHashes);
  } catch {
    return undefined;
  }
}

/** Each record is current, superseded, tombstoned or erased as the ledger says. */
async function verifyStatuses(
  { ledger, report }: BatchContext,
  records: readonly RecordRow[],
  { pendingCalls, rolledBack }: { readonly pendingCalls: ReadonlySet<string>; readonly rolledBack: boolean },
): Promise<void> {
  for (const row of records) {
    const fact = (await ledger.get(leafKey(row.keyId, row.leafHash))) as LeafFact | undefined;
    // The call that ends the version is on the ledger, and its batch is settled at the next start.
    if (fact !== undefined && pendingCalls.has(fact.call)) continue;
    if (row.status === (fact?.status ?? 'current')) continue;
    if (row.status === 'erased' && rolledBack) {
      // What was erased stays erased when the ledger loses the call that said so.
      report.notes.erasedBeforeRollback += 1;
      continue;
    }
    const place = `record/${row.batchId}/${row.keyId}/${row.leafIndex}`;
    report.find(fact?.status === 'erased' ? 'erased-remains' : 'status-mismatch', place);
  }
}

/** Rows that no batch has would be in nobody's digest. */
function verifyStrays({ database, report }: BatchContext): void {
  for (const table of ['record', 'attachment'] as const) {
    const strays = database
      .prepare(`select "batchId" from "${table}" where "batchId" not in (select "batchId" from "batch")`)
      .all();
    for (const stray of strays) report.find('row-uncovered', `${table}/${String(stray.batchId)}`);
  }
}

/** Everything of this organisation's owners on the ledger is in the store: trees, keys, tables. */
export async function verifyLedgerSide(context: BatchContext): Promise<void> {
  const { database, report } = context;
  const owners = new Owners(context.ledger, context.organisation);
  const count = database.prepare(
    `select count(*) as "count" from "record" join "batch" on "batch"."batchId" = "record"."batchId"
     where "record"."keyId" = ? and "batch"."callId" = ?`,
  );
  for await (const { key, value } of entriesUnder(context.ledger, 'record/root/')) {
    const fact = value as BatchFact;
    if (!(await owners.isOwn(fact.owner))) continue;
    const [keyId = '', callId = ''] = key.slice('record/root/'.length).split('/');
    report.seen.ledgerEntries += 1;
    if (count.get(keyId, callId)?.count !== fact.count) report.find('not-in-store', key);
  }
  const dataKey = database.prepare('select "epoch" from "dataKey" where "keyId" = ?');
  for await (const { key, value } of entriesUnder(context.ledger, 'record/key/')) {
    const fact = value as KeyFact;
    if (!(await owners.isOwn(fact.owner))) continue;
    report.seen.ledgerEntries += 1;
    if (dataKey.get(key.slice('record/key/'.length))?.epoch !== fact.epoch) report.find('not-in-store', key);
  }
  const epoch = database.prepare('select "epoch" from "epoch" where "root" = ? and "size" = ?');
  for await (const { key, value } of entriesUnder(context.ledger, 'record/table/')) {
    const fact = value as TableFact;
    const [owner = '', number = ''] = key.slice('record/table/'.length).split('/');
    if (!(await owners.isOwn(owner))) continue;
    report.seen.ledgerEntries += 1;
    if (epoch.get(fact.root, fact.size)?.epoch !== Number(number)) report.find('not-in-store', key);
  }
  await verifyKeysOnLedger(context);
}

/** Keys of committed batches are registered on the ledger. */
async function verifyKeysOnLedger({ database, ledger, report }: BatchContext): Promise<void> {
  const rows = database.prepare(
    `select "keyId", "dataKey"."epoch" from "dataKey" join "batch" on "batch"."batchId" = "dataKey"."batchId"
     where "batch"."state" = 'committed'`,
  );
  for (const { keyId, epoch } of rows.iterate()) {
    const fact = (await ledger.get(keyKey(String(keyId)))) as KeyFact | undefined;
    if (fact?.epoch !== epoch) report.find('not-on-ledger', `dataKey/${String(keyId)}`);
  }
}

/** Whose pids are whose; asked once for each. */
class Owners {
  readonly #ledger: LedgerView;
  readonly #organisation: string;
  readonly #known = new Map<string, boolean>();

  constructor(ledger: LedgerView, organisation: string) {
    this.#ledger = ledger;
    this.#organisation = organisation;
  }

  async isOwn(owner: string): Promise<boolean> {
    if (!owner.startsWith('pid:')) return owner === `org:${this.#organisation}`;
    const known = this.#known.get(owner);
    if (known !== undefined) return known;
    const patient = (await this.#ledger.get(patientKey(owner.slice('pid:'.length)))) as PatientFact | undefined;
    const own = patient?.organisation === this.#organisation;
    this.#known.set(owner, own);
    return own;
  }
}

async function* entriesUnder(ledger: LedgerView, prefix: string) {
  const end = `${prefix.slice(0, -1)}0`;
  for (let start = prefix; ; ) {
    const page = await ledger.range(start, end, PAGE);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    start = `${last.key}\u0000`;
  }
}
