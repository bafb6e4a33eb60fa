import type { Json } from '@salus/crypto';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import type { Store } from './store/database.ts';
import type { RowsLog } from './vault-types.ts';

export const DOCUMENT_BYTES_MAX = 4 * 1024 * 1024;
export const DOCUMENTS_PAGE_MAX = 1_000;

/** What is kept with an organisation: staff accounts, opaque wallet backups, copies of others' records. */
export type DocumentKind =
  | 'account'
  | 'wallet-backup'
  | 'device-join'
  | 'setting'
  | 'kept-record'
  | 'foreign-grant'
  | 'subscription'
  | 'merge'
  | 'move'
  | 'moved'
  | 'app-client'
  | 'app-keys'
  | 'export-job'
  | 'authenticity'
  | 'guardian'
  | 'guardian-pending'
  | 'dispute'
  | 'emergency'
  | 'health-link'
  | 'incident'
  | 'invitation'
  | 'visit'
  | 'visit-over'
  | 'visits-of';

/** Small JSON documents by name, sealed at rest; the rows log covers them. */
export interface Documents {
  find(kind: DocumentKind, name: string): Promise<Json | undefined>;
  /** Replaces what has the name. More than `DOCUMENT_BYTES_MAX` throws `too-large`. */
  put(kind: DocumentKind, name: string, value: Json): Promise<void>;
  /** Deletes it; that there is none is as good. */
  delete(kind: DocumentKind, name: string): Promise<void>;
  /** Names and values, at most `DOCUMENTS_PAGE_MAX`, in no order that tells anything. */
  list(kind: DocumentKind): Promise<readonly { readonly name: string; readonly value: Json }[]>;
}

/** Every name of a kind, page by page. */
export async function* documentNames(
  { store, masterKey }: { readonly store: Store; readonly masterKey: MasterKey },
  kind: DocumentKind,
): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const rows = await store.read
      .selectFrom('document')
      .select(['token', 'sealed'])
      .where('kind', '=', kind)
      .where('token', '>', after)
      .orderBy('token')
      .limit(DOCUMENTS_PAGE_MAX)
      .execute();
    for (const { token, sealed } of rows) {
      yield (masterKey.openJson('document', [kind, token], sealed) as unknown as Sealed).name;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < DOCUMENTS_PAGE_MAX) return;
    after = last.token;
  }
}

type Sealed = { readonly name: string; readonly value: Json };

export function createDocuments(parts: {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly rowsLog: RowsLog;
}): Documents {
  const { store, masterKey, rowsLog } = parts;
  const tokenOf = (kind: DocumentKind, name: string): string => masterKey.token('document', kind, name);
  const open = (kind: DocumentKind, token: string, sealed: Uint8Array): Sealed =>
    masterKey.openJson('document', [kind, token], sealed) as unknown as Sealed;

  return {
    find: async (kind, name) => {
      const token = tokenOf(kind, name);
      const row = await store.read
        .selectFrom('document')
        .select('sealed')
        .where('kind', '=', kind)
        .where('token', '=', token)
        .executeTakeFirst();
      return row === undefined ? undefined : open(kind, token, row.sealed).value;
    },
    put: async (kind, name, value) => {
      const token = tokenOf(kind, name);
      const row = { kind, token, sealed: masterKey.sealJson('document', [kind, token], { name, value }) };
      if (row.sealed.length > DOCUMENT_BYTES_MAX) throw new RecordsError('too-large', 'the document is too large');
      await store.write(async (trx) => {
        await trx
          .insertInto('document')
          .values(row)
          .onConflict((conflict) => conflict.columns(['kind', 'token']).doUpdateSet(row))
          .execute();
        await rowsLog.cover(trx, 'document', rowKeyOf([kind, token]), row);
      });
    },
    delete: async (kind, name) => {
      const token = tokenOf(kind, name);
      await store.write(async (trx) => {
        const { numDeletedRows } = await trx
          .deleteFrom('document')
          .where('kind', '=', kind)
          .where('token', '=', token)
          .executeTakeFirstOrThrow();
        if (numDeletedRows > 0n) await rowsLog.cover(trx, 'document', rowKeyOf([kind, token]), null);
      });
    },
    list: async (kind) => {
      const rows = await store.read
        .selectFrom('document')
        .select(['token', 'sealed'])
        .where('kind', '=', kind)
        .orderBy('token')
        .limit(DOCUMENTS_PAGE_MAX)
        .execute();
      return rows.map(({ token, sealed }) => open(kind, token, sealed));
    },
  };
}
