import { expect, it } from 'vitest';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import type { Elsewhere } from './foreign-elsewhere.ts';
import { newestOf } from './foreign-everything.ts';
import type { ForeignReading, Look, Place } from './foreign-reading.ts';

const FUTURE_MS = 9_000_000_000_000;

it('takes the newest of each author, however much one lists and however it dates that', async () => {
  const lists = new Map([
    ['flooding', Array.from({ length: 50 }, (_, at) => ({ recordId: `f${at}`, dataFromMs: FUTURE_MS + at }))],
    ['honest', [1, 2, 3].map((at) => ({ recordId: `h${at}`, dataFromMs: at }))],
  ]);
  const reading = {
    list: async (_look: Look, { author }: Place) =>
      lists.get(author)!.map((each) => ({ ...each, type: 'Condition', dataToMs: null }) as ChartRecord),
    ofSession: async (
      _look: Look,
      { author }: Place,
      { wants }: { wants(record: { readonly recordId: string }): boolean },
    ) => lists.get(author)!.filter(wants),
  } as unknown as ForeignReading;
  const elsewhere = [...lists.keys()].map((author) => ({
    ...{ author, pid: 'there', isLinked: false },
    sessions: [{ session: author, author, pid: 'there', ownPid: 'here' }],
  })) satisfies readonly Elsewhere[];
  const asked = { filter: {}, count: 4, patient: 'p', ownPid: 'here', elsewhere };
  const { resources, isWhole } = await newestOf(reading, {} as Look, asked);
  expect(new Set(resources.map(({ recordId }) => recordId))).toEqual(new Set(['f49', 'f48', 'h3', 'h2']));
  expect(isWhole).toBe(false);
});
