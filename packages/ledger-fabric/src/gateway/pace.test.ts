import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

it('waits for a transaction as long as an election takes, and longer on a slow channel, within bounds', () => {
  const pace = new Pace();
  expect(pace.patienceMs).toBe(2_500);
  for (let at = 0; at < 50; at += 1) pace.note(100);
  expect(pace.patienceMs).toBe(2_500);
  for (let at = 0; at < 50; at += 1) pace.note(2_000);
  expect(pace.patienceMs).toBeCloseTo(8_000, -1);
  for (let at = 0; at < 50; at += 1) pace.note(60_000);
  expect(pace.patienceMs).toBe(10_000);
});
