import type { WardEntry } from '@salus/wallet';
import { expect, it } from 'vitest';
import { actingFor } from './acting.ts';

const own = { organisation: 'hospital-a', pid: 'p'.repeat(22) };
const wardAt = (organisation: string, scope: WardEntry['scope']): WardEntry => ({
  ...{ organisation, scope, pid: organisation.padEnd(22, 'w'), kid: 'k'.repeat(22), untilMs: 1, name: 'My child' },
});
const wards = [wardAt('hospital-a', ['read', 'consent']), wardAt('hospital-b', ['consent'])];

it('a guardian acts at every place of the ward, and reads only where they were appointed to', () => {
  const acting = actingFor('My child', { pids: [own], wards });
  expect(acting).toEqual({ entries: wards, ward: 'My child', readable: [wards[0]] });
  expect(actingFor('My child', { pids: [own], wards: wards.slice(1) }).readable).toEqual([]);
});

it('without a ward, or after the last of them is gone, one acts for oneself', () => {
  const oneself = { entries: [own], ward: null, readable: [own] };
  expect(actingFor(null, { pids: [own], wards })).toEqual(oneself);
  expect(actingFor('My mother', { pids: [own], wards })).toEqual(oneself);
  expect(actingFor('My child', { pids: [own] })).toEqual(oneself);
});
