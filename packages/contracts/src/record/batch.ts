import {
  demandUnique,
  type Owner,
  parseFields,
  parseHash,
  parseId,
  parseInteger,
  parseList,
  parseOwner,
} from '../args.ts';
import type { Context } from '../context.ts';
import { readEpoch } from '../epoch.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { BATCH_LEAVES_MAX } from './leaf.ts';
import { type BatchFact, batchKey, EPOCH_MAX, type KeyFact, keyKey, type TableFact, tableKey } from './record-facts.ts';
import { demandWriter } from './writer.ts';

/** Batches, new keys and new tables of one call, each. */
export const BATCHES_MAX = 2000;
/** Pairs of category and label class in one completeness table. */
export const TABLE_PAIRS_MAX = 65_536;
const TABLE_VERSION_MAX = 1_000_000;

export type BatchArgs = {
  readonly owner: Owner;
  readonly keyId: string;
  readonly count: number;
  readonly root: string;
};
export type KeyArgs = { readonly keyId: string; readonly owner: Owner; readonly epoch: number };
export type TableArgs = {
  readonly owner: Owner;
  readonly epoch: number;
  readonly root: string;
  readonly size: number;
  readonly version: number;
};
export type Batches = {
  readonly batches: readonly BatchArgs[];
  readonly keys: readonly KeyArgs[];
  readonly tables: readonly TableArgs[];
};

export function parseBatches(fields: { readonly batches: Json; readonly keys: Json; readonly tables: Json }): Batches {
  const limits = { max: BATCHES_MAX };
  const batches = parseList(fields.batches, 'args.batches', limits, parseBatch);
  const keys = parseList(fields.keys, 'args.keys', limits, parseKey);
  const tables = parseList(fields.tables, 'args.tables', limits, parseTable);
  demandUnique(batches, 'args.batches', (batch) => batch.keyId);
  demandUnique(keys, 'args.keys', (key) => key.keyId);
  demandUnique(tables, 'args.tables', (table) => table.owner.text);
  return { batches, keys, tables };
}

/** Registers new keys and tables of the current epoch, then commits each batch under a key of the current epoch. */
export async function commitBatches(context: Context, { batches, keys, tables }: Batches): Promise<void> {
  const epochs = await readEpochs(context, [...tables, ...keys, ...batches]);
  for (const table of tables) await putTable(context, table, epochs);
  for (const key of keys) await putKey(context, key, epochs);
  for (const batch of batches) await putBatch(context, batch, epochs);
}

/** Checks the caller once for every owner and reads the owner's epoch. */
async function readEpochs(
  context: Context,
  items: readonly { readonly owner: Owner }[],
): Promise<ReadonlyMap<string, number>> {
  const epochs = new Map<string, number>();
  for (const { owner } of items) {
    if (epochs.has(owner.text)) continue;
    await demandWriter(context, owner);
    epochs.set(owner.text, await readEpoch(context, owner.text));
  }
  return epochs;
}

async function putTable(context: Context, table: TableArgs, epochs: ReadonlyMap<string, number>): Promise<void> {
  demand(table.epoch === epochs.get(table.owner.text), 'stale-epoch', 'table');
  const key = tableKey(table.owner.text, table.epoch);
  demand((await context.get(key)) === undefined, 'table-exists');
  const { root, size, version } = table;
  context.put(key, { root, size, version } satisfies TableFact);
}

async function putKey(context: Context, key: KeyArgs, epochs: ReadonlyMap<string, number>): Promise<void> {
  demand(key.epoch === epochs.get(key.owner.text), 'stale-epoch', 'key');
  demand((await context.get(keyKey(key.keyId))) === undefined, 'key-id-exists');
  context.put(keyKey(key.keyId), { owner: key.owner.text, epoch: key.epoch } satisfies KeyFact);
}

async function putBatch(context: Context, batch: BatchArgs, epochs: ReadonlyMap<string, number>): Promise<void> {
  const owner = batch.owner.text;
  const key = await context.get<KeyFact>(keyKey(batch.keyId));
  if (key === undefined) throw new ContractError('key-id-unknown');
  demand(key.owner === owner, 'key-id-foreign');
  demand(key.epoch === epochs.get(owner), 'stale-epoch', 'batch');
  demand((await context.get(tableKey(owner, key.epoch))) !== undefined, 'table-missing');
  const fact: BatchFact = { owner, count: batch.count, root: batch.root };
  context.put(batchKey(batch.keyId, context.txId), fact);
}

function parseBatch(value: Json, name: string): BatchArgs {
  const fields = parseFields(value, name, ['owner', 'keyId', 'count', 'root']);
  return {
    owner: parseOwner(fields.owner, `${name}.owner`),
    keyId: parseId(fields.keyId, `${name}.keyId`),
    count: parseInteger(fields.count, `${name}.count`, { min: 1, max: BATCH_LEAVES_MAX }),
    root: parseHash(fields.root, `${name}.root`),
  };
}

function parseKey(value: Json, name: string): KeyArgs {
  const fields = parseFields(value, name, ['keyId', 'owner', 'epoch']);
  return {
    keyId: parseId(fields.keyId, `${name}.keyId`),
    owner: parseOwner(fields.owner, `${name}.owner`),
    epoch: parseEpoch(fields.epoch, `${name}.epoch`),
  };
}

function parseTable(value: Json, name: string): TableArgs {
  const fields = parseFields(value, name, ['owner', 'epoch', 'root', 'size', 'version']);
  return {
    owner: parseOwner(fields.owner, `${name}.owner`),
    epoch: parseEpoch(fields.epoch, `${name}.epoch`),
    root: parseHash(fields.root, `${name}.root`),
    size: parseInteger(fields.size, `${name}.size`, { min: 1, max: TABLE_PAIRS_MAX }),
    version: parseInteger(fields.version, `${name}.version`, { min: 1, max: TABLE_VERSION_MAX }),
  };
}

const parseEpoch = (value: Json | undefined, name: string): number =>
  parseInteger(value, name, { min: 1, max: EPOCH_MAX });
