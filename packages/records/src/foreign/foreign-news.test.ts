import { parseSearch } from '@salus/fhir';
import { expect, it } from 'vitest';
import type { ChartRecord } from '../exchange/manifest-checks.ts';
import { RecordsError } from '../records-error.ts';
import type { VaultCaller } from '../repository.ts';
import { ForeignNews, type SeenVersions, UNSETTLED } from './foreign-news.ts';

/** Sessions of a doctor, or of a patient’s app, with two results of the patient `p1` at each author, and what was asked. */
function openNews({ authors = ['a'], isApp = false, isPatientSeen = true } = {}) {
  const records = [1, 2].map((n) => ({ recordId: `r${n}`, version: 1, type: 'Observation' }) as ChartRecord);
  const asked: string[] = [];
  const state = {
    records,
    isOver: false,
    isSettled: true,
    isListOld: false,
    change: 1,
    refusing: new Set<string>(),
    nowMs: 0,
  };
  const demandLive = async (): Promise<void> => {
    if (state.isOver) throw new RecordsError('session-ended', 'revoked', { detail: 'grant-revoked' });
  };
  const demandAnswer = (author: string): void => {
    if (state.refusing.has(author)) throw new RecordsError('peer-unreachable', 'silent');
  };
  const sessions = authors.map((author) => ({ session: author, author, pid: 'there', ownPid: 'here' }));
  const who = { kind: 'member', id: 'doctor', organisation: 'b', roles: [] } as const;
  const shown = ({ recordId, version }: ChartRecord, author: string) => ({
    ...{ recordId, version, type: 'Observation', id: `local-${author}-${recordId}` },
    searched: {
      resourceType: 'Observation',
      subject: { reference: 'Patient/p1' },
      status: recordId === 'r1' ? 'final' : 'preliminary',
    },
  });
  const parts = {
    ...{ organisation: 'b', clock: () => state.nowMs },
    access: { roles: async () => [], decide: async () => ({ kind: 'allowed' }) },
    rows: { findResource: async () => (isPatientSeen ? { status: 'current', meta: {} } : undefined) },
    patients: { findByFhirId: async (id: string) => (id === 'p1' ? { pid: 'here' } : undefined) },
    ids: {
      find: async (_type: string, id: string) => {
        const [, author, recordId] = id.split('-');
        return { recordId, author, pid: 'there' };
      },
    },
    reader: {
      listOpen: () => sessions,
      demandLive,
      refresh: async (session: string) => {
        asked.push(`refresh ${session}`);
        demandAnswer(session);
      },
      chart: async () => ({ records: new Map(state.records.map((record) => [record.recordId, record])) }),
      isCurrent: async () => true,
      isListedBefore: () => state.isListOld,
    },
    reading: {
      list: async (_look: unknown, { author }: { author: string }) => {
        demandAnswer(author);
        return state.records;
      },
      ofSession: async (
        _look: unknown,
        { author }: { author: string },
        { wants }: { wants(record: ChartRecord): boolean },
      ) => {
        const read = state.records.filter(wants);
        asked.push(...read.map(({ recordId }) => `read ${recordId} of ${author}`));
        return read.map((record) => shown(record, author));
      },
    },
    whereabouts: {
      list: async () => sessions.map((each) => ({ ...each, sessions: [each], isLinked: false })),
      prepare: async (_asker: unknown, { author }: { author: string }) => {
        asked.push(`open ${author}`);
        return !state.refusing.has(author);
      },
    },
    sessions: { listOf: async () => authors.map((author) => ({ author, pid: 'there', grant: `of ${author}` })) },
    changes: { settledOf: () => (state.isSettled ? { count: state.change, atMs: 0 } : undefined) },
  };
  const news = new ForeignNews(parts as unknown as ConstructorParameters<typeof ForeignNews>[0]);
  const use = { client: { id: 'app' }, pid: 'here' };
  const member = { kind: 'member', who, purpose: 'TREAT' };
  const caller = (isApp ? { kind: 'app', who, elsewhere: use } : member) as unknown as VaultCaller;
  return { news, caller, state, asked };
}

function watching(query: string) {
  const parsed = parseSearch('Observation', new URLSearchParams(query), { strict: true });
  if (parsed.kind === 'refused') throw new Error('the search of the test is refused');
  return parsed.request;
}

const EVERYTHING = watching('patient=p1');
const NOBODY: ReadonlySet<string> = new Set();
const seenOf = (...names: readonly string[]): SeenVersions => new Map(names.map((name) => [name, 1]));

it('learns what there is without reading it, and tells none of it', async () => {
  const { news, caller, asked } = openNews();
  const found = await news.find(caller, EVERYTHING, { seen: undefined, open: false });
  expect(found).toEqual({ matches: [], looked: seenOf('a r1', 'a r2'), unanswered: NOBODY });
  expect(asked).toEqual([]);
});

