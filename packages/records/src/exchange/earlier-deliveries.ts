import { findDocument, putDocument, sealDocument } from '../documents.ts';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import { rowsLog } from '../rows-log.ts';
import type { Store, StoreTransaction } from '../store/index.ts';
import { noteQuotes } from './delivery-quotes.ts';
import {
  type DeliveryRow,
  type DeliveryTable,
  type InboxSecret,
  type OutboxSecret,
  openDelivery,
  putRow,
  sealDelivery,
} from './delivery-rows.ts';

/** Rows that one transaction opens: of 1 MiB each at most. */
const ROWS_PAGE = 50;
const TABLES: readonly DeliveryTable[] = ['outbox', 'inbox'];
const DONE = 'done';

interface Parts {
  readonly store: Store;
  readonly masterKey: MasterKey;
  /** Told of a row that does not open: it is left as it is, and stops no start. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Brings deliveries of earlier versions into today's form, once for a store: what was settled loses the body that it kept,
 * and what waits is found by what it quotes. Page by page, each with how far it came; a start that was cut off, and a store
 * that was restored from an older backup, go on from there. Before the first erasure, which relies on it. Returns how many
 * rows it rewrote.
 */
export async function settleEarlierDeliveries(parts: Parts): Promise<number> {
  const { store, masterKey } = parts;
  let rewritten = 0;
  for (const table of TABLES) {
    if (await isEmpty(store, table)) continue;
    let after = ((await findDocument(store.read, masterKey, 'setting', progressName(table))) ?? '') as string;
    while (after !== DONE) {
      const from = after;
      const page = await store.write((trx) => settlePage(trx, parts, { table, after: from }));
      after = page.next;
      rewritten += page.rewritten;
    }
  }
  if (rewritten > 0) await store.forgetErased();
  return rewritten;
}

async function isEmpty(store: Store, table: DeliveryTable): Promise<boolean> {
  return (await store.read.selectFrom(table).select('deliveryToken').limit(1).executeTakeFirst()) === undefined;
}

function progressName(table: DeliveryTable): string {
  return `earlier-deliveries/${table}`;
}

async function settlePage(
  trx: StoreTransaction,
  parts: Parts,
  { table, after }: { readonly table: DeliveryTable; readonly after: string },
): Promise<{ readonly next: string; readonly rewritten: number }> {
  const rows = await trx
    .selectFrom(table)
    .selectAll()
    .where('deliveryToken', '>', after)
    .orderBy('deliveryToken')
    .limit(ROWS_PAGE)
    .execute();
  let rewritten = 0;
  for (const row of rows) if (await settleRow(trx, parts, { table, row })) rewritten += 1;
  const next = rows.length < ROWS_PAGE ? DONE : rows.at(-1)!.deliveryToken;
  await putDocument(trx, rowsLog, sealDocument(parts.masterKey, 'setting', progressName(table), next));
  return { next, rewritten };
}

async function settleRow(
  trx: StoreTransaction,
  parts: Parts,
  { table, row }: { readonly table: DeliveryTable; readonly row: DeliveryRow },
): Promise<boolean> {
  if (row.state === 'new') return false;
  const { masterKey } = parts;
  const secret = open(parts, row);
  if (secret === undefined) return false;
  if (row.state === 'pending') {
    const { quotes = [] } = secret as OutboxSecret;
    await noteQuotes(trx, masterKey, { deliveryToken: row.deliveryToken, quotes });
    return false;
  }
  if (secret.body === null) return false;
  await putRow(trx, table, sealDelivery(masterKey, { ...secret, body: null } as typeof secret, row));
  return true;
}

function open({ masterKey, onFailure }: Parts, row: DeliveryRow): InboxSecret | OutboxSecret | undefined {
  try {
    return openDelivery<InboxSecret | OutboxSecret>(masterKey, row);
  } catch (error) {
    if (!(error instanceof RecordsError)) throw error;
    onFailure(error);
    return undefined;
  }
}
