import { deleteDocument, findDocument, putDocument, sealDocument } from '../documents.ts';
import type { MasterKey } from '../master-key.ts';
import { rowsLog } from '../rows-log.ts';
import type { StoreTransaction } from '../store/index.ts';

/**
 * By leaf hash: the tokens of deliveries that wait and quote that version. An erasure finds them without opening the bodies
 * of all that waits: up to 10,000 of 1 MiB, while nobody else can write.
 */
const KIND = 'outbox-quote';

interface Quoting {
  readonly deliveryToken: string;
  /** Leaf hashes. */
  readonly quotes: readonly string[];
}

/** In the transaction that queues a delivery. */
export async function noteQuotes(
  trx: StoreTransaction,
  masterKey: MasterKey,
  { deliveryToken, quotes }: Quoting,
): Promise<void> {
  for (const leafHash of new Set(quotes)) {
    const tokens = await tokensOf(trx, masterKey, leafHash);
    if (tokens.includes(deliveryToken)) continue;
    await putDocument(trx, rowsLog, sealDocument(masterKey, KIND, leafHash, [...tokens, deliveryToken]));
  }
}

/** In the transaction after which a delivery waits no more. */
export async function dropQuotes(
  trx: StoreTransaction,
  masterKey: MasterKey,
  { deliveryToken, quotes }: Quoting,
): Promise<void> {
  for (const leafHash of new Set(quotes)) {
    const left = (await tokensOf(trx, masterKey, leafHash)).filter((token) => token !== deliveryToken);
    if (left.length === 0) await deleteDocument(trx, { masterKey, rowsLog }, KIND, leafHash);
    else await putDocument(trx, rowsLog, sealDocument(masterKey, KIND, leafHash, left));
  }
}

/** Tokens of what waits and quotes one of the versions. */
export async function findQuoting(
  trx: StoreTransaction,
  masterKey: MasterKey,
  leafHashes: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const leafHash of leafHashes) for (const token of await tokensOf(trx, masterKey, leafHash)) found.add(token);
  return found;
}

async function tokensOf(trx: StoreTransaction, masterKey: MasterKey, leafHash: string): Promise<readonly string[]> {
  return ((await findDocument(trx, masterKey, KIND, leafHash)) ?? []) as readonly string[];
}