it('reads a version once, and tells of it where it matches', async () => {
  const { news, caller, state, asked } = openNews();
  const final = watching('patient=p1&status=final');
  const found = await news.find(caller, final, { seen: seenOf(), open: true });
  const told = { author: 'a', type: 'Observation', id: 'local-a-r1', patient: 'p1' };
  expect(found.matches).toEqual([{ recordId: 'r1', version: 1, ...told }]);
  expect(found.looked).toEqual(seenOf('a r1', 'a r2'));
  expect(asked).toEqual(['refresh a', 'read r1 of a', 'read r2 of a']);
  asked.length = 0;
  expect((await news.find(caller, final, { seen: found.looked, open: true })).matches).toEqual([]);
  state.records = state.records.map((record) => ({ ...record, version: 2 }));
  const next = await news.find(caller, final, { seen: seenOf('a r1', 'a r2'), open: true });
  expect(next.matches.map(({ recordId, version }) => [recordId, version])).toEqual([['r1', 2]]);
});

it('no author’s record stands for another’s, whatever id it has', async () => {
  const { news, caller } = openNews({ authors: ['a', 'c'] });
  const { matches } = await news.find(caller, EVERYTHING, { seen: seenOf('a r1', 'a r2'), open: true });
  expect(matches.map(({ author, recordId }) => `${author} ${recordId}`)).toEqual(['c r1', 'c r2']);
});

it('opens an app’s sessions where there may be news, and looks nowhere else', async () => {
  const { news, caller, asked } = openNews({ authors: ['a', 'c'], isApp: true });
  expect([...(await news.mark(caller)).keys()]).toEqual(['a there', 'c there']);
  await news.find(caller, EVERYTHING, { seen: seenOf('a r1', 'a r2'), at: new Set(['a there']), open: true });
  expect(asked).toEqual(['open a', 'refresh a']);
  asked.length = 0;
  await news.find(caller, EVERYTHING, { seen: seenOf('c r1', 'c r2'), at: new Set(['c there']), open: false });
  expect(asked).toEqual(['refresh c']);
});

it('hears of one author while another is silent, and learns of that one later what is no news', async () => {
  for (const isApp of [false, true]) {
    const { news, caller, state } = openNews({ authors: ['a', 'c'], isApp });
    state.refusing.add('a');
    const first = await news.find(caller, EVERYTHING, { seen: undefined, open: true });
    expect(first.unanswered).toEqual(new Set(['a there']));
    expect(first.looked.get('c r1')).toBe(1);
    const second = await news.find(caller, EVERYTHING, { seen: new Map([...first.looked, ['c r2', 0]]), open: true });
    expect(second.matches.map(({ author, recordId }) => `${author} ${recordId}`)).toEqual(['c r2']);
    expect(second.unanswered).toEqual(new Set(['a there']));
    state.refusing.clear();
    const third = await news.find(caller, EVERYTHING, { seen: first.looked, open: true });
    expect(third).toMatchObject({ matches: [], unanswered: NOBODY });
    state.records = state.records.map((record) => ({ ...record, version: 2 }));
    const seen = new Map([...first.looked, ...third.looked]);
    const last = await news.find(caller, EVERYTHING, { seen, at: new Set(['a there']), open: true });
    expect(last.matches.map(({ author, version }) => [author, version])).toEqual([
      ['a', 2],
      ['a', 2],
    ]);
  }
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

it('asks again once there is another change, and of nobody else', async () => {
  const { news, caller, state } = openNews();
  const before = await news.mark(caller);
  expect(before.size).toBe(1);
  expect(await news.mark(caller)).toEqual(before);
  state.change += 1;
  state.isSettled = false;
  expect([...(await news.mark(caller)).values()]).toEqual([UNSETTLED]);
  state.isSettled = true;
  expect(await news.mark(caller)).not.toEqual(before);
});

it('lets nothing be told once its session has ended, or its record has another version', async () => {
  const { news, caller, state } = openNews();
  const told = { recordId: 'r1', version: 1, author: 'a', type: 'Observation', id: 'local-a-r1', patient: 'p1' };
  expect(await news.mayTell(caller, told)).toBe(true);
  expect(await news.mayTell(caller, { ...told, version: 2 })).toBe(false);
  expect(await news.mayTell(caller, { ...told, recordId: 'r2' })).toBe(false);
  state.isOver = true;
  expect(await news.mayTell(caller, told)).toBe(false);
  expect(await news.find(caller, EVERYTHING, { seen: seenOf(), open: true })).toMatchObject({ matches: [] });
  const hidden = openNews({ isPatientSeen: false });
  expect(await hidden.news.mayTell(hidden.caller, told)).toBe(false);
});

it('has its author say once more what is told, as of a denial there the ledger does not know', async () => {
  const { news, caller, state, asked } = openNews();
  const told = { recordId: 'r1', version: 1, author: 'a', type: 'Observation', id: 'local-a-r1', patient: 'p1' };
  expect(await news.mayTell(caller, told)).toBe(true);
  expect(asked).toEqual(['refresh a']);
  // Too early to ask: it is told of with what has just come.
  state.isSettled = false;
  expect(await news.mayTell(caller, told)).toBe(true);
  state.isListOld = true;
  expect(await news.mayTell(caller, told)).toBe(false);
  expect(asked).toEqual(['refresh a']);
  state.isSettled = true;
  state.refusing.add('a');
  expect(await news.mayTell(caller, told)).toBe(false);
});
