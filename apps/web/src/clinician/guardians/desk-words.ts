import { emptyWords, findFault, type Words } from '../../patient/access/guardian-words.ts';

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/**
 * What the desk finds filled in: a parent who reads and decides for a child until the child comes of age, by the day of birth
 * on record; for anybody older, or of whom no day is known, an end by date. What was shown is for the desk to say.
 */
export function wordsAtDesk(birthDate: string | null, nowMs: number): Words {
  const empty: Words = { ...emptyWords(nowMs), evidence: '' };
  if (birthDate === null || !DAY.test(birthDate)) return empty;
  const parent: Words = { ...empty, relation: 'parent', scope: ['read', 'consent'] };
  const child: Words = { ...parent, endsKind: 'age', bornOn: birthDate };
  const isMinor = findFault({ ...child, name: '-', evidence: 'other', evidenceText: '-' }, nowMs) === undefined;
  return isMinor ? child : { ...empty, bornOn: birthDate };
}
