import { randomUUID } from 'node:crypto';
import type { Json } from '@salus/crypto';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import type { Store, StoreTransaction } from '../store/database.ts';
import type { ForeignResourceTable } from '../store/foreign-schema.ts';
import type { RowsLog } from '../vault-types.ts';

/** Resources of others that one organisation's base ever showed. */
export const FOREIGN_IDS_MAX = 1_000_000;
/** Looked up at once. */
const LOOKED_UP_MAX = 200;

/** What another organisation's node told, and verified proofs vouch for. */
export interface ForeignName {
  readonly author: string;
  /** Of the patient, at the author's. */
  readonly pid: string;
  readonly recordId: string;
  readonly type: string;
  /** FHIR id at the author's base. */
  readonly id: string;
  /** FHIR id of the author's Patient, where the resource names it. */
  readonly subject: string | null;
  /** As last seen in a session; null when only a copy was seen, which does not say. */
  readonly labelClass: string | null;
}

export interface ForeignFacts extends ForeignName {
  /** FHIR id in this organisation's base: random, and for ever of this one record. */
  readonly localId: string;
}

/**
 * Local ids of resources of others: sealed rows, found by tokens. A local id opens nothing: who may read is decided by
 * session or copy each time.
 */
export class ForeignIds {
  readonly #parts: { readonly store: Store; readonly masterKey: MasterKey; readonly rowsLog: RowsLog };

  constructor(parts: { readonly store: Store; readonly masterKey: MasterKey; readonly rowsLog: RowsLog }) {
    this.#parts = parts;
  }

  async find(type: string, localId: string): Promise<ForeignFacts | undefined> {
    const [found] = await this.#list('localToken', [this.#localToken(type, localId)]);
    return found;
  }

  /** Those of an author's `Type/id` that were shown before. */
  async findNamed(author: string, names: readonly string[]): Promise<ReadonlyMap<string, ForeignFacts>> {
    const found = new Map<string, ForeignFacts>();
    for (let at = 0; at < names.length; at += LOOKED_UP_MAX) {
      const tokens = names.slice(at, at + LOOKED_UP_MAX).map((name) => this.#token('name', author, name));
      for (const facts of await this.#list('nameToken', tokens)) found.set(`${facts.type}/${facts.id}`, facts);
    }
    return found;
  }

  /** The FHIR id of the author's Patient, once a resource has named it. */
  async findSubject(author: string, pid: string): Promise<string | undefined> {
    for (const facts of await this.#list('pidToken', [this.#token('pid', author, pid)])) {
      if (facts.subject !== null) return facts.subject;
    }
    return undefined;
  }

  /** Those of an author's records that were shown before, by record id. */
  async findKnown(author: string, recordIds: readonly string[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let at = 0; at < recordIds.length; at += LOOKED_UP_MAX) {
      const tokens = recordIds.slice(at, at + LOOKED_UP_MAX).map((recordId) => this.#token('record', author, recordId));
      for (const { recordId } of await this.#list('recordToken', tokens)) found.add(recordId);
    }
    return found;
  }

  /** Gives each its local id, the one that it had before if it had one; durable when it resolves. In the order given. */
  async name(names: readonly ForeignName[]): Promise<readonly ForeignFacts[]> {
    const known = await this.#knownOf(names);
    const isNew = (name: ForeignName): boolean => {
      const before = known.get(name.recordId);
      return before === undefined || (name.labelClass !== null && before.labelClass !== name.labelClass);
    };
    if (names.some(isNew)) await this.#keep(names.filter(isNew), known);
    return names.map((name) => {
      const facts = known.get(name.recordId);
      if (facts === undefined) throw new Error('broken invariant: every name was given an id');
      return facts;
    });
  }

  async #keep(names: readonly ForeignName[], known: Map<string, ForeignFacts>): Promise<void> {
    const { store, rowsLog } = this.#parts;
    await store.write(async (trx) => {
      await demandRoom(trx, names.length);
      for (const name of names) {
        const recordToken = this.#token('record', name.author, name.recordId);
        // Others may have read the same in the meantime; writes come one after the other.
        const before = await trx
          .selectFrom('foreignResource')
          .selectAll()
          .where('recordToken', '=', recordToken)
          .executeTakeFirst();
        const localId = before === undefined ? randomUUID() : this.#open(before).localId;
        const facts: ForeignFacts = { ...name, localId };
        const row = this.#row(facts);
        if (before === undefined) await trx.insertInto('foreignResource').values(row).execute();
        else {
          const { sealed } = row;
          await trx.updateTable('foreignResource').set({ sealed }).where('localToken', '=', row.localToken).execute();
        }
        await rowsLog.cover(trx, 'foreignResource', row.localToken, { ...row });
        known.set(name.recordId, facts);
      }
    });
  }

  async #knownOf(names: readonly ForeignName[]): Promise<Map<string, ForeignFacts>> {
    const known = new Map<string, ForeignFacts>();
    for (let at = 0; at < names.length; at += LOOKED_UP_MAX) {
      const tokens = names
        .slice(at, at + LOOKED_UP_MAX)
        .map(({ author, recordId }) => this.#token('record', author, recordId));
      for (const facts of await this.#list('recordToken', tokens)) known.set(facts.recordId, facts);
    }
    return known;
  }

  async #list(
    column: 'localToken' | 'recordToken' | 'nameToken' | 'pidToken',
    tokens: readonly string[],
  ): Promise<readonly ForeignFacts[]> {
    if (tokens.length === 0) return [];
    const rows = await this.#parts.store.read
      .selectFrom('foreignResource')
      .selectAll()
      .where(column, 'in', tokens)
      .limit(LOOKED_UP_MAX)
      .execute();
    return rows.map((row) => this.#open(row));
  }

  #row(facts: ForeignFacts): ForeignResourceTable {
    const { author, pid, recordId, type, id, localId } = facts;
    const localToken = this.#localToken(type, localId);
    return {
      localToken,
      recordToken: this.#token('record', author, recordId),
      nameToken: this.#token('name', author, `${type}/${id}`),
      pidToken: this.#token('pid', author, pid),
      sealed: this.#parts.masterKey.sealJson('foreign-resource', [localToken], facts as unknown as Json),
    };
  }

  #open({ localToken, sealed }: ForeignResourceTable): ForeignFacts {
    return this.#parts.masterKey.openJson('foreign-resource', [localToken], sealed) as unknown as ForeignFacts;
  }

  #localToken(type: string, localId: string): string {
    return this.#token('local', type, localId);
  }

  #token(...parts: readonly string[]): string {
    return this.#parts.masterKey.token('foreign', ...parts);
  }
}

async function demandRoom(trx: StoreTransaction, more: number): Promise<void> {
  const { count } = await trx
    .selectFrom('foreignResource')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  if (count + more > FOREIGN_IDS_MAX) {
    throw new RecordsError('overloaded', `at most ${FOREIGN_IDS_MAX} resources of others have an id here`);
  }
}
