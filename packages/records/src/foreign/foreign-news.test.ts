import { parseSearch } from '@salus/fhir';
import { expect, it } from 'vitest';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import { RecordsError } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import { ForeignNews, type SeenVersions } from './foreign-news.ts';

/** One session of a doctor, with two results of the patient `p1`, and what was asked of it. */
function openNews({ isSettled = true, isOver = false, isPatientSeen = true } = {}) {
  const records = [1, 2].map((n) => ({ recordId: `r${n}`, version: 1, type: 'Observation' }) as ChartRecord);
  const asked: string[] = [];
  const state = { records, isOver, change: 1 };
  const demandLive = async (): Promise<void> => {
    if (state.isOver) throw new RecordsError('session-ended', 'revoked', { detail: 'grant-revoked' });
  };
  const session = { session: 's1', author: 'a', pid: 'there', ownPid: 'here' };
  const who = { kind: 'member', id: 'doctor', organisation: 'b', roles: [] } as const;
  const shown = ({ recordId, version }: ChartRecord) => ({
    ...{ recordId, version, type: 'Observation', id: `local-${recordId}` },
    searched: {
      resourceType: 'Observation',
      subject: { reference: 'Patient/p1' },
      status: recordId === 'r1' ? 'final' : 'preliminary',
    },
  });
  const parts = {
    ...{ organisation: 'b', clock: () => 0 },
    access: { roles: async () => [], decide: async () => ({ kind: 'allowed' }) },
    rows: { findResource: async () => (isPatientSeen ? { status: 'current', meta: {} } : undefined) },
    patients: { findByFhirId: async (id: string) => (id === 'p1' ? { pid: 'here' } : undefined) },
    ids: {
      find: async (_type: string, id: string) => ({ recordId: id.replace('local-', ''), author: 'a', pid: 'there' }),
    },
    reader: {
      listOpen: () => [session],
      demandLive,
      refresh: async () => void asked.push('refresh'),
      chart: async () => ({ records: new Map(state.records.map((record) => [record.recordId, record])) }),
      isCurrent: async () => true,
    },
    reading: {
      list: async () => state.records,
      ofSession: async (_look: unknown, _place: unknown, { wants }: { wants(record: ChartRecord): boolean }) => {
        const read = state.records.filter(wants);
        asked.push(...read.map(({ recordId }) => `read ${recordId}`));
        return read.map(shown);
      },
    },
    whereabouts: {
      list: async () => [{ ...session, sessions: [session], isLinked: false }],
      open: async () => ({ elsewhere: [{ ...session, sessions: [session], isLinked: false }], isWhole: true }),
    },
    sessions: { listOf: async () => [] },
    changes: { isSettled: () => isSettled, numberOf: () => state.change, lastMsOf: () => 0 },
  };
  const news = new ForeignNews(parts as unknown as ConstructorParameters<typeof ForeignNews>[0]);
  const caller = { kind: 'member', who, purpose: 'TREAT' } as unknown as VaultCaller;
  return { news, caller, state, asked };
}

function watching(query: string) {
  const parsed = parseSearch('Observation', new URLSearchParams(query), { strict: true });
  if (parsed.kind === 'refused') throw new Error('the search of the test is refused');
  return parsed.request;
}

const EVERYTHING = watching('patient=p1');
const seenOf = (...ids: readonly string[]): SeenVersions => new Map(ids.map((id) => [id, 1]));

it('learns what there is without reading it, and tells none of it', async () => {
  const { news, caller, asked } = openNews();
  const found = await news.find(caller, EVERYTHING, { seen: undefined, open: false });
  expect(found).toEqual({ matches: [], looked: seenOf('r1', 'r2'), isWhole: true });
  expect(asked).toEqual([]);
});

it('reads a version once, and tells of it where it matches', async () => {
  const { news, caller, state, asked } = openNews();
  const final = watching('patient=p1&status=final');
  const found = await news.find(caller, final, { seen: seenOf(), open: true });
  expect(found.matches).toEqual([{ recordId: 'r1', version: 1, type: 'Observation', id: 'local-r1', patient: 'p1' }]);
  expect(found.looked).toEqual(seenOf('r1', 'r2'));
  expect(asked).toEqual(['refresh', 'read r1', 'read r2']);
  asked.length = 0;
  expect((await news.find(caller, final, { seen: found.looked, open: true })).matches).toEqual([]);
  state.records = state.records.map((record) => ({ ...record, version: 2 }));
  const next = await news.find(caller, final, { seen: seenOf('r1', 'r2'), open: true });
  expect(next.matches.map(({ recordId, version }) => [recordId, version])).toEqual([['r1', 2]]);
});

it('looks for nobody whom the search does not name, nor for whom the asker does not see, nor for a patient', async () => {
  const { news, caller, asked } = openNews();
  for (const search of [watching('status=final'), watching('patient=p2')]) {
    expect((await news.find(caller, search, { seen: seenOf(), open: true })).matches).toEqual([]);
  }
  const hidden = openNews({ isPatientSeen: false });
  expect((await hidden.news.find(hidden.caller, EVERYTHING, { seen: seenOf(), open: true })).matches).toEqual([]);
  const patient = { kind: 'patient', who: { kind: 'patient', pid: 'here', kid: 'k' } } as unknown as VaultCaller;
  expect((await news.find(patient, EVERYTHING, { seen: seenOf(), open: true })).matches).toEqual([]);
  expect([...asked, ...hidden.asked]).toEqual([]);
});

it('asks nothing while a change is settling, and asks again once there is another', async () => {
  const unsettled = openNews({ isSettled: false });
  expect(await unsettled.news.mark(unsettled.caller)).toBeUndefined();
  const { news, caller, state } = openNews();
  const before = await news.mark(caller);
  expect(before).toBeDefined();
  expect(await news.mark(caller)).toBe(before);
  state.change += 1;
  expect(await news.mark(caller)).not.toBe(before);
});

it('lets nothing be told once its session has ended, or its record has another version', async () => {
  const { news, caller, state } = openNews();
  const told = { recordId: 'r1', version: 1, type: 'Observation', id: 'local-r1', patient: 'p1' };
  expect(await news.mayTell(caller, told)).toBe(true);
  expect(await news.mayTell(caller, { ...told, version: 2 })).toBe(false);
  expect(await news.mayTell(caller, { ...told, recordId: 'r2' })).toBe(false);
  state.isOver = true;
  expect(await news.mayTell(caller, told)).toBe(false);
  expect(await news.find(caller, EVERYTHING, { seen: seenOf(), open: true })).toMatchObject({ matches: [] });
  const hidden = openNews({ isPatientSeen: false });
  expect(await hidden.news.mayTell(hidden.caller, told)).toBe(false);
});
