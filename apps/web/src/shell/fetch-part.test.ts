import { describe, expect, it } from 'vitest';
import { fetchPart } from './fetch-part.ts';

/** A part that comes at the given attempt. */
function comingAt(attempt: number) {
  let attempts = 0;
  return {
    load: async () => {
      attempts += 1;
      if (attempts < attempt) throw new TypeError(`attempt ${attempts}`);
      return attempts;
    },
    attempts: () => attempts,
  };
}

describe('a part of the app', () => {
  it('is fetched once where it comes', async () => {
    const part = comingAt(1);
    expect(await fetchPart(part.load, [0, 0])).toBe(1);
    expect(part.attempts()).toBe(1);
  });

  it('is asked for again while a node is away', async () => {
    expect(await fetchPart(comingAt(3).load, [0, 0])).toBe(3);
  });

  it('fails with what the last attempt said, after a bounded number of them', async () => {
    const part = comingAt(9);
    await expect(fetchPart(part.load, [0, 0])).rejects.toThrow('attempt 3');
    expect(part.attempts()).toBe(3);
  });
});
