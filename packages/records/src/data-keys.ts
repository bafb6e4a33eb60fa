import { type EpochFact, epochKey, FIRST_EPOCH, type Json } from '@salus/contracts';
import { fromBase64url, randomBytes, toBase64url } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { BoundedCache } from './bounded-cache.ts';
import { drawEpochTable, type EpochTable, keyIdOf, openPairs } from './epoch-table.ts';
import { KeyEnvelopes } from './key-envelopes.ts';
import { KeyedLocks } from './keyed-locks.ts';
import type { MasterKey } from './master-key.ts';
import type { Recipients } from './recipients.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import { insertRows, type Store, type StoreTransaction } from './store/database.ts';
import type { KeyRing, OpenedKey, Owner, Recipient, RowsLog, RowToCover, StoredEnvelope } from './vault-types.ts';

const E_BYTES = 32;
/** E's kept open: 1,000 patients with a dozen pairs each. */
const KEYS_CACHE_MAX = 16_384;
const TABLES_CACHE_MAX = 4_096;

/** The keys that a write needs, old and new. New ones exist once `insert` ran and the batch is committed. */
export interface KeyPlan {
  readonly owner: Owner;
  readonly epoch: number;
  /** By pair. */
  readonly keys: ReadonlyMap<number, OpenedKey>;
  /** Keys to register with the ledger. */
  readonly fresh: readonly OpenedKey[];
  /** The table to commit, when the epoch has none yet. */
  readonly table: EpochTable | undefined;
  readonly envelopes: readonly StoredEnvelope[];
  /** Must be called once the write is settled: until then no other write makes keys for this owner. */
  release(): void;
}

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly ledger: Ledger;
  readonly rowsLog: RowsLog;
  readonly recipients: Recipients;
};

