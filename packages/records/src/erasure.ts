import type { EndedLeaf } from '@salus/contracts';
import type { Attachments } from './attachments.ts';
import type { CrashHook } from './crash-points.ts';
import type { DisputeStore } from './dispute-store.ts';
import { withdrawQuotes } from './exchange/delivery-rows.ts';
import { removeHistory } from './history-rows.ts';
import type { MasterKey } from './master-key.ts';
import type { Packs } from './packs.ts';
import { pidOf } from './recipients.ts';
import { recordContext } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import type { SearchIndex } from './search/search-index.ts';
import type { Store, StoreTransaction } from './store/database.ts';
import type { AuditLog, Clock, RecordMeta, RowsLog, RowToCover, Who } from './vault-types.ts';

export type ErasureParts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly packs: Packs;
  readonly attachments: Attachments;
  readonly rowsLog: RowsLog;
  readonly searchIndex: SearchIndex;
  readonly disputes: DisputeStore;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly crash?: CrashHook;
};

type ErasedRow = {
  readonly batchId: string;
  readonly keyId: string;
  readonly leafIndex: number;
  readonly leafHash: string;
  readonly recordId: string;
  readonly version: number;
  readonly packOffset: number;
  readonly packLength: number;
  readonly resourceToken: string | null;
  readonly owner: string;
};

/** Takes the bytes of record versions out of packs, attachments and database. Whether they must go is decided before. */
export class Erasure {
  readonly #parts: ErasureParts;

  constructor(parts: ErasureParts) {
    this.#parts = parts;
  }

  /** Overwrites and forgets those of the versions that this store still has; returns how many they were. */
  async destroy(leaves: readonly EndedLeaf[], who: Who | null): Promise<number> {
    const rows = leaves.length === 0 ? [] : await this.#findErased(leaves);
    if (rows.length === 0) return 0;
    const { store, packs, attachments } = this.#parts;
    await this.#log(rows, who);
    await this.#eraseStatements(rows);
    const files = await this.#attachmentsOf(rows);
    for (const attachmentId of files) await attachments.remove(attachmentId);
    for (const [batchId, ranges] of Map.groupBy(rows, (row) => row.batchId)) {
      await packs.erase(
        batchId,
        ranges.map((row) => ({ offset: row.packOffset, length: row.packLength })),
      );
    }
    this.#parts.crash?.('erase:after-pack');
    await store.write((trx) => this.#eraseRows(trx, rows, files));
    this.#parts.crash?.('erase:after-rows');
    await store.forgetErased();
    return rows.length;
  }

  async #findErased(leaves: readonly EndedLeaf[]): Promise<readonly ErasedRow[]> {
    const { store, masterKey } = this.#parts;
    const rows = await store.read
      .selectFrom('record')
      .selectAll()
      .where('leafHash', 'in', hashesOf(leaves))
      .where('status', '!=', 'erased')
      .execute();
    return underTheirKeys(rows, leaves).map((row) => {
      const { recordId, version, sealed } = row;
      if (recordId === null || version === null || sealed === null) {
        throw new RecordsError('corrupt', 'a record row that is not erased lacks columns');
      }
      const meta = masterKey.openJson('record', recordContext(recordId, version), sealed) as unknown as RecordMeta;
      return { ...row, recordId, version, owner: meta.owner };
    });
  }

  /** Before the rows, which say what is left to do after a crash. */
  async #eraseStatements(rows: readonly ErasedRow[]): Promise<void> {
    for (const [owner, owned] of Map.groupBy(rows, (row) => row.owner)) {
      const pid = pidOf(owner as `pid:${string}`);
      if (pid !== undefined) await this.#parts.disputes.eraseAbout(pid, new Set(hashesOf(owned)));
    }
  }

  async #attachmentsOf(rows: readonly ErasedRow[]): Promise<readonly string[]> {
    const found = await Promise.all(
      rows.map(({ recordId, version }) =>
        this.#parts.store.read
          .selectFrom('attachment')
          .select('attachmentId')
          .where('recordId', '=', recordId)
          .where('version', '=', version)
          .execute(),
      ),
    );
    return found.flat().map((row) => row.attachmentId);
  }

  async #eraseRows(trx: StoreTransaction, rows: readonly ErasedRow[], files: readonly string[]): Promise<void> {
    await this.#parts.searchIndex.remove(trx, rows);
    await removeHistory(trx, this.#parts.rowsLog, rows);
    for (const { keyId, batchId, leafIndex } of rows) {
      await trx
        .updateTable('record')
        .set({ status: 'erased', recordId: null, version: null, ciphertextHash: null, contentHash: null })
        .set({ wrap: null, sealed: null, resourceToken: null, ownerToken: null })
        .where('keyId', '=', keyId)
        .where('batchId', '=', batchId)
        .where('leafIndex', '=', leafIndex)
        .execute();
    }
    for (const attachmentId of files) {
      await trx
        .updateTable('attachment')
        .set({ recordId: null, version: null, fileBytes: null, fileHash: null })
        .where('attachmentId', '=', attachmentId)
        .execute();
    }
    await withdrawQuotes(trx, this.#parts.masterKey, new Set(hashesOf(rows)));
    const tokens = new Set(rows.flatMap((row) => row.resourceToken ?? []));
    for (const token of tokens) await this.#eraseIndexes(trx, token);
  }

  /** Index rows go with the last version of their resource. */
  async #eraseIndexes(trx: StoreTransaction, resourceToken: string): Promise<void> {
    const left = await trx
      .selectFrom('record')
      .select('leafHash')
      .where('resourceToken', '=', resourceToken)
      .limit(1)
      .executeTakeFirst();
    if (left !== undefined) return;
    const identifiers = await trx
      .deleteFrom('identifier')
      .where('resourceToken', '=', resourceToken)
      .returning(['token', 'resourceToken'])
      .execute();
    const relationships = await trx
      .deleteFrom('careRelationship')
      .where('resourceToken', '=', resourceToken)
      .returning('relationshipId')
      .execute();
    const gone: RowToCover[] = [
      ...identifiers.map((row) => ({
        kind: 'identifier',
        rowKey: rowKeyOf([row.token, row.resourceToken]),
        row: null,
      })),
      ...relationships.map((row) => ({ kind: 'careRelationship', rowKey: row.relationshipId, row: null })),
    ];
    await this.#parts.rowsLog.coverAll(trx, gone);
  }

  /** Logged before the first byte goes: an erasure that is cut short is logged again when it is finished. */
  async #log(rows: readonly ErasedRow[], who: Who | null): Promise<void> {
    const { audit, clock } = this.#parts;
    for (const [owner, owned] of Map.groupBy(rows, (row) => row.owner)) {
      await audit.append({
        kind: 'erasure',
        atMs: clock(),
        pid: pidOf(owner as `pid:${string}`) ?? null,
        who,
        purpose: null,
        grant: null,
        session: null,
        records: owned.map(({ recordId, version }) => ({ recordId, version })),
        outcome: 'ok',
        request: null,
      });
    }
  }
}

export function hashesOf(leaves: readonly EndedLeaf[]): readonly string[] {
  return leaves.map((leaf) => leaf.leafHash);
}

/** Others may have committed a copy of a leaf of ours under a key of theirs: what they end is their copy. */
export function underTheirKeys<Row extends EndedLeaf>(
  rows: readonly Row[],
  leaves: readonly EndedLeaf[],
): readonly Row[] {
  const named = new Set(leaves.map(({ keyId, leafHash }) => `${keyId}/${leafHash}`));
  return rows.filter(({ keyId, leafHash }) => named.has(`${keyId}/${leafHash}`));
}
