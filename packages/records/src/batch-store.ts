import type { Json, SignedCall } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { type Selectable, sql } from 'kysely';
import type { BatchEffects } from './batch-effects.ts';
import type { BoundBatch } from './batch-rows.ts';
import type { CareOwners } from './care-owners.ts';
import type { DataKeys } from './data-keys.ts';
import { type Happened, HistoryRows } from './history-rows.ts';
import { identifierRow, identifierTokens, patientRow, relationshipRow } from './index-rows.ts';
import type { MasterKey } from './master-key.ts';
import type { OwnerPlans } from './owner-plans.ts';
import { resourceToken } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import { coveredBatch } from './row-hash.ts';
import { rowKeyOf } from './rows-log.ts';
import type { SearchIndex } from './search/search-index.ts';
import { insertRows, type StoreTransaction } from './store/database.ts';
import { prepareForTransactions } from './store/prepared.ts';
import type { BatchTable, RecordStatus } from './store/schema.ts';
import type { RowsLog, RowToCover } from './vault-types.ts';
import type { WriteOrder } from './write-order.ts';

export interface BatchIntent {
  readonly batchId: string;
  readonly call: SignedCall;
  readonly callId: string;
  readonly order: WriteOrder;
  readonly plans: OwnerPlans;
  readonly bound: BoundBatch;
  readonly effects: BatchEffects;
  readonly packBytes: number;
  readonly nowMs: number;
}

/** Tables whose rows belong to a batch and go with it, with their primary keys. */
const OWNED_TABLES = [
  ['careRelationship', ['relationshipId']],
  ['identifier', ['token', 'resourceToken']],
  ['patient', ['pidToken']],
  ['bundle', ['id']],
] as const;

const findBatch = prepareForTransactions((db) => db.selectFrom('batch').selectAll().where('batchId', '=', ''));
const commitBatch = prepareForTransactions((db) =>
  db
    .updateTable('batch')
    .set({ state: 'committed', call: '', sealed: new Uint8Array(0) })
    .where('batchId', '=', ''),
);

const insertBundle = prepareForTransactions((db) =>
  db.insertInto('bundle').values({ bundleToken: '', batchId: '' }).returningAll(),
);
const lastVersion = prepareForTransactions((db) =>
  db.selectFrom('record').select('version').where('recordId', '=', '').orderBy('version', 'desc').limit(sql.lit(1)),
);

const endVersion = prepareForTransactions((db) =>
  db
    .updateTable('record')
    .set({ status: 'superseded' })
    .where('recordId', '=', '')
    .where('version', '=', 0)
    .where('status', '=', sql.lit<RecordStatus>('current')),
);

/** A batch in the store: written as an intent, then finished or discarded by the ledger's answer. */
export class BatchStore {
  readonly #masterKey: MasterKey;
  readonly #rowsLog: RowsLog;
  readonly #keys: DataKeys;
  readonly #searchIndex: SearchIndex;
  readonly #careOwners: CareOwners;
  readonly #history: HistoryRows;

  constructor(parts: {
    readonly masterKey: MasterKey;
    readonly rowsLog: RowsLog;
    readonly keys: DataKeys;
    readonly searchIndex: SearchIndex;
    readonly careOwners: CareOwners;
  }) {
    this.#careOwners = parts.careOwners;
    this.#searchIndex = parts.searchIndex;
    this.#history = new HistoryRows(parts.rowsLog);
    this.#masterKey = parts.masterKey;
    this.#rowsLog = parts.rowsLog;
    this.#keys = parts.keys;
  }

