import { type FhirTree, type FhirValue, foldText, isTree } from '@salus/fhir';

export type MatchGrade = 'certain' | 'probable' | 'possible';

export interface MatchScore {
  /** 0 to 1. */
  readonly score: number;
  readonly grade: MatchGrade;
}

/** What agreement in each is worth, of what both name. */
const WEIGHTS = { family: 0.3, given: 0.2, birthDate: 0.3, gender: 0.05, telecom: 0.1, address: 0.05 } as const;
/** Less evidence than a name and a birth date have is none. */
const EVIDENCE_MIN = 0.5;
const PROBABLE_MIN = 0.85;
const POSSIBLE_MIN = 0.6;
const CERTAIN_SCORE = 1;
/** A shared identifier lifts what else is only alike; alone, with another name and date, it may be a typing error. */
const IDENTIFIER_BONUS = 0.4;

/**
 * How alike two Patient resources are (R4 operation-patient-match.html): certain when an identifier and a name or the birth date
 * agree and nothing that both name contradicts them; undefined when too little agrees to be shown.
 */
export function scoreOf(asked: FhirTree, found: FhirTree): MatchScore | undefined {
  const shared = hasShared(identifiersOf(asked), identifiersOf(found));
  let evidence = 0;
  let agreed = 0;
  for (const [name, likeness] of likenesses(asked, found)) {
    if (likeness === undefined) continue;
    evidence += WEIGHTS[name];
    agreed += WEIGHTS[name] * likeness;
  }
  const ratio = evidence === 0 ? 0 : agreed / evidence;
  const isSupported = agreed > 0 && ratio >= POSSIBLE_MIN;
  if (shared && isSupported) return { score: CERTAIN_SCORE, grade: 'certain' };
  if (!shared && evidence < EVIDENCE_MIN) return undefined;
  // Never more than probable: two people may share a name and a birth date.
  const score = Math.min(shared ? ratio + IDENTIFIER_BONUS : ratio, 0.99);
  if (score >= PROBABLE_MIN) return { score, grade: 'probable' };
  return score >= POSSIBLE_MIN ? { score, grade: 'possible' } : undefined;
}

type Likeness = readonly [name: keyof typeof WEIGHTS, likeness: number | undefined];

function likenesses(asked: FhirTree, found: FhirTree): readonly Likeness[] {
  const names = [treesIn(asked.name), treesIn(found.name)] as const;
  return [
    ['family', best(names[0].flatMap(textsIn('family')), names[1].flatMap(textsIn('family')), likeText)],
    ['given', best(names[0].flatMap(textsIn('given')), names[1].flatMap(textsIn('given')), likeText)],
    ['birthDate', best(textsIn('birthDate')(asked), textsIn('birthDate')(found), likeDate)],
    ['gender', best(textsIn('gender')(asked), textsIn('gender')(found), same)],
    [
      'telecom',
      best(
        treesIn(asked.telecom).flatMap(textsIn('value')),
        treesIn(found.telecom).flatMap(textsIn('value')),
        likePhone,
      ),
    ],
    [
      'address',
      best(
        treesIn(asked.address).flatMap(textsIn('postalCode')),
        treesIn(found.address).flatMap(textsIn('postalCode')),
        same,
      ),
    ],
  ];
}

/** The best pair; undefined where one side names nothing. */
function best(
  asked: readonly string[],
  found: readonly string[],
  like: (left: string, right: string) => number,
): number | undefined {
  if (asked.length === 0 || found.length === 0) return undefined;
  return Math.max(...asked.flatMap((left) => found.map((right) => like(left, right))));
}

function same(left: string, right: string): number {
  return left === right ? 1 : 0;
}

function likeText(left: string, right: string): number {
  const [a, b] = [foldText(left), foldText(right)];
  if (a === b) return 1;
  if (a.startsWith(b) || b.startsWith(a)) return 0.8;
  return isOneEditApart(a, b) ? 0.7 : 0;
}

/** A slip of the key, or day and month exchanged, is alike; a year alone agrees with any day of it. */
function likeDate(left: string, right: string): number {
  if (left === right) return 1;
  if (left.startsWith(right) || right.startsWith(left)) return 0.7;
  const [year, month, day] = left.split('-');
  if (right === `${year}-${day}-${month}`) return 0.7;
  return left.length === right.length && differences(left, right) === 1 ? 0.5 : 0;
}

function likePhone(left: string, right: string): number {
  const [a, b] = [left.replaceAll(/[^0-9a-z@]/gi, ''), right.replaceAll(/[^0-9a-z@]/gi, '')];
  return a !== '' && a === b ? 1 : 0;
}

function isOneEditApart(a: string, b: string): boolean {
  const [short, long] = a.length <= b.length ? [a, b] : [b, a];
  if (long.length - short.length > 1 || short.length < 3) return false;
  let at = 0;
  while (at < short.length && short[at] === long[at]) at += 1;
  const rest = short.length === long.length ? short.slice(at + 1) : short.slice(at);
  return rest === long.slice(at + 1);
}

function differences(left: string, right: string): number {
  return [...left].filter((character, at) => character !== right[at]).length;
}

/** `system|value` of each identifier that has both. */
export function identifiersOf({ identifier }: FhirTree): readonly string[] {
  return treesIn(identifier).flatMap(({ system, value }) =>
    typeof system === 'string' && typeof value === 'string' ? [`${system}|${value}`] : [],
  );
}

function hasShared(left: readonly string[], right: readonly string[]): boolean {
  return left.some((value) => right.includes(value));
}

export function treesIn(value: FhirValue | undefined): readonly FhirTree[] {
  return Array.isArray(value) ? (value as readonly FhirValue[]).filter(isTree) : [];
}

/** The strings at an element, one or many. */
export function textsIn(element: string): (tree: FhirTree) => readonly string[] {
  return (tree) => {
    const value = tree[element];
    const list = Array.isArray(value) ? (value as readonly FhirValue[]) : [value];
    return list.filter((text) => typeof text === 'string' && text !== '') as readonly string[];
  };
}
