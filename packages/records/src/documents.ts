import type { Json } from '@salus/crypto';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import { rowKeyOf } from './rows-log.ts';
import type { Store, StoreTransaction } from './store/database.ts';
import type { RowsLog } from './vault-types.ts';

export const DOCUMENT_BYTES_MAX = 4 * 1024 * 1024;
export const DOCUMENTS_PAGE_MAX = 1_000;

/** What is kept with an organisation: staff accounts, opaque wallet backups, copies of others' records. */
export type DocumentKind =
  | 'account'
  | 'wallet-backup'
  | 'device-join'
  | 'setting'
  | 'outbox-quote'
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
      yield open(masterKey, { kind, token, sealed }).name;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < DOCUMENTS_PAGE_MAX) return;
    after = last.token;
  }
}

type Sealed = { readonly name: string; readonly value: Json };

interface DocumentPlace {
  readonly kind: DocumentKind;
  readonly token: string;
}

export interface DocumentRow extends DocumentPlace {
  readonly sealed: Uint8Array;
}

function placeOf(masterKey: MasterKey, kind: DocumentKind, name: string): DocumentPlace {
  return { kind, token: masterKey.token('document', kind, name) };
}

function open(masterKey: MasterKey, { kind, token, sealed }: DocumentRow): Sealed {
  return masterKey.openJson('document', [kind, token], sealed) as unknown as Sealed;
}

/** Ready to be put. More than `DOCUMENT_BYTES_MAX` throws `too-large`. */
export function sealDocument(masterKey: MasterKey, kind: DocumentKind, name: string, value: Json): DocumentRow {
  const { token } = placeOf(masterKey, kind, name);
  const sealed = masterKey.sealJson('document', [kind, token], { name, value });
  if (sealed.length > DOCUMENT_BYTES_MAX) throw new RecordsError('too-large', 'the document is too large');
  return { kind, token, sealed };
}

/** As `Documents.find`, also inside a transaction. */
export async function findDocument(
  db: StoreTransaction,
  masterKey: MasterKey,
  kind: DocumentKind,
  name: string,
): Promise<Json | undefined> {
  const { token } = placeOf(masterKey, kind, name);
  const row = await db
    .selectFrom('document')
    .select('sealed')
    .where('kind', '=', kind)
    .where('token', '=', token)
    .executeTakeFirst();
  return row === undefined ? undefined : open(masterKey, { kind, token, sealed: row.sealed }).value;
}

/** As `Documents.put`, inside a transaction. */
export async function putDocument(trx: StoreTransaction, rowsLog: RowsLog, row: DocumentRow): Promise<void> {
  const { kind, token, sealed } = row;
  const columns = { kind, token, sealed };
  await trx
    .insertInto('document')
    .values(columns)
    .onConflict((conflict) => conflict.columns(['kind', 'token']).doUpdateSet(columns))
    .execute();
  await rowsLog.cover(trx, 'document', rowKeyOf([kind, token]), columns);
}

/** As `Documents.delete`, inside a transaction. */
export async function deleteDocument(
  trx: StoreTransaction,
  { masterKey, rowsLog }: { readonly masterKey: MasterKey; readonly rowsLog: RowsLog },
  kind: DocumentKind,
  name: string,
): Promise<void> {
  const { token } = placeOf(masterKey, kind, name);
  const { numDeletedRows } = await trx
    .deleteFrom('document')
    .where('kind', '=', kind)
    .where('token', '=', token)
    .executeTakeFirstOrThrow();
  if (numDeletedRows > 0n) await rowsLog.cover(trx, 'document', rowKeyOf([kind, token]), null);
}

export function createDocuments(parts: {
  readonly store: Store;
  readonly masterKey: MasterKey;
  readonly rowsLog: RowsLog;
}): Documents {
  const { store, masterKey, rowsLog } = parts;
  return {
    find: (kind, name) => findDocument(store.read, masterKey, kind, name),
    put: async (kind, name, value) => {
      const row = sealDocument(masterKey, kind, name, value);
      await store.write((trx) => putDocument(trx, rowsLog, row));
    },
    delete: (kind, name) => store.write((trx) => deleteDocument(trx, parts, kind, name)),
    list: async (kind) => {
      const rows = await store.read
        .selectFrom('document')
        .select(['token', 'sealed'])
        .where('kind', '=', kind)
        .orderBy('token')
        .limit(DOCUMENTS_PAGE_MAX)
        .execute();
      return rows.map(({ token, sealed }) => open(masterKey, { kind, token, sealed }));
    },
  };
}
