import type { Json } from '@salus/crypto';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import type { ArtifactTable } from './store/artifact-schema.ts';
import type { Store } from './store/database.ts';
import type { Clock } from './vault-types.ts';

/** Of one organisation: whoever starts more log-ins than that waits until some have expired. */
const ARTIFACTS_MAX = 200_000;
/** As many of them at most whoever has not logged in may have made: the rest stays for those who have. */
const OPEN_ARTIFACTS_MAX = 100_000;
export const ARTIFACT_BYTES_MAX = 64 * 1024;
/** Expired ones that one write removes on its way. */
const SWEEP_MAX = 200;

export interface NewArtifact {
  readonly value: Json;
  readonly expiresMs: number;
  /** What it dies with: `removeGroup`. */
  readonly group?: string;
  /** A second name of the same kind: `findByAlias`. */
  readonly alias?: string;
  /** Made before anybody has logged in: of these there are fewer, and they are in no group. */
  readonly isOpen?: boolean;
}

/**
 * Short-lived secrets of log-ins by apps (tokens, codes, log-ins under way), found by kind and name: at rest names are
 * keyed tokens, contents sealed, and both outlive the process. The rows log leaves them out: nothing on record rests on
 * one, the ledger is asked at each use, and whoever is not logged in could make that log grow for ever.
 */
export class Artifacts {
  readonly #parts: { readonly store: Store; readonly masterKey: MasterKey; readonly clock: Clock };
  readonly #max: number;
  readonly #openMax: number;
  #count: number | undefined;
  #openCount = 0;

  constructor(
    parts: { readonly store: Store; readonly masterKey: MasterKey; readonly clock: Clock },
    { max = ARTIFACTS_MAX, openMax = OPEN_ARTIFACTS_MAX }: { readonly max?: number; readonly openMax?: number } = {},
  ) {
    this.#parts = parts;
    this.#max = max;
    this.#openMax = openMax;
  }

  /** Replaces what has the name. Too many or too large throws `overloaded` or `too-large`. */
  async put(kind: string, name: string, artifact: NewArtifact): Promise<void> {
    const row = this.#rowOf(kind, name, artifact);
    await this.#makeRoom(artifact);
    await this.#parts.store.write(async (trx) => {
      await trx
        .insertInto('artifact')
        .values(row)
        .onConflict((conflict) => conflict.column('token').doUpdateSet(row))
        .execute();
    });
    // What is replaced counts twice until the next sweep counts anew.
    this.#noteNew(artifact);
  }

  /** As `put`, and replaces nothing: of however many who come at once with one name, one is told true. */
  async add(kind: string, name: string, artifact: NewArtifact): Promise<boolean> {
    const row = this.#rowOf(kind, name, artifact);
    await this.#makeRoom(artifact);
    const isNew = await this.#parts.store.write(async (trx) => {
      const { token } = row;
      const nowMs = this.#parts.clock();
      await trx.deleteFrom('artifact').where('token', '=', token).where('expiresMs', '<=', nowMs).execute();
      const known = await trx.selectFrom('artifact').select('token').where('token', '=', token).executeTakeFirst();
      if (known !== undefined) return false;
      await trx.insertInto('artifact').values(row).execute();
      return true;
    });
    if (isNew) this.#noteNew(artifact);
    return isNew;
  }

  /**
   * Changes what has the name, while nobody else does: two who come at once are told apart. `change` gives the new value
   * or undefined to leave it. Returns the value before, undefined where there is none.
   */
  async change(kind: string, name: string, change: (value: Json) => Json | undefined): Promise<Json | undefined> {
    const { store, masterKey, clock } = this.#parts;
    const token = this.#token(kind, name);
    return store.write(async (trx) => {
      const row = await trx
        .selectFrom('artifact')
        .select(['token', 'sealed'])
        .where('token', '=', token)
        .where('expiresMs', '>', clock())
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const before = this.#open(kind, row);
      const after = change(before);
      if (after !== undefined) {
        const sealed = masterKey.sealJson('artifact', [kind, token], after);
        await trx.updateTable('artifact').set({ sealed }).where('token', '=', token).execute();
      }
      return before;
    });
  }

  async find(kind: string, name: string): Promise<Json | undefined> {
    const row = await this.#live().where('token', '=', this.#token(kind, name)).executeTakeFirst();
    return row === undefined ? undefined : this.#open(kind, row);
  }

  async findByAlias(kind: string, alias: string): Promise<Json | undefined> {
    const row = await this.#live()
      .where('aliasToken', '=', this.#token(`${kind}/alias`, alias))
      .executeTakeFirst();
    return row === undefined ? undefined : this.#open(kind, row);
  }

  async remove(kind: string, name: string): Promise<void> {
    const token = this.#token(kind, name);
    await this.#parts.store.write(async (trx) => {
      await trx.deleteFrom('artifact').where('token', '=', token).execute();
    });
  }

  /** Removes everything that was put with this group, of every kind. */
  async removeGroup(group: string): Promise<void> {
    const groupToken = this.#token('group', group);
    await this.#parts.store.write(async (trx) => {
      await trx.deleteFrom('artifact').where('groupToken', '=', groupToken).execute();
    });
  }

  #rowOf(kind: string, name: string, { value, expiresMs, group, alias, isOpen }: NewArtifact): ArtifactTable {
    const token = this.#token(kind, name);
    const groupToken = group === undefined ? null : this.#token('group', group);
    const sealed = this.#parts.masterKey.sealJson('artifact', [kind, token], value);
    if (sealed.length > ARTIFACT_BYTES_MAX) throw new RecordsError('too-large', 'the artifact is too large');
    return {
      token,
      groupToken: isOpen === true ? this.#openToken() : groupToken,
      aliasToken: alias === undefined ? null : this.#token(`${kind}/alias`, alias),
      expiresMs,
      sealed,
    };
  }

  #live() {
    const { store, clock } = this.#parts;
    return store.read.selectFrom('artifact').select(['token', 'sealed']).where('expiresMs', '>', clock());
  }

  #open(kind: string, { token, sealed }: { readonly token: string; readonly sealed: Uint8Array }): Json {
    return this.#parts.masterKey.openJson('artifact', [kind, token], sealed);
  }

  /** Counts once, then every `SWEEP_MAX` writes, and takes out what has expired. */
  async #makeRoom({ isOpen = false }: NewArtifact): Promise<void> {
    const isFull = (): boolean => (this.#count ?? 0) >= this.#max || (isOpen && this.#openCount >= this.#openMax);
    if (this.#count !== undefined && !isFull() && this.#count % SWEEP_MAX !== 0) return;
    const { store, clock } = this.#parts;
    await store.write(async (trx) => {
      await trx.deleteFrom('artifact').where('expiresMs', '<=', clock()).execute();
    });
    const counted = store.read.selectFrom('artifact').select(({ fn }) => fn.countAll<number>().as('rows'));
    const all = await counted.executeTakeFirstOrThrow();
    const open = await counted.where('groupToken', '=', this.#openToken()).executeTakeFirstOrThrow();
    this.#count = Number(all.rows);
    this.#openCount = Number(open.rows);
    if (isFull()) throw new RecordsError('overloaded', 'too many log-ins are under way');
  }

  #noteNew({ isOpen = false }: NewArtifact): void {
    this.#count = (this.#count ?? 0) + 1;
    if (isOpen) this.#openCount += 1;
  }

  #openToken(): string {
    return this.#token('quota', 'open');
  }

  #token(kind: string, name: string): string {
    return this.#parts.masterKey.token('artifact', kind, name);
  }
}
