import { type EndedLeaf, findEndedLeaf, LEAF_PREFIX, type LeafFact, leafKey, type SignedCall } from '@salus/contracts';
import type { Ledger, TransactionView } from '@salus/ledger';
import type { Attachments } from './attachments.ts';
import type { CrashHook } from './crash-points.ts';
import { isDistrusted } from './distrusted.ts';
import type { MasterKey } from './master-key.ts';
import type { Packs } from './packs.ts';
import { pidOf } from './recipients.ts';
import { recordContext } from './record-rows.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import type { Store, StoreTransaction } from './store/database.ts';
import type { AuditLog, Clock, RecordMeta, RowsLog, RowToCover, Who } from './vault-types.ts';

/** Leaves that one look at the store asks for. */
const LEAVES_PAGE = 500;
/** Leaf states that one look at the ledger asks for. */
const RANGE_PAGE = 5_000;

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly packs: Packs;
  readonly attachments: Attachments;
  readonly rowsLog: RowsLog;
  readonly audit: AuditLog;
  readonly clock: Clock;
  /** Told what the ledger distrusts: it is left as it is. */
  readonly onFailure: (error: unknown) => void;
  readonly crash?: CrashHook;
};

type Ended = EndedLeaf & { readonly status: LeafFact['status'] };

type ErasedRow = {
  readonly batchId: string;
  readonly keyId: string;
  readonly leafIndex: number;
  readonly recordId: string;
  readonly version: number;
  readonly packOffset: number;
  readonly packLength: number;
  readonly resourceToken: string | null;
  readonly owner: string;
};

/**
 * Makes the store follow what the ledger says of record versions: superseded, tombstoned, erased. The ledger decides
 * first and the store follows, so that a crash in between, or a restored backup, is put right by looking again.
 *
 * Calls and blocks only tell where to look: each version is asked for in the ledger's state before it is touched, which refuses
 * what an alarm has written. Such a version stays as it is.
 */
export class LeafStates {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Submits a patient's signed `record.erase`, or an administrator's `record.approveErasure`, and erases. Resolves when
   * no byte of the versions is left in packs, attachments and database. A refusal throws `ledger-refused`.
   */
  async erase(call: SignedCall, who: Who): Promise<{ readonly callId: string; readonly erased: number }> {
    const result = await this.#parts.ledger.submit(call);
    if (result.kind === 'refused') {
      throw new RecordsError('ledger-refused', `the ledger refused the erasure: ${result.code}`, {
        detail: result.code,
      });
    }
    this.#parts.crash?.('erase:after-ledger');
    const erased = await this.applyCall(result.callId, who);
    return { callId: result.callId, erased };
  }

  /** Applies what one committed call ended; returns how many versions of this store it erased. */
  async applyCall(callId: string, who: Who | null = null): Promise<number> {
    const view = await this.#parts.ledger.transaction(callId);
    return view === undefined ? 0 : this.#apply(endedBy(view), who);
  }

  /**
   * Destroys versions whose erasure is known although a ledger that was rolled back does not hold it (DESIGN §5: restore
   * re-applies erasure). Takes their state keys; returns how many were there.
   */
  async eraseAgain(keys: readonly string[]): Promise<number> {
    const leaves = keys.flatMap((key) => findEndedLeaf(key) ?? []);
    let erased = 0;
    for (const page of pagesOf(leaves)) {
      const trusted: EndedLeaf[] = [];
      for (const leaf of page) if ((await this.#findState(leaf)) !== 'distrusted') trusted.push(leaf);
      erased += await this.#erase(trusted, null);
    }
    return erased;
  }

  /**
   * Compares all leaf states of the ledger with the store: after a crash and after a restore. Distrusted ones are left out and
   * told.
   */
  async applyAll(): Promise<void> {
    try {
      await this.#applyRange();
    } catch (error) {
      if (!isDistrusted(error)) throw error;
      // A range tells nothing where one key of it is distrusted: then the store's own versions are asked for, one by one.
      this.#parts.onFailure(error);
      await this.#applyRows();
    }
  }

  async #applyRange(): Promise<void> {
    for (let start = LEAF_PREFIX; ; ) {
      const page = await this.#parts.ledger.range(start, 'leaf0', RANGE_PAGE);
      await this.#apply(
        page.flatMap(({ key }) => findEndedLeaf(key) ?? []),
        null,
      );
      const last = page.at(-1);
      if (last === undefined || page.length < RANGE_PAGE) return;
      start = `${last.key}\u0000`;
    }
  }

