import { BoundedCache } from '../bounded-cache.ts';
import type { MasterKey } from '../master-key.ts';
import { rowKeyOf } from '../rows-log.ts';
import { insertRows, type StoreTransaction } from '../store/index.ts';
import { prepareForTransactions } from '../store/prepared.ts';
import type { SearchEntryTable, SearchTokenTable } from '../store/search-schema.ts';
import type { Owner, RowsLog, RowToCover } from '../vault-types.ts';
import type { NewVersion } from '../write-order.ts';

export const TOKEN_BYTES = 16;
/** Tokens of searches, and shards of owners, that are kept at hand. */
const ASKED_MAX = 20_000;
/** Of a shard's number. */
const SHARD_BYTES = 6;
/** Whoever looks for a person does not know whose the record is: patients' own resources are found across owners. */
const IDENTITY_TYPE = 'Patient';
/** No owner is called so: theirs begin with `pid:` or `org:`. */
const IDENTITY_SHARD = 'identity';

type Version = Pick<NewVersion, 'recordId' | 'version'>;
type Removed = Pick<SearchEntryTable, 'entry' | 'version' | 'recordId' | 'shard' | 'tokens'>;

const lastEntry = prepareForTransactions((db) =>
  db.selectFrom('searchEntry').select('entry').orderBy('entry', 'desc').limit(1),
);
const ofRecord = prepareForTransactions((db) =>
  db.selectFrom('searchEntry').select(['entry', 'version', 'tokens']).where('recordId', '=', ''),
);
const ofVersion = prepareForTransactions((db) =>
  db
    .selectFrom('searchEntry')
    .select(['entry', 'version', 'recordId', 'shard', 'tokens'])
    .where('recordId', '=', '')
    .where('version', '=', 0),
);
const removeEntry = prepareForTransactions((db) =>
  db.deleteFrom('searchEntry').where('entry', '=', 0).where('version', '=', 0),
);
const removeToken = prepareForTransactions((db) =>
  db.deleteFrom('searchToken').where('shard', '=', 0).where('token', '=', new Uint8Array()).where('entry', '=', 0),
);

/**
 * Turns what a resource says into rows that say nothing (ADR 0010), in the transaction of the version itself. Tokens are
 * keyed by shard too: what two patients have in common has two tokens.
 */
export class SearchIndex {
  readonly #masterKey: MasterKey;
  readonly #rowsLog: RowsLog;
  /** Of the last record that came into the index; read once. */
  #lastEntry: number | undefined;
  /** Of everything that was ever put in; read once, by the first search that needs it. */
  #shards: Set<number> | undefined;
  #sortedShards: readonly number[] | undefined;
  /** Of this process, before they were read. */
  readonly #early = new Set<number>();
  readonly #asked = new BoundedCache<Uint8Array>(ASKED_MAX);
  readonly #shardsOf = new BoundedCache<number>(ASKED_MAX);

  constructor(parts: { readonly masterKey: MasterKey; readonly rowsLog: RowsLog }) {
    this.#masterKey = parts.masterKey;
    this.#rowsLog = parts.rowsLog;
  }

  shardOf(owner: Owner, type: string): number {
    const text = type === IDENTITY_TYPE ? IDENTITY_SHARD : owner;
    const known = this.#shardsOf.find(text);
    if (known !== undefined) return known;
    const bytes = this.#masterKey.tokenBytes('search-shard', text);
    const shard = Buffer.from(bytes.buffer, bytes.byteOffset).readUIntBE(0, SHARD_BYTES);
    this.#shardsOf.put(text, shard);
    return shard;
  }

  /** Of a term that is searched for: the same ones come again and again. */
  tokenOf(shard: number, term: string): Uint8Array {
    const name = `${shard}|${term}`;
    const known = this.#asked.find(name);
    if (known !== undefined) return known;
    const token = this.#masterKey.tokenBytes('search', name);
    this.#asked.put(name, token);
    return token;
  }

  /** Shards that have entries, ascending; `read` finds those of earlier processes. */
  async knownShards(read: () => Promise<readonly number[]>): Promise<readonly number[]> {
    if (this.#shards === undefined) {
      const found = await read();
      this.#shards = new Set([...found, ...this.#early]);
      this.#early.clear();
    }
    this.#sortedShards ??= [...this.#shards].sort((a, b) => a - b);
    return this.#sortedShards;
  }

