import { describe, expect, it } from 'vitest';
import { kindOfKey, placeOf, prefixesOf } from './ledger-search.ts';

describe('what is typed into the explorer', () => {
  it('leads to a block, a call, a subject or a fact by its form', () => {
    expect(placeOf(' 12 ')).toBe('/steward/ledger/blocks/12');
    expect(placeOf('A'.repeat(43))).toBe(`/steward/ledger/calls/${'A'.repeat(43)}`);
    expect(placeOf('b'.repeat(22))).toBe(`/steward/ledger/subjects/${'b'.repeat(22)}`);
    expect(placeOf('record/epoch/pid:x')).toBe('/steward/ledger/facts/record%2Fepoch%2Fpid%3Ax');
  });

  it('leads nowhere for what no ledger knows', () => {
    for (const typed of ['', 'hospital', '-1', '1.5', 'A'.repeat(44), 'a b/c', '9'.repeat(16)]) {
      expect(placeOf(typed)).toBeUndefined();
    }
  });

  it('finds every place of a pseudonym, each of a kind that has words', () => {
    const prefixes = prefixesOf('p'.repeat(22));
    expect(prefixes).toContain(`grant/${'p'.repeat(22)}/`);
    expect(prefixes.every((prefix) => kindOfKey(prefix) !== undefined)).toBe(true);
    expect(kindOfKey('access/root/x')).toBeUndefined();
  });
});
