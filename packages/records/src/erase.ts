import { type EndedLeaf, findEndedLeaf, LEAF_PREFIX, type LeafFact, leafKey, type SignedCall } from '@salus/contracts';
import type { Ledger, TransactionView } from '@salus/ledger';
import { isDistrusted } from './distrusted.ts';
import { Erasure, type ErasureParts, hashesOf, underTheirKeys } from './erasure.ts';
import { RecordsError } from './records-error.ts';
import type { Who } from './vault-types.ts';

/** Leaves that one look at the store asks for. */
const LEAVES_PAGE = 500;
/** Leaf states that one look at the ledger asks for. */
const RANGE_PAGE = 5_000;

type Parts = ErasureParts & {
  readonly ledger: Ledger;
  /** Told what the ledger distrusts: it is left as it is. */
  readonly onFailure: (error: unknown) => void;
};

type Ended = EndedLeaf & { readonly status: LeafFact['status'] };

/**
 * Makes the store follow what the ledger says of record versions: superseded, tombstoned, erased. The ledger decides
 * first and the store follows, so that a crash in between, or a restored backup, is put right by looking again.
 *
 * Calls and blocks only tell where to look: each version is asked for in the ledger's state before it is touched, which refuses
 * what an alarm has written. Such a version stays as it is.
 */
export class LeafStates {
  readonly #parts: Parts;
  readonly #erasure: Erasure;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#erasure = new Erasure(parts);
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
      erased += await this.#erasure.destroy(trusted, null);
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
      erased += await this.#erasure.destroy(leavesOf(ended, 'erased'), who);
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
      .where('status', 'in', status === 'tombstoned' ? ['current', 'superseded'] : ['current'])
      .execute();
    const stale = underTheirKeys(named, leaves);
    if (stale.length === 0) return;
    const hashes = stale.map((row) => row.leafHash);
    await this.#parts.store.write(async (trx) => {
      const hidden = await trx
        .updateTable('record')
        .set({ status })
        .where('leafHash', 'in', hashes)
        .returning(['recordId', 'version'])
        .execute();
      const versions = hidden.flatMap(({ recordId, version }) =>
        recordId === null || version === null ? [] : [{ recordId, version }],
      );
      await this.#parts.searchIndex.remove(trx, versions);
    });
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
