import { expect, it } from 'vitest';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import { RecordsError } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import type { Asker } from './foreign-access.ts';
import type { ForeignFacts } from './foreign-ids.ts';
import { ForeignReading, type Look } from './foreign-reading.ts';

const record = { recordId: 'r1', type: 'Observation' } as ChartRecord;
const facts = { author: 'hospital-a', pid: 'elsewhere', recordId: 'r1', localId: 'l1' } as ForeignFacts;
const place = { author: 'hospital-a', pid: 'elsewhere', patient: 'p1', ownPid: 'mine' };

/** One session that a client holds open under the pid `mine`, and copies of which `gone` was removed after it was listed. */
function openReading(listed: readonly ChartRecord[] = [record]): ForeignReading {
  const reader = {
    listOpen: () => [{ session: 's1', author: 'hospital-a', pid: 'elsewhere', ownPid: 'mine' }],
    chart: async () => ({ records: new Map(listed.map((each) => [each.recordId, each])) }),
    read: async (_session: string, ids: readonly string[]) => ids.map((recordId) => ({ recordId })),
  };
  const kept = {
    isReader: async () => true,
    list: async () => [{ author: 'hospital-a', recordId: 'r1', type: 'Observation' }],
    read: async (_pid: string, recordId: string) => {
      if (recordId === 'gone') throw new RecordsError('not-found', 'no such copy');
      if (recordId === 'spoilt') throw new RecordsError('content-mismatch', 'not the text that its leaf names');
      return { recordId };
    },
  };
  const resources = { of: async (_source: unknown, records: readonly unknown[]) => records };
  return new ForeignReading({ reader, kept, resources } as unknown as ConstructorParameters<typeof ForeignReading>[0]);
}

function lookOf(ofPid: string | undefined): Look {
  const use = ofPid === undefined ? undefined : { pid: ofPid };
  const asker = { who: { kind: 'member', id: 'app' }, use } as unknown as Asker;
  return { caller: {} as VaultCaller, asker, interaction: 'r' };
}

it('an app reads by an id what its own patient’s session shows, and nothing of another patient of the same app', async () => {
  const reading = openReading();
  expect(await reading.known(lookOf('mine'), facts)).toMatchObject({ recordId: 'r1' });
  expect(await reading.known(lookOf('somebody else'), facts)).toBeUndefined();
});

it('an app is shown no copies that people keep', async () => {
  const reading = openReading();
  expect(await reading.listKept(lookOf('mine'), place)).toEqual([]);
  expect(await reading.listKept(lookOf(undefined), place)).toHaveLength(1);
});

it('a copy that has gone since it was listed takes no other away, and one that is spoilt is told of', async () => {
  const reading = openReading();
  const { who } = lookOf(undefined).asker;
  expect(await reading.keptOf(who, place, ['r1', 'gone', 'r2'])).toMatchObject([
    { recordId: 'r1' },
    { recordId: 'r2' },
  ]);
  await expect(reading.keptOf(who, place, ['r1', 'spoilt'])).rejects.toMatchObject({ code: 'content-mismatch' });
});

it('an author that lists more than is read takes nothing else of an answer away, and none of it is read', async () => {
  const many = Array.from({ length: 1_001 }, (_, at) => ({ recordId: `r${at}`, type: 'Observation' }) as ChartRecord);
  const asked = { session: 's1', wants: () => true, taken: 0 };
  expect(await openReading(many).ofSession(lookOf(undefined), place, asked)).toBeUndefined();
  expect(await openReading(many.slice(1)).ofSession(lookOf(undefined), place, asked)).toHaveLength(1_000);
  expect(await openReading().ofSession(lookOf(undefined), place, { ...asked, taken: 1_000 })).toBeUndefined();
});
