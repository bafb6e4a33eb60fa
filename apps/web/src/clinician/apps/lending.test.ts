import { expect, test } from 'vitest';
import { actOf, HOUR_MS, LENT_HOURS } from './lending.ts';

test('what is lent has words, and what has none is not called something else', () => {
  expect(['record.commit', 'record.correct', 'record.tombstone'].map(actOf)).toEqual([
    'commit',
    'correct',
    'tombstone',
  ]);
  expect(actOf('record.move')).toBeUndefined();
});

test('a name is lent for the shortest time unless somebody chooses, and never for more than twelve hours', () => {
  expect(LENT_HOURS[0]).toBe(Math.min(...LENT_HOURS));
  expect(Math.max(...LENT_HOURS) * HOUR_MS).toBe(12 * 3_600_000);
});
