import type { FhirTree } from '@salus/fhir';
import { textsIn, treesIn } from '../fhir/operations/match-score.ts';
import * as schema from '../http/schemas.ts';

const IDENTIFIERS_MAX = 5;

/** What tells one person from another before anything else of theirs is opened. */
export interface PatientCard {
  readonly fhirId: string;
  readonly pid: string;
  readonly name: string;
  readonly birthDate: string | null;
  readonly gender: string | null;
  readonly city: string | null;
  /** The last digits of a telephone number, to compare with what the person says. */
  readonly phoneEnd: string | null;
  readonly identifiers: readonly string[];
}

const PHONE_END_DIGITS = 3;

export function cardOf(patient: FhirTree, { fhirId, pid }: Pick<PatientCard, 'fhirId' | 'pid'>): PatientCard {
  const [phone] = treesIn(patient.telecom)
    .filter(({ system }) => system === 'phone' || system === 'sms')
    .flatMap(textsIn('value'));
  return {
    fhirId,
    pid,
    name: nameOf(patient),
    birthDate: textsIn('birthDate')(patient)[0] ?? null,
    gender: textsIn('gender')(patient)[0] ?? null,
    city: treesIn(patient.address).flatMap(textsIn('city'))[0] ?? null,
    phoneEnd: phone === undefined ? null : phone.replaceAll(/\D/g, '').slice(-PHONE_END_DIGITS),
    identifiers: treesIn(patient.identifier).flatMap(textsIn('value')).slice(0, IDENTIFIERS_MAX),
  };
}

/** The official name, else the first. */
function nameOf(patient: FhirTree): string {
  const names = treesIn(patient.name);
  const name = names.find(({ use }) => use === 'official') ?? names[0];
  if (name === undefined) return '';
  const [text] = textsIn('text')(name);
  return text ?? [...textsIn('given')(name), ...textsIn('family')(name)].join(' ');
}

const { fhirId, id, list, nullable, object, text } = schema;

export const patientCard = object({
  fhirId,
  pid: id,
  name: text(1_000),
  birthDate: nullable(text(10)),
  gender: nullable(text(16)),
  city: nullable(text(500)),
  phoneEnd: nullable(text(PHONE_END_DIGITS)),
  identifiers: list(text(1_000), IDENTIFIERS_MAX),
});
