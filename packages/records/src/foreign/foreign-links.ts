import type { Json } from '@salus/crypto';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import type { Store } from '../store/database.ts';
import type { RowsLog } from '../vault-types.ts';

/** Other pids of one patient that an organisation may know. */
export const LINKS_PER_PATIENT_MAX = 64;

/** One person under two pids. Only the patient's wallet, or a member of staff who says so, makes it. */
export interface ForeignLink {
  /** Of the patient here. */
  readonly ownPid: string;
  readonly author: string;
  /** Of the same person, at the author's. */
  readonly pid: string;
}

/** Which patients of others are patients of this organisation: sealed, and never on the ledger (DESIGN §4). */
export class ForeignLinks {
  readonly #parts: { readonly store: Store; readonly masterKey: MasterKey; readonly rowsLog: RowsLog };
  /** Whether there is any: most searches need not look. */
  #some: boolean | undefined;

  constructor(parts: { readonly store: Store; readonly masterKey: MasterKey; readonly rowsLog: RowsLog }) {
    this.#parts = parts;
  }

  /** Keeps a link; the same again changes nothing. */
  async link(link: ForeignLink): Promise<void> {
    const { store, masterKey, rowsLog } = this.#parts;
    const { ownPid, author, pid } = link;
    const linkToken = masterKey.token('foreign', 'link', ownPid, author, pid);
    const ownToken = masterKey.token('foreign', 'own', ownPid);
    const sealed = masterKey.sealJson('foreign-link', [linkToken], { ownPid, author, pid } as Json);
    const row = { linkToken, ownToken, sealed };
    await store.write(async (trx) => {
      const tokens = await trx.selectFrom('foreignLink').select('linkToken').where('ownToken', '=', ownToken).execute();
      if (tokens.some((known) => known.linkToken === linkToken)) return;
      if (tokens.length >= LINKS_PER_PATIENT_MAX) {
        throw new RecordsError('overloaded', `a patient is linked to at most ${LINKS_PER_PATIENT_MAX} others`);
      }
      await trx.insertInto('foreignLink').values(row).execute();
      await rowsLog.cover(trx, 'foreignLink', linkToken, row);
    });
    this.#some = true;
  }

  /** Takes all links of a patient back; how many there were. */
  async unlink(ownPid: string): Promise<number> {
    const { store, masterKey, rowsLog } = this.#parts;
    const ownToken = masterKey.token('foreign', 'own', ownPid);
    return store.write(async (trx) => {
      const rows = await trx.selectFrom('foreignLink').select('linkToken').where('ownToken', '=', ownToken).execute();
      await trx.deleteFrom('foreignLink').where('ownToken', '=', ownToken).execute();
      await rowsLog.coverAll(
        trx,
        rows.map(({ linkToken }) => ({ kind: 'foreignLink', rowKey: linkToken, row: null })),
      );
      return rows.length;
    });
  }

  async isEmpty(): Promise<boolean> {
    if (this.#some === undefined) {
      const row = await this.#parts.store.read
        .selectFrom('foreignLink')
        .select('linkToken')
        .limit(1)
        .executeTakeFirst();
      // A link that came in between says so itself.
      this.#some ??= row !== undefined;
    }
    return !this.#some;
  }

  async listOf(ownPid: string): Promise<readonly ForeignLink[]> {
    if (await this.isEmpty()) return [];
    const { store, masterKey } = this.#parts;
    const rows = await store.read
      .selectFrom('foreignLink')
      .select(['linkToken', 'sealed'])
      .where('ownToken', '=', masterKey.token('foreign', 'own', ownPid))
      .orderBy('linkToken')
      .limit(LINKS_PER_PATIENT_MAX)
      .execute();
    return rows.map(
      ({ linkToken, sealed }) => masterKey.openJson('foreign-link', [linkToken], sealed) as unknown as ForeignLink,
    );
  }
}