/** The E's of one organisation's owners: made when first written to, sealed to whoever the ledger allows. */
export class DataKeys implements KeyRing {
  readonly #parts: Parts;
  readonly #locks = new KeyedLocks();
  readonly #keys = new BoundedCache<OpenedKey>(KEYS_CACHE_MAX);
  readonly #tables = new BoundedCache<EpochTable>(TABLES_CACHE_MAX);
  readonly #envelopes: KeyEnvelopes;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#envelopes = new KeyEnvelopes(parts);
  }

  async openE(keyId: string): Promise<OpenedKey> {
    const key = await this.#findKey(keyId);
    if (key === undefined) throw new RecordsError('not-found', 'no key of this id is kept here');
    return key;
  }

  async listEpochs(owner: Owner): Promise<readonly number[]> {
    const rows = await this.#parts.store.read
      .selectFrom('epoch')
      .innerJoin('batch', 'batch.batchId', 'epoch.batchId')
      .select('epoch.epoch')
      .where('epoch.ownerToken', '=', this.#ownerToken(owner))
      .where('batch.state', '=', 'committed')
      .orderBy('epoch.epoch')
      .execute();
    return rows.map((row) => row.epoch);
  }

  /** Ids of every key of the owner that a committed batch has written under, in byte order. */
  listKeyIds(owner: Owner): Promise<readonly string[]> {
    return this.#committedKeyIds(owner, 'keyId');
  }

  async openPairs(owner: Owner, epoch: number, pairs: readonly number[]) {
    const table = await this.#findTable(owner, epoch);
    if (table === undefined) throw new RecordsError('not-found', 'the owner has no table of this epoch');
    return openPairs(table, pairs);
  }

  async envelopesFor(owner: Owner, recipient: Recipient): Promise<readonly StoredEnvelope[]> {
    await this.#envelopes.demandOwnerRecipient(owner, recipient);
    const keyIds = await this.#committedKeyIds(owner, 'epoch');
    return Promise.all(keyIds.map((keyId) => this.#findOrSeal(keyId, recipient)));
  }

  async sealTo(keyId: string, recipient: Recipient): Promise<StoredEnvelope> {
    const { owner, pair } = await this.openE(keyId);
    if (recipient.grant === null) await this.#envelopes.demandOwnerRecipient(owner, recipient);
    else await this.#envelopes.demandGrantRecipient(owner, pair, recipient);
    return this.#findOrSeal(keyId, recipient);
  }

  /** The envelope as it was sealed before, also to a device or grantee of an earlier epoch; undefined when it was not. */
  findEnvelope(keyId: string, recipient: Pick<Recipient, 'kid' | 'grant'>): Promise<StoredEnvelope | undefined> {
    return this.#envelopes.find(keyId, recipient);
  }

  /** Keeps envelopes that a patient's wallet sealed to a grantee; the caller checked their digests against the grant. */
  async keepEnvelopes(envelopes: readonly StoredEnvelope[]): Promise<void> {
    for (const { keyId, grant } of envelopes) {
      await this.openE(keyId);
      if (grant === null) throw new RecordsError('bad-input', 'an envelope from a wallet belongs to a grant');
    }
    await this.#parts.store.write((trx) => this.#envelopes.insert(trx, envelopes));
  }

  /**
   * The keys of these pairs in the owner's current epoch, making those that do not exist. With anything new, other
   * writes of the same owner wait until `release`. Several owners must be planned in sorted order.
   */
  async plan(owner: Owner, pairs: Iterable<number>, options: { readonly isNew: boolean }): Promise<KeyPlan> {
    const release = await this.#locks.acquire([owner]);
    try {
      const epoch = options.isNew ? FIRST_EPOCH : await this.#currentEpoch(owner);
      const known = options.isNew ? undefined : await this.#findTable(owner, epoch);
      const table = known ?? drawEpochTable(owner, epoch);
      const keys = new Map<number, OpenedKey>();
      const fresh: OpenedKey[] = [];
      for (const pair of pairs) {
        const keyId = keyIdOf(table, pair);
        const existing = known === undefined ? undefined : await this.#findKey(keyId);
        const key = existing ?? { keyId, owner, epoch, pair, E: randomBytes(E_BYTES) };
        keys.set(pair, key);
        if (existing === undefined) fresh.push(key);
      }
      const isSettled = known !== undefined && fresh.length === 0;
      const envelopes = await this.#sealFresh(owner, fresh, options.isNew);
      if (isSettled) release();
      return {
        owner,
        epoch,
        keys,
        fresh,
        table: known === undefined ? table : undefined,
        envelopes,
        release: isSettled ? () => {} : release,
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Writes the rows of a plan's new keys; they count once the batch is committed. The caller has the log cover them. */
  async insert(trx: StoreTransaction, batchId: string, plan: KeyPlan): Promise<readonly RowToCover[]> {
    const { masterKey } = this.#parts;
    const ownerToken = this.#ownerToken(plan.owner);
    const covered: RowToCover[] = [];
    if (plan.table !== undefined) {
      const { epoch, seed, version, root, size } = plan.table;
      const secret: Json = { seed: toBase64url(seed), version };
      const sealed = masterKey.sealJson('epoch', [plan.owner, epoch], secret);
      const row = { ownerToken, epoch, batchId, sealed, root, size };
      await insertRows(trx, 'epoch', [row]);
      covered.push({ kind: 'epoch', rowKey: rowKeyOf([ownerToken, epoch]), row });
    }
    const rows = plan.fresh.map(({ keyId, owner, epoch, pair, E }) => ({
      keyId,
      ownerToken,
      epoch,
      batchId,
      sealed: masterKey.sealJson('data-key', [keyId], { owner, pair, E: toBase64url(E) }),
    }));
    await insertRows(trx, 'dataKey', rows);
    for (const row of rows) covered.push({ kind: 'dataKey', rowKey: row.keyId, row });
    return [...covered, ...(await this.#envelopes.add(trx, plan.envelopes))];
  }

  /** Removes what `insert` wrote for a batch that the ledger did not take. */
  async discard(trx: StoreTransaction, batchId: string): Promise<void> {
    const gone: RowToCover[] = [];
    const keys = await trx.selectFrom('dataKey').select('keyId').where('batchId', '=', batchId).execute();
    for (const { keyId } of keys) {
      const envelopes = await trx
        .deleteFrom('envelope')
        .where('keyId', '=', keyId)
        .returning('recipientToken')
        .execute();
      for (const { recipientToken } of envelopes) {
        gone.push({ kind: 'envelope', rowKey: rowKeyOf([keyId, recipientToken]), row: null });
      }
      await trx.deleteFrom('dataKey').where('keyId', '=', keyId).execute();
      gone.push({ kind: 'dataKey', rowKey: keyId, row: null });
    }
    const tables = await trx
      .deleteFrom('epoch')
      .where('batchId', '=', batchId)
      .returning(['ownerToken', 'epoch'])
      .execute();
    for (const { ownerToken, epoch } of tables) {
      gone.push({ kind: 'epoch', rowKey: rowKeyOf([ownerToken, epoch]), row: null });
    }
    await this.#parts.rowsLog.coverAll(trx, gone);
  }

  async #committedKeyIds(owner: Owner, order: 'keyId' | 'epoch'): Promise<readonly string[]> {
    const rows = await this.#parts.store.read
      .selectFrom('dataKey')
      .innerJoin('batch', 'batch.batchId', 'dataKey.batchId')
      .select('dataKey.keyId')
      .where('dataKey.ownerToken', '=', this.#ownerToken(owner))
      .where('batch.state', '=', 'committed')
      .orderBy(`dataKey.${order}`)
      .execute();
    return rows.map(({ keyId }) => keyId);
  }

  async #currentEpoch(owner: Owner): Promise<number> {
    const fact = (await this.#parts.ledger.get(epochKey(owner))) as EpochFact | undefined;
    return fact?.epoch ?? FIRST_EPOCH;
  }

  async #findTable(owner: Owner, epoch: number): Promise<EpochTable | undefined> {
    const name = `${owner}/${epoch}`;
    const cached = this.#tables.find(name);
    if (cached !== undefined) return cached;
    const row = await this.#parts.store.read
      .selectFrom('epoch')
      .innerJoin('batch', 'batch.batchId', 'epoch.batchId')
      .selectAll('epoch')
      .where('epoch.ownerToken', '=', this.#ownerToken(owner))
      .where('epoch.epoch', '=', epoch)
      .where('batch.state', '=', 'committed')
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const secret = this.#parts.masterKey.openJson('epoch', [owner, epoch], row.sealed) as {
      readonly seed: string;
      readonly version: number;
    };
    const { root, size } = row;
    const table = { owner, epoch, version: secret.version, seed: fromBase64url(secret.seed), size, root };
    this.#tables.put(name, table);
    return table;
  }

  async #findKey(keyId: string): Promise<OpenedKey | undefined> {
    const cached = this.#keys.find(keyId);
    if (cached !== undefined) return cached;
    const row = await this.#parts.store.read
      .selectFrom('dataKey')
      .innerJoin('batch', 'batch.batchId', 'dataKey.batchId')
      .select(['dataKey.epoch', 'dataKey.sealed'])
      .where('dataKey.keyId', '=', keyId)
      .where('batch.state', '=', 'committed')
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const secret = this.#parts.masterKey.openJson('data-key', [keyId], row.sealed) as {
      readonly owner: Owner;
      readonly pair: number;
      readonly E: string;
    };
    const key = { keyId, owner: secret.owner, epoch: row.epoch, pair: secret.pair, E: fromBase64url(secret.E) };
    this.#keys.put(keyId, key);
    return key;
  }

  async #sealFresh(owner: Owner, fresh: readonly OpenedKey[], isNew: boolean): Promise<readonly StoredEnvelope[]> {
    if (fresh.length === 0) return [];
    const { recipients } = this.#parts;
    const ofOwner = await recipients.ofOwner(owner);
    const sealed = await Promise.all(
      fresh.map(async (key) => {
        const ofGrants = isNew ? [] : await recipients.ofGrants(owner, key.pair);
        return Promise.all([...ofOwner, ...ofGrants].map((recipient) => this.#envelopes.seal(key, recipient)));
      }),
    );
    return sealed.flat();
  }

  async #findOrSeal(keyId: string, recipient: Recipient): Promise<StoredEnvelope> {
    const known = await this.#envelopes.find(keyId, recipient);
    if (known !== undefined) return known;
    const sealed = await this.#envelopes.seal(await this.openE(keyId), recipient);
    await this.#parts.store.write((trx) => this.#envelopes.insert(trx, [sealed]));
    return sealed;
  }

  #ownerToken(owner: Owner): string {
    return this.#parts.masterKey.token('owner', owner);
  }
}
