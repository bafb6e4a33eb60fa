import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { RecordsError } from '../records-error.ts';
import { GatheredReads, READS_GATHERED_MAX, READS_WAITING_MAX } from './gathered-reads.ts';
import type { ReadRecord } from './reading.ts';

let asked: (readonly string[])[];
let answer: (recordIds: readonly string[]) => Promise<readonly ReadRecord[]>;
let reads: GatheredReads;

beforeEach(() => {
  asked = [];
  answer = async (recordIds) => {
    await delay(1);
    return recordIds.map((recordId) => ({ recordId, version: 1, text: `text of ${recordId}`, attachments: [] }));
  };
  reads = new GatheredReads((recordIds) => {
    asked.push(recordIds);
    return answer(recordIds);
  });
});

const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, at) => `record-${at}`);

test('shares one request among reads that are asked for at once, and gives each its own record', async () => {
  const read = await Promise.all(ids(5).map((id) => reads.read(id)));
  expect(read.map(({ recordId, text }) => [recordId, text])).toEqual(ids(5).map((id) => [id, `text of ${id}`]));
  expect(asked).toEqual([ids(5)]);
});

test('asks for no more than a request holds, and for what came meanwhile with the next', async () => {
  const read = await Promise.all(ids(2 * READS_GATHERED_MAX + 1).map((id) => reads.read(id)));
  expect(read.map(({ recordId }) => recordId)).toEqual(ids(2 * READS_GATHERED_MAX + 1));
  expect(asked.map((group) => group.length)).toEqual([READS_GATHERED_MAX, READS_GATHERED_MAX, 1]);
});

test('asks twice for a record that is read twice, so that both reads are logged', async () => {
  await Promise.all(['record-0', 'record-1', 'record-0'].map((id) => reads.read(id)));
  expect(asked).toEqual([['record-0', 'record-1'], ['record-0']]);
});

test('refuses only the read whose record is wrong when a shared request fails', async () => {
  const good = answer;
  answer = (recordIds) =>
    recordIds.includes('record-2') ? Promise.reject(new RecordsError('omitted-record', 'withheld')) : good(recordIds);
  const read = await Promise.allSettled(ids(4).map((id) => reads.read(id)));
  expect(read.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(read[2]).toMatchObject({ reason: { code: 'omitted-record' } });
  expect(asked).toEqual([ids(4), ...ids(4).map((id) => [id])]);
});

test('asks nobody again once the session has ended', async () => {
  answer = () => Promise.reject(new RecordsError('session-ended', 'over', { detail: 'grant-revoked' }));
  const read = await Promise.allSettled(ids(3).map((id) => reads.read(id)));
  expect(read).toMatchObject(Array(3).fill({ status: 'rejected', reason: { detail: 'grant-revoked' } }));
  expect(asked).toHaveLength(1);
  // The next read asks anew: the author's node decides, and logs.
  await expect(reads.read('record-0')).rejects.toMatchObject({ code: 'session-ended' });
  expect(asked).toHaveLength(2);
});

test('refuses more reads than may wait, and reads on afterwards', async () => {
  const waiting = ids(READS_WAITING_MAX).map((id) => reads.read(id));
  await expect(reads.read('one-more')).rejects.toMatchObject({ code: 'overloaded' });
  expect(await Promise.all(waiting)).toHaveLength(READS_WAITING_MAX);
  await expect(reads.read('one-more')).resolves.toMatchObject({ recordId: 'one-more' });
});
