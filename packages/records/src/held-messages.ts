import type { Json } from '@salus/contracts';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/index.ts';
import type { Clock, RowsLog } from './vault-types.ts';

/** Refused messages of one organisation: beyond that no more are kept, until some are put aside. */
export const HELD_MESSAGES_MAX = 10_000;
export const HELD_MESSAGES_PAGE_MAX = 200;

/** Why and whence a message was refused. Holds nothing of its content. */
export interface HeldMessage {
  /** Names it here; tells nothing. */
  readonly id: string;
  /** The client whose connection brought it. */
  readonly client: string;
  /** `ORU^R01`; empty where it could not be read. */
  readonly type: string;
  readonly controlId: string;
  /** Whose it is, where that can be told. */
  readonly pid: string | null;
  /** HL7 table 0357, and 0008 for the acknowledgement that it was given. */
  readonly condition: string;
  readonly acknowledgement: string;
  readonly location: string | null;
  readonly reason: string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** How often it came. */
  readonly attempts: number;
}

type Parts = {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly rowsLog: RowsLog;
  readonly clock: Clock;
};

type Sealed = { readonly message: HeldMessage; readonly bytes: string };

/** Messages that were refused, sealed at rest: nothing that came in is lost, whatever was wrong with it. */
export class HeldMessages {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Keeps a refused message, or counts that it came again. Throws `overloaded` when too many are kept. */
  async hold(
    id: string,
    facts: Omit<HeldMessage, 'id' | 'firstMs' | 'lastMs' | 'attempts'>,
    bytes: Uint8Array,
  ): Promise<void> {
    const { store, masterKey, rowsLog, clock } = this.#parts;
    const atMs = clock();
    await store.write(async (trx) => {
      const known = await trx.selectFrom('heldMessage').selectAll().where('messageToken', '=', id).executeTakeFirst();
      if (known === undefined) {
        const { count } = await trx
          .selectFrom('heldMessage')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .executeTakeFirstOrThrow();
        if (count >= HELD_MESSAGES_MAX) throw new RecordsError('overloaded', 'too many refused messages are kept');
      }
      const before = known === undefined ? undefined : this.#open(known).message;
      const message: HeldMessage = {
        ...facts,
        id,
        firstMs: before?.firstMs ?? atMs,
        lastMs: atMs,
        attempts: (before?.attempts ?? 0) + 1,
      };
      const value = { message, bytes: Buffer.from(bytes).toString('base64') };
      const row = {
        messageToken: id,
        atMs,
        sealed: masterKey.sealJson('held-message', [id], value as unknown as Json),
      };
      await trx
        .insertInto('heldMessage')
        .values(row)
        .onConflict((conflict) => conflict.column('messageToken').doUpdateSet(row))
        .execute();
      await rowsLog.cover(trx, 'heldMessage', id, row);
    });
  }

  /** The latest first; `before` is the message with which the page before ended. Several may have come at one time. */
  async list({
    before = { lastMs: Number.MAX_SAFE_INTEGER, id: '' },
    limit,
  }: {
    readonly before?: Pick<HeldMessage, 'lastMs' | 'id'>;
    readonly limit: number;
  }): Promise<readonly HeldMessage[]> {
    const rows = await this.#parts.store.read
      .selectFrom('heldMessage')
      .selectAll()
      .where((where) =>
        where.or([
          where('atMs', '<', before.lastMs),
          where.and([where('atMs', '=', before.lastMs), where('messageToken', '<', before.id)]),
        ]),
      )
      .orderBy('atMs', 'desc')
      .orderBy('messageToken', 'desc')
      .limit(Math.min(limit, HELD_MESSAGES_PAGE_MAX))
      .execute();
    return rows.map((row) => this.#open(row).message);
  }

  /** One message with its bytes; the caller has decided who may see them. */
  async find(id: string): Promise<{ readonly message: HeldMessage; readonly bytes: Buffer } | undefined> {
    const row = await this.#parts.store.read
      .selectFrom('heldMessage')
      .selectAll()
      .where('messageToken', '=', id)
      .executeTakeFirst();
    if (row === undefined) return undefined;
    const { message, bytes } = this.#open(row);
    return { message, bytes: Buffer.from(bytes, 'base64') };
  }

  async count(): Promise<number> {
    const { count } = await this.#parts.store.read
      .selectFrom('heldMessage')
      .select(({ fn }) => fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    return Number(count);
  }

  /** It was taken after all, or somebody put it aside; that there is none is as good. */
  async remove(id: string): Promise<boolean> {
    const { store, rowsLog } = this.#parts;
    return store.write(async (trx) => {
      const { numDeletedRows } = await trx.deleteFrom('heldMessage').where('messageToken', '=', id).executeTakeFirst();
      if (numDeletedRows === 0n) return false;
      await rowsLog.cover(trx, 'heldMessage', id, null);
      return true;
    });
  }

  #open(row: { readonly messageToken: string; readonly sealed: Uint8Array }): Sealed {
    return this.#parts.masterKey.openJson('held-message', [row.messageToken], row.sealed) as unknown as Sealed;
  }
}
