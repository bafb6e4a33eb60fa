import { expect, test } from 'vitest';
import { endsOf } from '../../patient/access/guardian-words.ts';
import { wordsAtDesk } from './desk-words.ts';

const NOW_MS = new Date('2026-03-10T12:00:00').getTime();

test('for a child the desk proposes a parent, until the child comes of age', () => {
  const words = wordsAtDesk('2015-07-01', NOW_MS);
  expect(words).toMatchObject({ relation: 'parent', scope: ['read', 'consent'], evidence: 'birth-certificate' });
  expect(endsOf(words)).toEqual({ kind: 'age', bornOn: '2015-07-01', years: 18 });
});

test('for whoever is of age, or of whom no day of birth is known, it proposes an end by date', () => {
  for (const birthDate of ['1950-01-01', '2008-03-10', '2015', null]) {
    expect(endsOf(wordsAtDesk(birthDate, NOW_MS)), String(birthDate)).toEqual({ kind: 'date' });
  }
});

test('nothing of what shows it is filled in', () => {
  expect(wordsAtDesk('2015-07-01', NOW_MS)).toMatchObject({ offer: '', name: '', evidenceText: '' });
});
