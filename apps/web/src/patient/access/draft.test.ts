import type { ListedRecord } from '@salus/client';
import type { Grantee } from '@salus/contracts';
import { expect, test } from 'vitest';
import type { Place } from './acting.ts';
import {
  choiceOf,
  type Draft,
  dayOf,
  draftOfRequest,
  emptyDraft,
  findFault,
  foreignTo,
  isWhole,
  plansOf,
  sensitiveIn,
  withItem,
} from './draft.ts';

const DAY_MS = 86_400_000;
const NOW_MS = new Date('2026-03-10T12:00:00').getTime();
const GRANTEE: Grantee = { kind: 'organisation', organisation: 'hospital-b' };
const asked = {
  grantee: GRANTEE,
  categories: ['laboratory', 'medication'],
  purposes: ['TREAT'],
  notAfterMs: NOW_MS + 5 * DAY_MS,
} as const;
const place = { pid: 'p'.repeat(22), nowMs: NOW_MS, askedUntilMs: asked.notAfterMs };
const whole = draftOfRequest(asked, NOW_MS);

test('a request becomes a draft that opens nothing sensitive, keeps no copy and ends when was asked', () => {
  const choice = choiceOf(whole, place);
  expect(choice).toMatchObject({
    grantee: GRANTEE,
    categories: ['laboratory', 'medication'],
    labelClasses: ['N'],
    notAfterMs: asked.notAfterMs,
  });
  for (const term of ['mayKeep', 'resourceTypes', 'records', 'dataFromMs', 'dataToMs', 'maxUses', 'exceptActors'])
    expect(choice).not.toHaveProperty(term);
  expect(isWhole(asked, choice)).toBe(true);
});

test('whatever the patient takes away makes the answer a part of what was asked', () => {
  const changes: readonly Partial<Draft>[] = [
    { categories: ['laboratory'] },
    { endsOn: dayOf(NOW_MS + 2 * DAY_MS) },
    { dataFrom: '2026-01-01' },
    { dataTo: '2026-01-01' },
    { types: ['Observation'] },
    { records: ['r1'] },
    { except: ['x1'] },
    { maxUses: 1 },
    { purposes: ['ETREAT'] },
  ];
  for (const change of changes) expect(isWhole(asked, choiceOf({ ...whole, ...change }, place))).toBe(false);
});

test('a sensitive tick opens nothing more once its category, and with it its box, is gone', () => {
  const record = (recordId: string, category: string, labelClass: string) =>
    ({ recordId, category, labelClass }) as ListedRecord;
  const entry = { pid: 'p'.repeat(22), organisation: 'hospital-a' } as Place;
  const places = [{ entry, records: [record('l', 'laboratory', 'N'), record('m', 'mental-health', 'PSY')] }];
  const labels = (categories: readonly string[], known: typeof places) =>
    plansOf({ ...whole, categories, sensitive: ['PSY'] }, known, place).map(({ choice }) => choice.labelClasses);
  expect(labels(['laboratory', 'mental-health'], places)).toEqual([['N', 'PSY']]);
  expect(labels(['laboratory'], places)).toEqual([['N']]);
  expect(sensitiveIn({ categories: ['laboratory'] }, places)).toEqual([]);
});

test('days become moments of the patient’s own calendar: both ends count', () => {
  const choice = choiceOf(
    { ...whole, endsOn: '2026-04-01', dataFrom: '2026-01-01', dataTo: '2026-01-31', sensitive: ['HIV'] },
    place,
  );
  expect(choice.notAfterMs).toBe(new Date('2026-04-01T23:59:59.999').getTime());
  expect(choice.dataFromMs).toBe(new Date('2026-01-01T00:00:00').getTime());
  expect(choice.dataToMs).toBe(new Date('2026-01-31T23:59:59.999').getTime());
  expect(choice.labelClasses).toEqual(['N', 'HIV']);
});

test('a draft says what is wrong with it', () => {
  expect(findFault(whole, NOW_MS)).toBeUndefined();
  expect(findFault(emptyDraft(GRANTEE, NOW_MS), NOW_MS)).toBe('nothing-chosen');
  expect(findFault({ ...whole, records: [] }, NOW_MS)).toBe('nothing-chosen');
  expect(findFault({ ...whole, types: [] }, NOW_MS)).toBe('nothing-chosen');
  expect(findFault({ ...whole, endsOn: '' }, NOW_MS)).toBe('no-date');
  expect(findFault({ ...whole, endsOn: '2026-03-09' }, NOW_MS)).toBe('ends-in-past');
  expect(findFault({ ...whole, endsOn: '2037-01-01' }, NOW_MS)).toBe('ends-too-late');
  expect(findFault({ ...whole, dataFrom: '2026-02-02', dataTo: '2026-02-01' }, NOW_MS)).toBe('period-backwards');
  expect(findFault({ ...whole, dataFrom: '2026-02-02', dataTo: '2026-02-02' }, NOW_MS)).toBeUndefined();
});

test('a request whose time has passed gets the usual length, not one in the past', () => {
  const late = draftOfRequest({ ...asked, notAfterMs: NOW_MS - 1 }, NOW_MS);
  expect(findFault(late, NOW_MS)).toBeUndefined();
});

test('ticking twice names a thing once', () => {
  expect(withItem(['a', 'b'], 'a', true)).toEqual(['b', 'a']);
  expect(withItem(['a', 'b'], 'a', false)).toEqual(['b']);
});

const entry = (organisation: string) => ({ organisation, pid: organisation, kid: 'k', recoveryIndex: 0, sequence: 1 });
const listed = (recordId: string) => ({
  recordId,
  version: 1,
  type: 'Observation',
  category: 'laboratory',
  labelClass: 'N',
  dataFromMs: null,
  dataToMs: null,
});

test('the grantee’s own place is asked for nothing, unless an app of it asks', () => {
  const entries = [entry('hospital-a'), entry('hospital-b')];
  expect(foreignTo(GRANTEE, entries)).toEqual([entry('hospital-a')]);
  expect(foreignTo({ kind: 'client', organisation: 'hospital-b', id: 'x' }, entries)).toEqual(entries);
});

test('each place gets a grant of its own, and none where nothing of it was chosen', () => {
  const places = [
    { entry: entry('hospital-a'), records: [listed('a1'), listed('a2')] },
    { entry: entry('laboratory'), records: [listed('l1')] },
  ];
  const plans = (change: Partial<Draft>) =>
    plansOf({ ...whole, ...change }, places, place).map(({ choice }) => [choice.pid, choice.records]);
  expect(plans({})).toEqual([
    ['hospital-a', undefined],
    ['laboratory', undefined],
  ]);
  expect(plans({ records: ['a2'] })).toEqual([['hospital-a', ['a2']]]);
  expect(plans({ places: ['laboratory'] })).toEqual([['laboratory', undefined]]);
  expect(findFault({ ...whole, places: [] }, NOW_MS)).toBe('no-place');
});
