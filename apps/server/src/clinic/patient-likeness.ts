import { type FhirTree, foldText, phoneticCodes } from '@salus/fhir';
import { textsIn, treesIn } from '../fhir/operations/match-score.ts';

/** What somebody knows of a person whom they look for: each part folded or normalised, absent where nothing was said. */
export interface SoughtPerson {
  /** Folded words of the name, in any order. */
  readonly words: readonly string[];
  /** `YYYY`, `YYYY-MM` or `YYYY-MM-DD`. */
  readonly birthDate?: string;
  /** Digits alone. */
  readonly phone?: string;
  /** The value of any identifier, as it is written. */
  readonly identifier?: string;
  /** Of the Patient resource itself, as a code that the patient shows leads to it. */
  readonly fhirId?: string;
}

/** How well a found Patient fits: 0 to 1, each part counts alike. */
export interface Fit {
  readonly score: number;
  /** What was said agrees to the letter: nothing is misspelt. */
  readonly exact: boolean;
}

export type FitGrade = 'exact' | 'alike' | 'remote';

/** A name that fits so well needs no wider search. */
export const GOOD_FIT = 0.8;
const PREFIX_LETTERS_MIN = 2;
/** One slip for so many letters is a way to write the same name, as other languages write its sounds. */
const LETTERS_PER_SLIP = 3;
const SLIPS_MAX = 4;
/** Words of a name that are looked at: the comparison is quadratic. */
const NAME_WORDS_MAX = 32;
const LETTERS_MAX = 40;

/** Undefined when the person is somebody else: every part that was said has to fit. */
export function fitOf(sought: SoughtPerson, patient: FhirTree): Fit | undefined {
  const { words, birthDate, phone, identifier, fhirId } = sought;
  const parts: number[] = [];
  if (fhirId !== undefined) parts.push(patient.id === fhirId ? 1 : 0);
  if (identifier !== undefined) {
    parts.push(treesIn(patient.identifier).some(({ value }) => value === identifier) ? 1 : 0);
  }
  if (phone !== undefined) parts.push(phonesOf(patient).includes(phone) ? 1 : 0);
  if (birthDate !== undefined) parts.push(dateLikeness(birthDate, textsIn('birthDate')(patient)[0] ?? ''));
  if (words.length > 0) parts.push(nameLikeness(words, patient));
  if (parts.length === 0 || parts.includes(0)) return undefined;
  const score = parts.reduce((sum, part) => sum + part, 0) / parts.length;
  return { score, exact: parts.every((part) => part === 1) };
}

/** `exact`: to the letter; `alike`: by sound, beginning or one slip; `remote`: ask again before you open anything. */
export function gradeOf({ score, exact }: Fit): FitGrade {
  if (exact) return 'exact';
  return score >= GOOD_FIT ? 'alike' : 'remote';
}

/** 0 when one of the words is no word of the name. */
function nameLikeness(words: readonly string[], patient: FhirTree): number {
  const found = nameWordsOf(patient);
  const likenesses = words.map((word) => Math.max(0, ...found.map((other) => wordLikeness(word, other))));
  if (likenesses.includes(0)) return 0;
  return likenesses.reduce((sum, likeness) => sum + likeness, 0) / likenesses.length;
}

/** The words of a name as they are compared: without case and accents, split where people split names. */
export function wordsOf(text: string): readonly string[] {
  return (foldText(text).match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.slice(0, LETTERS_MAX));
}

/** The digits of a telephone number, without the zeros of an international call; empty for what is none. */
export function phoneDigits(text: string): string {
  return text.includes('@') ? '' : text.replaceAll(/\D/g, '').replace(/^00/, '');
}

function phonesOf(patient: FhirTree): readonly string[] {
  return treesIn(patient.telecom).flatMap(textsIn('value')).map(phoneDigits);
}

function nameWordsOf(patient: FhirTree): readonly string[] {
  const texts = treesIn(patient.name).flatMap((name) =>
    ['family', 'given', 'text'].flatMap((part) => textsIn(part)(name)),
  );
  return texts.flatMap(wordsOf).slice(0, NAME_WORDS_MAX);
}

/** 1 the same; less for a beginning, one slip of the key, a like sound, several slips; 0 for another word. */
export function wordLikeness(sought: string, found: string): number {
  if (sought === found) return 1;
  if (sought.length >= PREFIX_LETTERS_MIN && found.startsWith(sought)) return 0.9;
  const slips = slipsBetween(sought, found);
  if (slips === 1 && sought.length > PREFIX_LETTERS_MIN) return 0.85;
  const codes = new Set(phoneticCodes(found));
  if (phoneticCodes(sought).some((code) => codes.has(code))) return 0.8;
  return slips <= Math.min(Math.floor(sought.length / LETTERS_PER_SLIP), SLIPS_MAX) ? 0.6 : 0;
}

/** 1 the same or a part of it; less with day and month exchanged, or one digit wrong; else 0. */
function dateLikeness(sought: string, found: string): number {
  if (found.startsWith(sought)) return 1;
  const [year, month, day] = sought.split('-');
  if (day !== undefined && found === `${year}-${day}-${month}`) return 0.7;
  const wrong = [...sought].filter((digit, at) => digit !== found[at]).length;
  return sought.length === found.length && wrong === 1 ? 0.6 : 0;
}

/** Letters left out, added, changed or exchanged with their neighbour (optimal string alignment). */
function slipsBetween(a: string, b: string): number {
  let [before, row]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + change);
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (exchanged) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