  async #applyRows(): Promise<void> {
    for (let after = ''; ; ) {
      const page = await this.#parts.store.read
        .selectFrom('record')
        .select(['keyId', 'leafHash'])
        .where('leafHash', '>', after)
        .where('status', '!=', 'erased')
        .orderBy('leafHash')
        .limit(LEAVES_PAGE)
        .execute();
      await this.#apply(page, null);
      const last = page.at(-1);
      if (last === undefined || page.length < LEAVES_PAGE) return;
      after = last.leafHash;
    }
  }

  /** Follows the ledger's blocks until `signal` aborts: for an engine on which others submit, too. */
  async follow(fromBlock: number, signal: AbortSignal): Promise<void> {
    for await (const block of this.#parts.ledger.follow(fromBlock, signal)) {
      for (const transaction of block.transactions) await this.#apply(endedBy(transaction), null);
    }
  }

  async #apply(leaves: readonly EndedLeaf[], who: Who | null): Promise<number> {
    let erased = 0;
    for (const page of pagesOf(leaves)) {
      const ended = await this.#findEnded(page);
      for (const status of ['superseded', 'tombstoned'] as const) {
        await this.#hide(leavesOf(ended, status), status);
      }
      erased += await this.#erase(leavesOf(ended, 'erased'), who);
    }
    return erased;
  }

  /** What the ledger's state says of those versions that this store has; nothing of distrusted ones. */
  async #findEnded(leaves: readonly EndedLeaf[]): Promise<readonly Ended[]> {
    const rows = await this.#parts.store.read
      .selectFrom('record')
      .select(['keyId', 'leafHash'])
      .where('leafHash', 'in', hashesOf(leaves))
      .where('status', '!=', 'erased')
      .execute();
    const ended: Ended[] = [];
    for (const { keyId, leafHash } of underTheirKeys(rows, leaves)) {
      const status = await this.#findState({ keyId, leafHash });
      if (status !== undefined && status !== 'distrusted') ended.push({ keyId, leafHash, status });
    }
    return ended;
  }

  async #findState({ keyId, leafHash }: EndedLeaf): Promise<LeafFact['status'] | 'distrusted' | undefined> {
    try {
      return ((await this.#parts.ledger.get(leafKey(keyId, leafHash))) as LeafFact | undefined)?.status;
    } catch (error) {
      if (!isDistrusted(error)) throw error;
      this.#parts.onFailure(error);
      return 'distrusted';
    }
  }

  async #hide(leaves: readonly EndedLeaf[], status: 'superseded' | 'tombstoned'): Promise<void> {
    if (leaves.length === 0) return;
    const named = await this.#parts.store.read
      .selectFrom('record')
      .select(['keyId', 'leafHash'])
      .where('leafHash', 'in', hashesOf(leaves))
      .where('status', '=', 'current')
      .execute();
    const stale = underTheirKeys(named, leaves);
    if (stale.length === 0) return;
    const hashes = stale.map((row) => row.leafHash);
    await this.#parts.store.write((trx) =>
      trx.updateTable('record').set({ status }).where('leafHash', 'in', hashes).execute(),
    );
  }

  async #erase(leaves: readonly EndedLeaf[], who: Who | null): Promise<number> {
    const rows = leaves.length === 0 ? [] : await this.#findErased(leaves);
    if (rows.length === 0) return 0;
    const { store, packs, attachments } = this.#parts;
    await this.#log(rows, who);
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
    await store.truncateWal();
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

/** The versions whose state a committed call wrote. */
function endedBy({ outcome }: Pick<TransactionView, 'outcome'>): readonly EndedLeaf[] {
  return outcome.kind === 'committed' ? outcome.writes.flatMap(([key]) => findEndedLeaf(key) ?? []) : [];
}

function pagesOf(leaves: readonly EndedLeaf[]): readonly (readonly EndedLeaf[])[] {
  return Array.from({ length: Math.ceil(leaves.length / LEAVES_PAGE) }, (_, at) =>
    leaves.slice(at * LEAVES_PAGE, (at + 1) * LEAVES_PAGE),
  );
}

function leavesOf(ended: readonly Ended[], status: Ended['status']): readonly EndedLeaf[] {
  return ended.filter((leaf) => leaf.status === status);
}

function hashesOf(leaves: readonly EndedLeaf[]): readonly string[] {
  return leaves.map((leaf) => leaf.leafHash);
}

/** Others may have committed a copy of a leaf of ours under a key of theirs: what they end is their copy. */
function underTheirKeys<Row extends EndedLeaf>(rows: readonly Row[], leaves: readonly EndedLeaf[]): readonly Row[] {
  const named = new Set(leaves.map(({ keyId, leafHash }) => `${keyId}/${leafHash}`));
  return rows.filter(({ keyId, leafHash }) => named.has(`${keyId}/${leafHash}`));
}
