import type { Appointment, GuardianScope } from '@salus/contracts';
import { dayOf } from './draft.ts';

const DAY_MS = 86_400_000;
/** A guardian is appointed for a year at most (contract `patient.appointGuardian`). */
const DAYS_MAX = 365;
const AGE_MAX = 30;

export const RELATIONS = ['parent', 'child', 'spouse', 'relative', 'court', 'other'] as const;

/** What the patient has typed about a guardian so far. */
export interface Words {
  readonly offer: string;
  readonly name: string;
  readonly relation: (typeof RELATIONS)[number];
  readonly scope: readonly GuardianScope[];
  readonly endsKind: 'date' | 'age';
  readonly endsOn: string;
  readonly bornOn: string;
  readonly years: string;
  /** Empty where nobody has said yet. */
  readonly evidence: Appointment['evidence']['kind'] | '';
  readonly evidenceText: string;
}

export function emptyWords(nowMs: number): Words {
  return {
    offer: '',
    name: '',
    relation: 'relative',
    scope: ['read'],
    endsKind: 'date',
    endsOn: dayOf(nowMs + (DAYS_MAX - 1) * DAY_MS),
    bornOn: '',
    years: '18',
    evidence: 'in-person',
    evidenceText: '',
  };
}

/** The first thing that is missing or wrong; the code is looked at by itself. */
export function findFault(words: Words, nowMs: number): 'name' | 'scope' | 'date' | 'evidence' | undefined {
  if (words.name.trim() === '') return 'name';
  if (words.scope.length === 0) return 'scope';
  if (!isEndKnown(words, nowMs)) return 'date';
  return evidenceOf(words) === undefined ? 'evidence' : undefined;
}

/** What was shown, and in which words; undefined while either is missing. */
export function evidenceOf({
  evidence,
  evidenceText,
}: Pick<Words, 'evidence' | 'evidenceText'>): Pick<Appointment['evidence'], 'kind' | 'text'> | undefined {
  const text = evidenceText.trim();
  return evidence === '' || text === '' ? undefined : { kind: evidence, text };
}

export function endsOf({ endsKind, bornOn, years }: Words): Appointment['ends'] {
  return endsKind === 'date' ? { kind: 'date' } : { kind: 'age', bornOn, years: Number(years) };
}

/** The end that is wanted; a birthday may end it earlier. */
export function untilOf({ endsKind, endsOn }: Words, nowMs: number): number {
  const latestMs = nowMs + DAYS_MAX * DAY_MS;
  return endsKind === 'date' ? Math.min(endOfDay(endsOn), latestMs) : latestMs;
}

function isEndKnown({ endsKind, endsOn, bornOn, years }: Words, nowMs: number): boolean {
  if (endsKind === 'date') return endOfDay(endsOn) > nowMs && endOfDay(endsOn) <= nowMs + (DAYS_MAX + 1) * DAY_MS;
  const age = Number(years);
  const born = new Date(`${bornOn}T00:00:00`);
  if (Number.isNaN(born.getTime()) || !Number.isInteger(age) || age < 1 || age > AGE_MAX) return false;
  return new Date(born.getFullYear() + age, born.getMonth(), born.getDate()).getTime() > nowMs;
}

function endOfDay(day: string): number {
  return new Date(`${day}T23:59:59.999`).getTime();
}
