import { expect, it } from 'vitest';
import { localInput, localMs, tomorrowAtNine } from './local-time.ts';

it('says a moment by the reader’s clock, and finds it again to the minute', () => {
  for (const ms of [Date.UTC(2026, 0, 31, 23, 59), Date.UTC(2026, 5, 1, 0, 0), Date.UTC(2024, 1, 29, 12, 30)]) {
    expect(localMs(localInput(ms))).toBe(ms);
  }
  expect(localMs('')).toBeNaN();
});

it('proposes nine o’clock of the next day', () => {
  const proposed = new Date(tomorrowAtNine(Date.UTC(2026, 11, 31, 12)));
  expect([proposed.getHours(), proposed.getMinutes()]).toEqual([9, 0]);
  expect(proposed.getTime()).toBeGreaterThan(Date.UTC(2026, 11, 31, 12));
});
