import { expect, test } from 'vitest';
import { endsOf, findFault } from '../../patient/access/guardian-words.ts';
import { wordsAtDesk } from './desk-words.ts';

const NOW_MS = new Date('2026-03-10T12:00:00').getTime();

test('for a child the desk proposes a parent, until the child comes of age', () => {
  const words = wordsAtDesk('2015-07-01', NOW_MS);
  expect(words).toMatchObject({ relation: 'parent', scope: ['read', 'consent'] });
  expect(endsOf(words)).toEqual({ kind: 'age', bornOn: '2015-07-01', years: 18 });
});

test('for whoever is of age, or of whom no day of birth is known, it proposes an end by date', () => {
  for (const birthDate of ['1950-01-01', '2008-03-10', '2015', null]) {
    expect(endsOf(wordsAtDesk(birthDate, NOW_MS)), String(birthDate)).toEqual({ kind: 'date' });
  }
});

test('nothing of what shows it is filled in, for a child or anybody else, and without it nothing is signed', () => {
  for (const birthDate of ['2015-07-01', '1950-01-01', null]) {
    const words = wordsAtDesk(birthDate, NOW_MS);
    expect(words).toMatchObject({ offer: '', name: '', evidence: '', evidenceText: '' });
    const typed = { ...words, name: 'Greta Parent', evidenceText: 'No. 4711' };
    expect(findFault(typed, NOW_MS), String(birthDate)).toBe('evidence');
    expect(findFault({ ...typed, evidence: 'document' }, NOW_MS)).toBeUndefined();
  }
});

test('for whoever is of age no more than reading is ticked', () => {
  expect(wordsAtDesk('1950-01-01', NOW_MS).scope).toEqual(['read']);
});
