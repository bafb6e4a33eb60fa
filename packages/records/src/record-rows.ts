import { type Selectable, sql } from 'kysely';
import { BoundedCache } from './bounded-cache.ts';
import type { MasterKey } from './master-key.ts';
import { treeProof } from './record-tree.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/database.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { RecordTable } from './store/schema.ts';
import type { RecordMeta, RecordRows, StoredLeaf, StoredRecord, StoredTree } from './vault-types.ts';

/** Records that one page lists at most. */
export const RECORDS_PAGE_MAX = 1000;
/** Ids that one query looks up: each query costs a way to a database that is elsewhere. */
export const IDS_AT_ONCE = 100;
/** Trees whose leaves are kept for proofs. */
const TREES_CACHE_MAX = 128;

type Row = Selectable<RecordTable> & { readonly callId: string };

/** Token under which versions of one FHIR resource are found. */
export function resourceToken(masterKey: MasterKey, type: string, id: string): string {
  return masterKey.token('resource', type, id);
}

/** Row key that binds sealed record meta to its place. */
export function recordContext(recordId: string, version: number): readonly [string, number] {
  return [recordId, version];
}

/** Committed record rows with their sealed parts opened. */
export function createRecordRows(store: Store, masterKey: MasterKey): RecordRows {
  const queries = prepareQueries(store);
  const trees = new BoundedCache<readonly string[]>(TREES_CACHE_MAX);
  const first = (rows: readonly Row[]): StoredRecord | undefined =>
    rows[0] === undefined ? undefined : openRow(masterKey, rows[0]);

  const allOf = async (query: Prepared<Row>, ids: readonly string[]): Promise<readonly StoredRecord[]> => {
    const found: StoredRecord[] = [];
    for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
      const rows = await query(...padded(ids.slice(at, at + IDS_AT_ONCE)));
      found.push(...rows.map((row) => openRow(masterKey, row)));
    }
    return found;
  };

  const listLeaves = async (keyId: string, batchId: string): Promise<readonly StoredLeaf[]> =>
    (await queries.leaves(keyId, batchId)).map(({ leafIndex, leafHash, status, recordId, version }) => ({
      leafIndex,
      leafHash,
      status,
      recordId,
      version,
    }));

  const leafHashes = async (keyId: string, batchId: string): Promise<readonly string[]> => {
    const name = `${keyId}/${batchId}`;
    const known = trees.find(name);
    if (known !== undefined) return known;
    const hashes = (await queries.leaves(keyId, batchId)).map((leaf) => leaf.leafHash);
    trees.put(name, hashes);
    return hashes;
  };

  return {
    listLeaves,
    findRecord: async (recordId, version) =>
      first(version === undefined ? await queries.latestRecord(recordId) : await queries.record(recordId, version)),
    findResource: async (type, id, version) => {
      const token = resourceToken(masterKey, type, id);
      return first(
        version === undefined ? await queries.latestResource(token) : await queries.resource(token, version),
      );
    },
    findRecords: async (recordIds) =>
      new Map((await allOf(queries.latestRecords, recordIds)).map((record) => [record.recordId, record])),
    findResources: async (names) =>
      allOf(
        queries.latestResources,
        names.map(({ type, id }) => resourceToken(masterKey, type, id)),
      ),
    listTrees: async (keyId) => queries.trees(keyId),
    listRecordsOf: async (keyIds, { after = { keyId: '', recordId: '' }, limit }) => {
      demandPageSize(limit);
      if (keyIds.length === 0) return [];
      if (keyIds.length > IDS_AT_ONCE) throw new RecordsError('bad-input', `at most ${IDS_AT_ONCE} key ids at once`);
      const { keyId, recordId } = after;
      const rows = await queries.currentOfKeys(...padded(keyIds), keyId, keyId, recordId, limit);
      return rows.map((row) => openRow(masterKey, row));
    },
    listRecords: async (keyId, { after = '', limit, all = false }) => {
      demandPageSize(limit);
      const rows = all ? await queries.allOfKey(keyId, after, limit) : await queries.currentOfKey(keyId, after, limit);
      return rows.map((row) => openRow(masterKey, row));
    },
    inclusionProof: async (record) => treeProof(await leafHashes(record.keyId, record.batchId), record.leafIndex),
  };
}

function demandPageSize(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= RECORDS_PAGE_MAX) return;
  throw new RecordsError('bad-input', `a page has 1 to ${RECORDS_PAGE_MAX} records`);
}

/** A prepared query has as many places as the longest list: what is over repeats the last. */
function padded(ids: readonly string[]): readonly string[] {
  return Array.from({ length: IDS_AT_ONCE }, (_, at) => ids[Math.min(at, ids.length - 1)]!);
}

