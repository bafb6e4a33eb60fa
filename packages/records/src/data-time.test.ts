import { expect, test } from 'vitest';
import { careFactsOf } from './care-facts.ts';
import { dataTimeOf } from './data-time.ts';

const span = (from: string | null, to: string | null) => ({
  fromMs: from === null ? null : Date.parse(from),
  toMs: to === null ? null : Date.parse(to),
});

test.each([
  ['2020', '2020-01-01T00:00:00Z', '2020-12-31T23:59:59.999Z'],
  ['2020-02', '2020-02-01T00:00:00Z', '2020-02-29T23:59:59.999Z'],
  ['2020-12', '2020-12-01T00:00:00Z', '2020-12-31T23:59:59.999Z'],
  ['2020-12-31', '2020-12-31T00:00:00Z', '2020-12-31T23:59:59.999Z'],
  ['2020-12-31T10:00:00+02:00', '2020-12-31T08:00:00Z', '2020-12-31T08:00:00Z'],
])('%s covers all that it names', (text, from, to) => {
  expect(dataTimeOf({ resourceType: 'Observation', effectiveDateTime: text })).toEqual(span(from, to));
});

test('prefers when something happened to when it was written down', () => {
  const observation = { resourceType: 'Observation', issued: '2021-01-01T00:00:00Z', effectiveDateTime: '2019-05-05' };
  expect(dataTimeOf(observation)).toEqual(span('2019-05-05T00:00:00Z', '2019-05-05T23:59:59.999Z'));
});

test('leaves the open end of a period open, and a resource without time unknown', () => {
  const encounter = { resourceType: 'Encounter', period: { start: '2020-01-01' } };
  expect(dataTimeOf(encounter)).toEqual(span('2020-01-01T00:00:00Z', null));
  expect(dataTimeOf({ resourceType: 'Patient' })).toEqual(span(null, null));
  expect(dataTimeOf({ resourceType: 'Observation', effectiveDateTime: 'yesterday' })).toEqual(span(null, null));
});

test('sees care relationships of open resources only, of local practitioners only, each once', () => {
  const participant = (reference: string) => ({ individual: { reference } });
  const encounter = (status: string) => ({
    resourceType: 'Encounter',
    status,
    period: { start: '2020-01-01T00:00:00Z' },
    participant: [
      participant('Practitioner/a'),
      participant('Practitioner/a'),
      participant('https://x.org/Practitioner/b'),
    ],
  });
  expect(careFactsOf(encounter('in-progress'))).toEqual([
    { kind: 'encounter', actor: 'Practitioner/a', fromMs: Date.parse('2020-01-01T00:00:00Z'), untilMs: null },
  ]);
  for (const status of ['finished', 'cancelled', 'entered-in-error'])
    expect(careFactsOf(encounter(status))).toEqual([]);
  const order = {
    resourceType: 'ServiceRequest',
    status: 'active',
    requester: { reference: 'Practitioner/a' },
    performer: [{ reference: 'Practitioner/c' }],
  };
  expect(careFactsOf(order).map(({ kind, actor }) => [kind, actor])).toEqual([
    ['order', 'Practitioner/a'],
    ['referral', 'Practitioner/c'],
  ]);
  expect(careFactsOf({ resourceType: 'Observation', status: 'final' })).toEqual([]);
});
