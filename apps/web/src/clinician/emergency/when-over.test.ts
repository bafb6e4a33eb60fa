import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { whenOver } from './when-over.ts';

const HOUR_MS = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

it('tells once that the time is over, and not before', () => {
  const onOver = vi.fn<() => void>();
  whenOver(HOUR_MS, onOver);
  vi.advanceTimersByTime(HOUR_MS - 1_000);
  expect(onOver).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(onOver).toHaveBeenCalledTimes(1);
});

it('tells it after a sleep in which no timer ran, and never to whoever has left', () => {
  const [slept, left] = [vi.fn<() => void>(), vi.fn<() => void>()];
  whenOver(HOUR_MS, slept);
  whenOver(HOUR_MS, left)();
  vi.setSystemTime(9 * HOUR_MS);
  vi.advanceTimersByTime(1_000);
  expect(slept).toHaveBeenCalledTimes(1);
  expect(left).not.toHaveBeenCalled();
});
