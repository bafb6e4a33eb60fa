import { expect, test } from 'vitest';
import { dayOf } from './draft.ts';
import { emptyWords, endsOf, findFault, untilOf, type Words } from './guardian-words.ts';

const DAY_MS = 86_400_000;
const NOW_MS = new Date('2026-03-10T12:00:00').getTime();
const whole: Words = { ...emptyWords(NOW_MS), name: 'Ada', evidenceText: 'We stand here' };

test('an appointment needs a name, something to do, an end within a year and what shows it', () => {
  expect(findFault(whole, NOW_MS)).toBeUndefined();
  expect(findFault({ ...whole, name: '  ' }, NOW_MS)).toBe('name');
  expect(findFault({ ...whole, scope: [] }, NOW_MS)).toBe('scope');
  expect(findFault({ ...whole, evidenceText: '' }, NOW_MS)).toBe('evidence');
  for (const endsOn of ['', '2026-03-09', '2027-12-01']) expect(findFault({ ...whole, endsOn }, NOW_MS)).toBe('date');
});

test('a birthday ends it only while it lies ahead', () => {
  const child: Words = { ...whole, endsKind: 'age', bornOn: '2012-05-01', years: '18' };
  expect(findFault(child, NOW_MS)).toBeUndefined();
  expect(endsOf(child)).toEqual({ kind: 'age', bornOn: '2012-05-01', years: 18 });
  for (const change of [{ bornOn: '2000-05-01' }, { bornOn: '' }, { years: '' }, { years: '1.5' }, { years: '99' }])
    expect(findFault({ ...child, ...change }, NOW_MS)).toBe('date');
});

test('no end is wanted beyond a year', () => {
  const latestMs = NOW_MS + 365 * DAY_MS;
  expect(untilOf({ ...whole, endsOn: dayOf(NOW_MS + 365 * DAY_MS) }, NOW_MS)).toBe(latestMs);
  expect(untilOf({ ...whole, endsOn: '2026-04-01' }, NOW_MS)).toBe(new Date('2026-04-01T23:59:59.999').getTime());
  expect(untilOf({ ...whole, endsKind: 'age' }, NOW_MS)).toBe(latestMs);
});