  /** Everything that the batch adds, invisible until `finish`. A version that exists already throws `conflict`. */
  async insert(trx: StoreTransaction, intent: BatchIntent): Promise<void> {
    const { batchId, order, bound } = intent;
    for (const { replaces, movedFrom, recordId, version } of order.versions) {
      if (replaces !== null || movedFrom !== undefined) await demandNext(trx, recordId, version);
    }
    const row = {
      batchId,
      kind: intent.effects.ends.length + intent.effects.hides.length === 0 ? 'commit' : 'correct',
      state: 'pending',
      callId: intent.callId,
      call: canonical(intent.call as unknown as Json),
      digest: bound.digest,
      packBytes: intent.packBytes,
      sealed: this.#masterKey.sealJson('batch', [batchId], intent.effects as unknown as Json),
      createdMs: intent.nowMs,
    } as const;
    await insertRows(trx, 'batch', [row]);
    const covered: (readonly RowToCover[])[] = [];
    for (const plan of intent.plans.values()) covered.push(await this.#keys.insert(trx, batchId, plan));
    await insertRows(trx, 'record', bound.records);
    await insertRows(trx, 'attachment', bound.attachments);
    covered.push(await this.#insertIndexes(trx, intent));
    covered.push(await this.#searchIndex.insert(trx, batchId, order.versions));
    covered.push(await this.#history.insert(trx, batchId, happenedIn(intent)));
    await this.#rowsLog.coverAll(trx, covered.flat());
  }

  /** The ledger has the call: the batch counts from now on. Undefined when it was finished before. */
  async finish(trx: StoreTransaction, batchId: string): Promise<BatchEffects | undefined> {
    const [batch] = await findBatch(trx, batchId);
    if (batch === undefined) throw new RecordsError('corrupt', 'a committed batch is not in the store');
    if (batch.state === 'committed') return undefined;
    const effects = this.openEffects(batch);
    await commitBatch(trx, 'committed', '', new Uint8Array(0), batchId);
    for (const { recordId, version } of effects.ends) await endVersion(trx, 'superseded', recordId, version);
    for (const { recordId, version } of effects.hides) await endVersion(trx, 'tombstoned', recordId, version);
    await this.#searchIndex.remove(trx, [...effects.ends, ...effects.hides]);
    const covered: RowToCover[] = [{ kind: 'batch', rowKey: batchId, row: coveredBatch(batch) }];
    for (const restated of effects.restated) covered.push(...(await removeStale(trx, batchId, restated)));
    await this.#rowsLog.coverAll(trx, covered);
    return effects;
  }

  /** The ledger refused the call: nothing of the batch remains but its pack, which the caller removes. */
  async discard(trx: StoreTransaction, batchId: string): Promise<readonly string[]> {
    await this.#searchIndex.discard(trx, batchId);
    await this.#history.discard(trx, batchId);
    const gone: RowToCover[] = [];
    for (const [table, columns] of OWNED_TABLES) {
      const rows = await trx.deleteFrom(table).where('batchId', '=', batchId).returningAll().execute();
      for (const row of rows as unknown as readonly Record<string, string | number>[]) {
        gone.push({ kind: table, rowKey: rowKeyOf(columns.map((column) => row[column] ?? '')), row: null });
      }
    }
    await this.#rowsLog.coverAll(trx, gone);
    await trx.deleteFrom('record').where('batchId', '=', batchId).execute();
    const attachments = await trx
      .deleteFrom('attachment')
      .where('batchId', '=', batchId)
      .returning('attachmentId')
      .execute();
    await this.#keys.discard(trx, batchId);
    await trx.deleteFrom('batch').where('batchId', '=', batchId).execute();
    return attachments.map((row) => row.attachmentId);
  }

  openEffects(batch: Pick<Selectable<BatchTable>, 'batchId' | 'sealed'>): BatchEffects {
    return this.#masterKey.openJson('batch', [batch.batchId], batch.sealed) as unknown as BatchEffects;
  }

  async #insertIndexes(trx: StoreTransaction, { batchId, order, nowMs }: BatchIntent): Promise<readonly RowToCover[]> {
    const masterKey = this.#masterKey;
    const covered: RowToCover[] = [];
    for (const { registration, fhirId } of order.patients) {
      const row = patientRow(masterKey, { batchId, pid: registration.pid, fhirId, registeredMs: nowMs });
      await insertRows(trx, 'patient', [row]);
      covered.push({ kind: 'patient', rowKey: row.pidToken, row });
    }
    const fresh: ReturnType<typeof identifierRow>[] = [];
    for (const { facts, identifiers, relationships, replaces, movedFrom } of order.versions) {
      if (identifiers.length + relationships.length === 0) continue;
      const { type, id } = facts;
      const token = resourceToken(masterKey, type, id);
      const names = new Set(identifiers.flatMap((identifier) => identifierTokens(masterKey, type, identifier)));
      const rows = [...names].map((name) =>
        identifierRow(masterKey, { batchId, type, id, resourceToken: token, token: name }),
      );
      // An earlier version may have stated some of them: those rows stay as they are.
      if (replaces === null && movedFrom === undefined) fresh.push(...rows);
      else fresh.push(...(await withoutKnown(trx, rows)));
      for (const relationship of relationships) {
        this.#careOwners.note(relationship);
        const row = relationshipRow(masterKey, relationship, { resourceToken: token, batchId });
        await insertRows(trx, 'careRelationship', [row]);
        covered.push({ kind: 'careRelationship', rowKey: row.relationshipId, row });
      }
    }
    await insertRows(trx, 'identifier', fresh);
    for (const row of fresh) {
      covered.push({ kind: 'identifier', rowKey: rowKeyOf([row.token, row.resourceToken]), row });
    }
    if (order.bundleToken !== null) {
      const [inserted] = await insertBundle(trx, order.bundleToken, batchId);
      if (inserted === undefined) throw new Error('broken invariant: an insert returns its row');
      covered.push({ kind: 'bundle', rowKey: rowKeyOf([inserted.id]), row: { ...inserted } });
    }
    return covered;
  }
}

function happenedIn({ order, nowMs }: BatchIntent): readonly Happened[] {
  const written = order.versions.map(({ recordId, version, replaces, movedFrom, facts }) => {
    const kind = replaces === null && movedFrom === undefined ? ('create' as const) : ('update' as const);
    return { kind, recordId, version, atMs: facts.lastUpdatedMs };
  });
  const deleted = (order.hides ?? []).map(({ recordId, version }) => {
    return { kind: 'delete' as const, recordId, version, atMs: nowMs };
  });
  return [...written, ...deleted];
}

/** Of two corrections of one version the second finds its number taken; the ledger would refuse it too. */
async function demandNext(trx: StoreTransaction, recordId: string, version: number): Promise<void> {
  const [latest] = await lastVersion(trx, recordId);
  if (latest?.version !== version - 1)
    throw new RecordsError('conflict', 'the version is not the current one any more');
}

/** Removes identifiers and relationships that an earlier version of a resource stated and the new one does not. */
async function removeStale(
  trx: StoreTransaction,
  batchId: string,
  { resourceToken: token, identifierTokens }: BatchEffects['restated'][number],
): Promise<readonly RowToCover[]> {
  const identifiers = await trx
    .deleteFrom('identifier')
    .where('resourceToken', '=', token)
    .where('token', 'not in', identifierTokens.length === 0 ? [''] : identifierTokens)
    .returning(['token', 'resourceToken'])
    .execute();
  const relationships = await trx
    .deleteFrom('careRelationship')
    .where('resourceToken', '=', token)
    .where('batchId', '!=', batchId)
    .returning('relationshipId')
    .execute();
  return [
    ...identifiers.map((row) => ({ kind: 'identifier', rowKey: rowKeyOf([row.token, row.resourceToken]), row: null })),
    ...relationships.map((row) => ({ kind: 'careRelationship', rowKey: row.relationshipId, row: null })),
  ];
}

async function withoutKnown<Row extends { readonly token: string; readonly resourceToken: string }>(
  trx: StoreTransaction,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const [first] = rows;
  if (first === undefined) return [];
  const known = await trx
    .selectFrom('identifier')
    .select('token')
    .where('resourceToken', '=', first.resourceToken)
    .execute();
  const tokens = new Set(known.map(({ token }) => token));
  return rows.filter(({ token }) => !tokens.has(token));
}