  /** Rows of the versions of one batch; a search sees them when the batch is committed. The caller has the log cover them. */
  async insert(
    trx: StoreTransaction,
    batchId: string,
    versions: readonly NewVersion[],
  ): Promise<readonly RowToCover[]> {
    const entries: SearchEntryTable[] = [];
    const tokens: SearchTokenTable[] = [];
    // Resources of one bundle have most of their terms in common.
    const known = new Map<string, Uint8Array>();
    const shards = new Map<string, number>();
    for (const { recordId, version, owner, facts, terms, replaces } of versions) {
      if (terms.length === 0) continue;
      const place = `${owner} ${facts.type === IDENTITY_TYPE}`;
      const shard = shards.get(place) ?? this.shardOf(owner, facts.type);
      shards.set(place, shard);
      const own = terms.map((term) => this.#knownToken(known, shard, term));
      const before = replaces === null ? [] : await ofRecord(trx, recordId);
      const entry = before[0]?.entry ?? (await this.#nextEntry(trx));
      entries.push({ entry, version, recordId, shard, batchId, tokens: Buffer.concat(own) });
      const there = new Set(before.flatMap((row) => namesOf(row.tokens)));
      for (const token of own) if (!there.has(nameOf(token))) tokens.push({ shard, token, entry });
    }
    // In the order of their table, so that each page of it is written once.
    tokens.sort((a, b) => a.shard - b.shard || Buffer.compare(a.token, b.token) || a.entry - b.entry);
    this.#noteShards(shards.values());
    await insertRows(trx, 'searchEntry', entries);
    await insertRows(trx, 'searchToken', tokens);
    return entries.map((row) => {
      return { kind: 'searchEntry', rowKey: rowKeyOf([row.entry, row.version]), row: { ...row } };
    });
  }

  /** Takes versions out: superseded, hidden or erased ones, and those of a batch that is discarded. */
  async remove(trx: StoreTransaction, versions: readonly Version[]): Promise<void> {
    const gone: RowToCover[] = [];
    for (const { recordId, version } of versions) {
      for (const row of await ofVersion(trx, recordId, version)) {
        await removeRow(trx, row);
        gone.push({ kind: 'searchEntry', rowKey: rowKeyOf([row.entry, row.version]), row: null });
      }
    }
    await this.#rowsLog.coverAll(trx, gone);
  }

  /** Takes the versions of a batch out that the ledger refused. */
  async discard(trx: StoreTransaction, batchId: string): Promise<void> {
    const rows = await trx
      .selectFrom('searchEntry')
      .select(['recordId', 'version'])
      .where('batchId', '=', batchId)
      .execute();
    await this.remove(trx, rows);
  }

  /** While they are being read, a new one is in the rows that are read, or here. */
  #noteShards(shards: Iterable<number>): void {
    for (const shard of shards) {
      if (this.#shards === undefined) this.#early.add(shard);
      else if (!this.#shards.has(shard)) {
        this.#shards.add(shard);
        this.#sortedShards = undefined;
      }
    }
  }

  #knownToken(known: Map<string, Uint8Array>, shard: number, term: string): Uint8Array {
    const name = `${shard}|${term}`;
    let token = known.get(name);
    if (token === undefined) {
      token = this.#masterKey.tokenBytes('search', name);
      known.set(name, token);
    }
    return token;
  }

  async #nextEntry(trx: StoreTransaction): Promise<number> {
    this.#lastEntry ??= (await lastEntry(trx, 1))[0]?.entry ?? 0;
    this.#lastEntry += 1;
    return this.#lastEntry;
  }
}

/** Other versions of the record keep the tokens that they share with it. */
async function removeRow(trx: StoreTransaction, row: Removed): Promise<void> {
  await removeEntry(trx, row.entry, row.version);
  const left = new Set((await ofRecord(trx, row.recordId)).flatMap((other) => namesOf(other.tokens)));
  for (const token of tokensIn(row.tokens)) {
    if (!left.has(nameOf(token))) await removeToken(trx, row.shard, token, row.entry);
  }
}

/** The tokens that an entry's row holds. */
export function tokensIn(bytes: Uint8Array): readonly Uint8Array[] {
  const count = Math.floor(bytes.length / TOKEN_BYTES);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * TOKEN_BYTES, (at + 1) * TOKEN_BYTES));
}

/** The same tokens as texts, to compare. */
export function namesOf(bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const count = Math.floor(text.length / TOKEN_BYTES);
  return Array.from({ length: count }, (_, at) => text.slice(at * TOKEN_BYTES, (at + 1) * TOKEN_BYTES));
}

export function nameOf(token: Uint8Array): string {
  return Buffer.from(token.buffer, token.byteOffset, token.byteLength).toString('latin1');
}
