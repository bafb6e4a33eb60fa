import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { nameOf } from '../../fhir/name.ts';
import type { PatientCard } from '../clinic-api.ts';

/** The card of a Patient that was opened, as a search shows it. */
export function cardOf(patient: FhirTree): Omit<PatientCard, 'pid'> {
  const phone = listOf(patient.telecom).find(
    (point): point is FhirTree => isTree(point) && (point.system === 'phone' || point.system === 'sms'),
  );
  const address = listOf(patient.address).find(isTree);
  const identifiers = listOf(patient.identifier).flatMap((one) => (isTree(one) ? (stringOf(one.value) ?? []) : []));
  const digits = stringOf(phone?.value)?.replaceAll(/\D/g, '').slice(-3);
  return {
    fhirId: stringOf(patient.id) ?? '',
    name: nameOf(patient) ?? '',
    birthDate: stringOf(patient.birthDate) ?? null,
    gender: stringOf(patient.gender) ?? null,
    city: stringOf(address?.city) ?? null,
    phoneEnd: digits ?? null,
    identifiers: identifiers.slice(0, 5),
  };
}
