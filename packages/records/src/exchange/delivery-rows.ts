import type { Json } from '@salus/crypto';
import type { MasterKey } from '../master-key.ts';
import { RecordsError } from '../records-error.ts';
import { rowsLog } from '../rows-log.ts';
import type { StoreTransaction } from '../store/index.ts';
import type { Who } from '../vault-types.ts';
import { dropQuotes, findQuoting } from './delivery-quotes.ts';
import type { DeliveryBody, DeliveryKind, DeliveryReceipt } from './exchange-peer.ts';

export type InboxState = 'new' | 'done';
export type OutboxState = 'pending' | 'delivered' | 'refused';

export interface InboxItem {
  readonly delivery: string;
  readonly from: string;
  readonly kind: DeliveryKind;
  /** What the sender wrote: FHIR JSON. Null once it was dealt with: then it is not kept. */
  readonly body: string | null;
  readonly atMs: number;
  readonly state: InboxState;
}

export interface OutboxItem {
  readonly delivery: string;
  readonly to: string;
  readonly kind: DeliveryKind;
  readonly atMs: number;
  readonly state: OutboxState;
  /** Why it was refused. */
  readonly code: string | null;
  readonly receipt: DeliveryReceipt | null;
}

export interface InboxSecret extends Omit<InboxItem, 'atMs' | 'state'> {
  /** Of the sealed body: tells the same delivery, which comes again, from another one. */
  readonly digest: string;
}

export interface OutboxSecret extends Omit<OutboxItem, 'atMs' | 'state'> {
  /** Null once nothing more is sent of it. */
  readonly body: DeliveryBody | null;
  /** Leaf hashes of the versions that the body quotes: it waits no longer than they exist. */
  readonly quotes?: readonly string[];
  readonly pid: string | null;
  readonly who: Who;
}

export type DeliveryTable = 'inbox' | 'outbox';

export type DeliveryRow = {
  readonly deliveryToken: string;
  readonly atMs: number;
  readonly state: string;
  readonly sealed: Uint8Array;
};

export function openDelivery<Secret>(
  masterKey: MasterKey,
  { deliveryToken, sealed }: Pick<DeliveryRow, 'deliveryToken' | 'sealed'>,
): Secret {
  return masterKey.openJson('delivery', deliveryToken, sealed) as Secret;
}

export function sealDelivery(
  masterKey: MasterKey,
  secret: InboxSecret | OutboxSecret,
  { deliveryToken, atMs, state }: Omit<DeliveryRow, 'sealed'>,
): DeliveryRow {
  const sealed = masterKey.sealJson('delivery', deliveryToken, secret as unknown as Json);
  return { deliveryToken, atMs, state, sealed };
}

export async function putRow(trx: StoreTransaction, table: DeliveryTable, row: DeliveryRow): Promise<void> {
  await trx
    .insertInto(table)
    .values(row)
    .onConflict((conflict) => conflict.column('deliveryToken').doUpdateSet(row))
    .execute();
  await rowsLog.cover(trx, table, row.deliveryToken, row);
}

export async function demandRoom(
  trx: StoreTransaction,
  table: DeliveryTable,
  state: string,
  max: number,
): Promise<void> {
  const { count } = await trx
    .selectFrom(table)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('state', '=', state)
    .executeTakeFirstOrThrow();
  if (count >= max) throw new RecordsError('overloaded', `the ${table} is full`, { detail: `${table}-full` });
}

/** What was read before an erasure is not sent after it. */
export async function demandUnerased(trx: StoreTransaction, leafHashes: readonly string[]): Promise<void> {
  if (leafHashes.length === 0) return;
  const erased = await trx
    .selectFrom('record')
    .select('leafHash')
    .where('leafHash', 'in', leafHashes)
    .where('status', '=', 'erased')
    .executeTakeFirst();
  if (erased !== undefined) throw new RecordsError('erased', 'a version that the delivery quotes exists no more');
}

/** In the transaction of an erasure: what waits to be sent and quotes the versions is taken back, for its sender to see. */
export async function withdrawQuotes(
  trx: StoreTransaction,
  masterKey: MasterKey,
  leafHashes: ReadonlySet<string>,
): Promise<void> {
  for (const deliveryToken of await findQuoting(trx, masterKey, leafHashes)) {
    const row = await trx
      .selectFrom('outbox')
      .selectAll()
      .where('deliveryToken', '=', deliveryToken)
      .where('state', '=', 'pending')
      .executeTakeFirst();
    if (row === undefined) continue;
    const secret = openDelivery<OutboxSecret>(masterKey, row);
    const withdrawn = { ...secret, body: null, code: 'erased' };
    await putRow(trx, 'outbox', sealDelivery(masterKey, withdrawn, { ...row, state: 'refused' }));
    await dropQuotes(trx, masterKey, { deliveryToken, quotes: secret.quotes ?? [] });
  }
}
