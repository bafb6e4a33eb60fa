import { emptyWords, findFault, type Words } from '../../patient/access/guardian-words.ts';

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/**
 * What the desk finds filled in: a parent who reads and decides for a child until the child comes of age, by the day of birth
 * on record; for anybody older, or of whom no day is known, an end by date.
 */
export function wordsAtDesk(birthDate: string | null, nowMs: number): Words {
  const empty: Words = { ...emptyWords(nowMs), scope: ['read', 'consent'], evidence: 'birth-certificate' };
  if (birthDate === null || !DAY.test(birthDate)) return empty;
  const child: Words = { ...empty, relation: 'parent', endsKind: 'age', bornOn: birthDate };
  const isMinor = findFault({ ...child, name: '-', evidenceText: '-' }, nowMs) === undefined;
  return isMinor ? child : { ...empty, bornOn: birthDate };
}
