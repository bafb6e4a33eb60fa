import { expect, test } from 'vitest';
import { type GranteeWords, granteeOf } from './grantee-words.ts';

const words: GranteeWords = { place: 'hospital-b', kind: 'organisation', role: 'nurse', person: '' };
const id = 'A'.repeat(22);

test('names an organisation, a profession in it, or one person', () => {
  expect(granteeOf(words)).toEqual({ kind: 'organisation', organisation: 'hospital-b' });
  expect(granteeOf({ ...words, kind: 'role' })).toEqual({ kind: 'role', organisation: 'hospital-b', role: 'nurse' });
  expect(granteeOf({ ...words, kind: 'person', person: ` ${id} ` })).toEqual({
    kind: 'person',
    organisation: 'hospital-b',
    id,
  });
});

test('nobody is named by half a number or by no place', () => {
  expect(granteeOf({ ...words, kind: 'person', person: id.slice(1) })).toBeUndefined();
  expect(granteeOf({ ...words, place: '' })).toBeUndefined();
});
