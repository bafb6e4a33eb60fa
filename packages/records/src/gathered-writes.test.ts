import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GATHERED_MAX, GATHERING_MAX, GatheredWrites } from './gathered-writes.ts';
import { RecordsError } from './records-error.ts';
import type { WriteOrder, WriteReceipt } from './write-order.ts';

const delegation = {};

/** An order of one version, by a person in a session. */
function orderOf(recordId: string, onBehalfOf: object = delegation, more: object = {}): WriteOrder {
  const version = { recordId, attachments: [] };
  return {
    writer: { submitter: { id: 'node' }, onBehalfOf },
    ...{ versions: [version], patients: [], bundleToken: null, audits: [{ kind: 'write' }], ...more },
  } as unknown as WriteOrder;
}

/** A writer that keeps what it is told to write, and refuses what it is told to refuse. */
function writerOf(refused: ReadonlyMap<string, RecordsError> = new Map()) {
  const calls: string[][] = [];
  const write = async ({ versions }: WriteOrder): Promise<WriteReceipt> => {
    const names = versions.map(({ recordId }) => recordId);
    calls.push(names);
    await delay(5);
    const error = names.map((name) => refused.get(name)).find((found) => found !== undefined);
    if (error !== undefined) throw error;
    return { callId: names.join(), batchId: 'b', block: 1, timestampMs: 0 };
  };
  return { calls, gathered: new GatheredWrites(write) };
}

test('sends the first at once, and what arrives meanwhile together', async () => {
  const { calls, gathered } = writerOf();
  const names = Array.from({ length: 20 }, (_, at) => `r${at}`);
  const receipts = await Promise.all(names.map((name) => gathered.write(orderOf(name))));
  expect(calls.slice(0, 2)).toEqual([['r0'], ['r1']]);
  expect(calls.flat()).toEqual(names);
  expect(calls.length).toBeLessThan(5);
  for (const [at, receipt] of receipts.entries()) expect(receipt.callId.split(',')).toContain(names[at]);
  await gathered.write(orderOf('later'));
  expect(calls.at(-1)).toEqual(['later']);
});

test('lets no order fail for another’s sake', async () => {
  const refused = new Map([['bad', new RecordsError('conflict', 'ended by another')]]);
  const { calls, gathered } = writerOf(refused);
  const names = ['a', 'b', 'c', 'bad', 'd'];
  const settled = await Promise.allSettled(names.map((name) => gathered.write(orderOf(name))));
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(settled[3]).toMatchObject({ reason: { code: 'conflict' } });
  expect(calls.slice(2)).toEqual([['c', 'bad', 'd'], ['c'], ['bad'], ['d']]);
});

test('sends nothing again whose outcome is open', async () => {
  const refused = new Map([['open', new RecordsError('ledger-unavailable', 'no answer')]]);
  const { calls, gathered } = writerOf(refused);
  const settled = await Promise.allSettled(['a', 'b', 'c', 'open'].map((name) => gathered.write(orderOf(name))));
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
  expect(calls).toEqual([['a'], ['b'], ['c', 'open']]);
});

test('keeps persons, bundles and attachments apart', async () => {
  const { calls, gathered } = writerOf();
  const other = {};
  await Promise.all([
    ...['a', 'b', 'c', 'd'].map((name) => gathered.write(orderOf(name))),
    ...['w', 'x', 'y', 'z'].map((name) => gathered.write(orderOf(name, other))),
    gathered.write(orderOf('bundle', delegation, { bundleToken: 'token' })),
    gathered.write(orderOf('file', delegation, { versions: [{ recordId: 'file', attachments: [{}] }] })),
  ]);
  expect(calls.map((names) => names.join('')).toSorted()).toEqual(
    ['a', 'b', 'bundle', 'cd', 'file', 'w', 'x', 'yz'].toSorted(),
  );
});

test('gathers at most so many, and refuses when too many wait', async () => {
  const { calls, gathered } = writerOf();
  const writes = Array.from({ length: GATHERING_MAX + 2 }, (_, at) => gathered.write(orderOf(`r${at}`)));
  await expect(gathered.write(orderOf('one too many'))).rejects.toMatchObject({ code: 'overloaded' });
  await Promise.all(writes);
  expect(Math.max(...calls.map((names) => names.length))).toBe(GATHERED_MAX);
});
