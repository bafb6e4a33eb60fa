import { parseFields, parseHash, parseId, parseInteger, parseNullable, parseOneOf, parseText } from '../args.ts';
import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';

export const GUARDIAN_VERSION = 'salus:guardian:v1';
/** What a guardian may be allowed: to read the record, to decide on consent, to dispute entries, to share by link. */
export const GUARDIAN_SCOPES = ['read', 'consent', 'dispute', 'share'] as const;
export type GuardianScope = (typeof GUARDIAN_SCOPES)[number];
export const EVIDENCE_KINDS = ['document', 'court-order', 'birth-certificate', 'in-person', 'other'] as const;

const NAME = /^[^\p{Cc}]{1,200}$/u;
const TEXT = /^[^\p{Cc}]{0,2000}$/u;
const DAY = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const YEARS_MAX = 30;
const DAY_MS = 86_400_000;

/** Who the guardian is, by what evidence, and what ends it; private: the ledger holds a commitment. */
export type Appointment = {
  readonly version: typeof GUARDIAN_VERSION;
  readonly network: string;
  readonly pid: string;
  /** The guardian's device key. */
  readonly kid: string;
  readonly guardian: { readonly name: string; readonly relation: string };
  readonly evidence: {
    readonly kind: (typeof EVIDENCE_KINDS)[number];
    readonly text: string;
    /** SHA-256 of the document that was shown. */
    readonly digest: string | null;
  };
  /** `age`: not beyond the birthday on which the patient is so many years old. */
  readonly ends: { readonly kind: 'date' } | { readonly kind: 'age'; readonly bornOn: string; readonly years: number };
};

export type AppointmentPrivate = { readonly appointed: Appointment; readonly salt: string };

/** What the ledger holds of an appointment: hashTuple('guardian', salt, appointed). */
export function guardianCommitment(
  pure: { hashTuple(use: string, ...items: readonly Json[]): string },
  { appointed, salt }: AppointmentPrivate,
): string {
  return pure.hashTuple('guardian', salt, appointed as unknown as Json);
}

export function parseAppointmentPrivate(values: Json): AppointmentPrivate {
  const { appointed, salt } = parseFields(values, 'private', ['appointed', 'salt']);
  return { appointed: parseAppointment(appointed), salt: parseHash(salt, 'private.salt') };
}

/** `commitment-mismatch`, `terms-mismatch`, `guardian-age`. */
export function checkAppointment(
  context: Context,
  args: { readonly pid: string; readonly kid: string; readonly untilMs: number; readonly commitment: string },
  priv: AppointmentPrivate,
): void {
  const { appointed } = priv;
  demand(guardianCommitment(context.pure, priv) === args.commitment, 'commitment-mismatch');
  const own = appointed.network === context.network && appointed.pid === args.pid && appointed.kid === args.kid;
  demand(own, 'terms-mismatch');
  const { ends } = appointed;
  if (ends.kind === 'age') demand(args.untilMs <= birthdayMs(ends.bornOn, ends.years), 'guardian-age');
}

/** `args-invalid` where nothing is said of what was shown. */
export function demandEvidence({ evidence }: Appointment): void {
  const isSaid = evidence.digest !== null || evidence.text.trim() !== '';
  demand(isSaid, 'args-invalid', 'private.appointed.evidence must have a text or a digest');
}

/** The start (UTC) of the day on which somebody born on `bornOn` (YYYY-MM-DD) becomes `years` old; `args-invalid` for no day. */
export function birthdayMs(bornOn: string, years: number): number {
  const [, year = '', month = '', day = ''] = DAY.exec(bornOn) ?? [];
  demand(year !== '', 'args-invalid', 'private.appointed.ends.bornOn must be YYYY-MM-DD');
  return daysFromCivil(Number(year) + years, Number(month), Number(day)) * DAY_MS;
}

/** Days since 1970-01-01 of a date in the proleptic Gregorian calendar; 29 February of a common year is 1 March. */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const monthFromMarch = (month + 9) % 12;
  const dayOfYear = Math.floor((153 * monthFromMarch + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  // 719,468 days lie between 0000-03-01 and 1970-01-01.
  return era * 146_097 + dayOfEra - 719_468;
}

function parseAppointment(value: Json): Appointment {
  const name = 'private.appointed';
  const fields = parseFields(value, name, ['version', 'network', 'pid', 'kid', 'guardian', 'evidence', 'ends']);
  const guardian = parseFields(fields.guardian, `${name}.guardian`, ['name', 'relation']);
  const evidence = parseFields(fields.evidence, `${name}.evidence`, ['kind', 'text', 'digest']);
  const named = '1 to 200 characters without controls';
  return {
    version: parseOneOf(fields.version, `${name}.version`, [GUARDIAN_VERSION]),
    network: parseId(fields.network, `${name}.network`),
    pid: parseId(fields.pid, `${name}.pid`),
    kid: parseId(fields.kid, `${name}.kid`),
    guardian: {
      name: parseText(guardian.name, `${name}.guardian.name`, NAME, named),
      relation: parseText(guardian.relation, `${name}.guardian.relation`, NAME, named),
    },
    evidence: {
      kind: parseOneOf(evidence.kind, `${name}.evidence.kind`, EVIDENCE_KINDS),
      text: parseText(evidence.text, `${name}.evidence.text`, TEXT, 'at most 2000 characters without controls'),
      digest: parseNullable(evidence.digest, `${name}.evidence.digest`, parseHash),
    },
    ends: parseEnds(fields.ends, `${name}.ends`),
  };
}

function parseEnds(value: Json, name: string): Appointment['ends'] {
  const { kind } = parseFields(value, name, ['kind'], ['bornOn', 'years']);
  if (parseOneOf(kind, `${name}.kind`, ['date', 'age']) === 'date') {
    parseFields(value, name, ['kind']);
    return { kind: 'date' };
  }
  const { bornOn, years } = parseFields(value, name, ['kind', 'bornOn', 'years']);
  return {
    kind: 'age',
    bornOn: parseText(bornOn, `${name}.bornOn`, DAY, 'a day as YYYY-MM-DD'),
    years: parseInteger(years, `${name}.years`, { min: 1, max: YEARS_MAX }),
  };
}