function openRow(masterKey: MasterKey, row: Row): StoredRecord {
  const { recordId, version, ciphertextHash, contentHash, wrap, sealed, status } = row;
  const whole = recordId !== null && version !== null && ciphertextHash !== null && contentHash !== null;
  if (!whole || wrap === null || sealed === null || status === 'erased') {
    throw new RecordsError('corrupt', 'a record row that is not erased lacks columns');
  }
  return {
    recordId,
    version,
    keyId: row.keyId,
    batchId: row.batchId,
    callId: row.callId,
    leafIndex: row.leafIndex,
    leafHash: row.leafHash,
    ciphertextHash,
    contentHash,
    status,
    packOffset: row.packOffset,
    packLength: row.packLength,
    wrap,
    meta: masterKey.openJson('record', recordContext(recordId, version), sealed) as unknown as RecordMeta,
  };
}

type Queries = {
  readonly [Name in
    | 'record'
    | 'latestRecord'
    | 'latestRecords'
    | 'latestResources'
    | 'resource'
    | 'latestResource'
    | 'allOfKey'
    | 'currentOfKey'
    | 'currentOfKeys']: Prepared<Row>;
} & {
  readonly leaves: Prepared<Pick<Row, 'leafIndex' | 'leafHash' | 'status' | 'recordId' | 'version'>>;
  readonly trees: Prepared<StoredTree>;
};

function prepareQueries({ read }: Store): Queries {
  // Literals, so that the parameters of a prepared query are the caller's alone.
  const committed = read
    .selectFrom('record')
    .innerJoin('batch', 'batch.batchId', 'record.batchId')
    .where('batch.state', '=', sql.lit('committed'));
  const readable = committed.selectAll('record').select('batch.callId').where('record.status', '!=', sql.lit('erased'));
  const current = committed.selectAll('record').select('batch.callId').where('record.status', '=', sql.lit('current'));
  const latestFirst = 'record.version';
  const places = Array.from({ length: IDS_AT_ONCE }, () => '');
  return {
    record: prepare(readable.where('record.recordId', '=', '').where('record.version', '=', 0)),
    latestRecord: prepare(readable.where('record.recordId', '=', '').orderBy(latestFirst, 'desc').limit(sql.lit(1))),
    resource: prepare(readable.where('record.resourceToken', '=', '').where('record.version', '=', 0)),
    latestResource: prepare(
      readable.where('record.resourceToken', '=', '').orderBy(latestFirst, 'desc').limit(sql.lit(1)),
    ),
    latestRecords: prepare(latestOf(readable.where('record.recordId', 'in', places))),
    latestResources: prepare(latestOf(readable.where('record.resourceToken', 'in', places))),
    currentOfKeys: prepare(
      current
        .where('record.keyId', 'in', places)
        .where(({ or, and, eb }) =>
          or([eb('record.keyId', '>', ''), and([eb('record.keyId', '=', ''), eb('record.recordId', '>', '')])]),
        )
        .orderBy('record.keyId')
        .orderBy('record.recordId')
        .orderBy('record.version')
        .limit(1),
    ),
    allOfKey: prepare(pageOfKey(readable)),
    currentOfKey: prepare(pageOfKey(current)),
    leaves: prepareQuery(
      read,
      committed
        .select(['record.leafIndex', 'record.leafHash', 'record.status', 'record.recordId', 'record.version'])
        .where('record.keyId', '=', '')
        .where('record.batchId', '=', '')
        .orderBy('record.leafIndex'),
    ),
    trees: prepareQuery(
      read,
      committed
        .select(({ fn }) => ['record.keyId', 'record.batchId', 'batch.callId', fn.countAll<number>().as('count')])
        .where('record.keyId', '=', '')
        .groupBy(['record.keyId', 'record.batchId', 'batch.callId', 'batch.createdMs'])
        .orderBy('batch.createdMs'),
    ),
  };

  function prepare(query: typeof readable): Prepared<Row> {
    return prepareQuery(read, query);
  }

  function latestOf(query: typeof readable): typeof readable {
    return query.where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('record as later')
            .innerJoin('batch as laterBatch', 'laterBatch.batchId', 'later.batchId')
            .select('later.version')
            .whereRef('later.recordId', '=', 'record.recordId')
            .whereRef('later.version', '>', 'record.version')
            .where('later.status', '!=', sql.lit('erased'))
            .where('laterBatch.state', '=', sql.lit('committed')),
        ),
      ),
    );
  }

  function pageOfKey(query: typeof readable): typeof readable {
    return query
      .where('record.keyId', '=', '')
      .where('record.recordId', '>', '')
      .orderBy('record.recordId')
      .orderBy('record.version')
      .limit(1);
  }
}
