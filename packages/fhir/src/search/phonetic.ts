import { doubleMetaphone } from 'double-metaphone';
import { foldText } from './fold-text.ts';
import type { SearchParameter } from './search-parameter.ts';

/** Words of a person's names that count. */
const WORDS_MAX = 64;

/** The parameter that compares by sound. */
export function isPhonetic({ code, type }: SearchParameter): boolean {
  return type === 'string' && code === 'phonetic';
}

/** How the words of a name sound (Double Metaphone, both readings of each word); words in other scripts have none. */
export function phoneticCodes(text: string): readonly string[] {
  const codes = new Set<string>();
  for (const word of wordsOf(text)) for (const code of codesOf(word)) codes.add(code);
  return [...codes];
}

/** Does every word that is wanted sound like one of the text? */
export function soundsLike(text: string, wanted: string): boolean {
  const codes = new Set(phoneticCodes(text));
  const words = wordsOf(wanted);
  return words.length > 0 && words.every((word) => codesOf(word).some((code) => codes.has(code)));
}

function wordsOf(text: string): readonly string[] {
  return (foldText(text).match(/[\p{L}]+/gu) ?? []).slice(0, WORDS_MAX);
}

function codesOf(word: string): readonly string[] {
  return doubleMetaphone(word).filter((code) => code !== '');
}
