import { describe, expect, it } from 'vitest';
import { GoFormError, GoMessage } from './go-message.ts';

const message = (...bytes: readonly number[]): GoMessage => new GoMessage(Uint8Array.from(bytes));

describe('a message as Go reads it', () => {
  it('merges a message that stands there repeatedly', () => {
    // Field 1: {1: 'a'}, then {2: 'b'}.
    const merged = message(0x0a, 3, 0x0a, 1, 0x61, 0x0a, 3, 0x12, 1, 0x62).message(1);
    expect([merged.text(1), merged.text(2)]).toEqual(['a', 'b']);
  });

  it('takes the last of repeated bytes and numbers, also where it is the default', () => {
    const read = message(0x0a, 1, 0x61, 0x10, 5, 0x0a, 0, 0x10, 0);
    expect([read.text(1), read.int32(2)]).toEqual(['', 0]);
    expect(read.repeated(1).length).toBe(2);
  });

  it('does not know a field of another wire type than its own', () => {
    const read = message(0x0a, 1, 0x61, 0x08, 7);
    expect([read.text(1), read.int32(1)]).toEqual(['a', 7]);
    expect(read.has(2)).toBe(false);
  });

  it('reads numbers of needless length, negative ones, and truncates to 32 bits', () => {
    expect(message(0x08, 0x83, 0x80, 0x00).int32(1)).toBe(3);
    expect(message(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01).int32(1)).toBe(-1);
    expect(message(0x08, 0x83, 0x80, 0x80, 0x80, 0x10).int32(1)).toBe(3);
    expect(message(0x08, 0x80, 0x80, 0x80, 0x80, 0x10).bool(1)).toBe(true);
  });

  it('passes over groups and fixed numbers', () => {
    expect(
      message(0x1b, 0x0a, 1, 0x62, 0x1c, 0x25, 1, 2, 3, 4, 0x29, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 1, 0x61).text(1),
    ).toBe('a');
  });

  it.each([
    ['a number that is cut off', [0x08, 0x80]],
    ['a number of more than 64 bits', [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]],
    ['bytes that are cut off', [0x0a, 2, 0x61]],
    ['field 0', [0x02, 0]],
    ['a group that does not end', [0x1b, 0x0a, 0]],
    ['a group that ends as another one', [0x1b, 0x24]],
    ['an end without group', [0x1c]],
    ['a wire type that is none', [0x0e]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => message(...bytes)).toThrow(GoFormError);
  });

  it('refuses a text that is no UTF-8', () => {
    expect(() => message(0x0a, 1, 0xff).text(1)).toThrow(GoFormError);
  });
});
