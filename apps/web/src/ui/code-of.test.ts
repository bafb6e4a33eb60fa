import { describe, expect, it } from 'vitest';
import { codeOf } from './code-of.ts';

describe('the code that a failure shows', () => {
  it('is the one of our own errors', () => {
    expect(codeOf(Object.assign(new Error('x'), { code: 'grant-ended' }))).toBe('grant-ended');
  });

  it('is nothing of what other errors say', () => {
    expect(codeOf(new Error('Ann Example has a cold'))).toBeUndefined();
    expect(codeOf(Object.assign(new Error('x'), { code: 'Ann Example' }))).toBeUndefined();
    expect(codeOf({ code: 7 })).toBeUndefined();
    expect(codeOf(null)).toBeUndefined();
  });
});
