import { type FhirTree, stringOf } from '@salus/fhir/parse';
import { codingsOf } from './concept.ts';

/** The state of a resource as its FHIR code: a condition's or allergy's clinical status, else `status`. */
export function statusOf(resource: FhirTree): string | undefined {
  return codingsOf(resource.clinicalStatus)[0]?.code ?? stringOf(resource.status);
}

const OVER = new Set(['resolved', 'inactive', 'remission', 'completed', 'stopped', 'cancelled', 'revoked', 'ended']);

/** Whether what the resource tells of is over (a resolved problem, a stopped medicine). */
export function isOver(resource: FhirTree): boolean {
  return OVER.has(statusOf(resource) ?? '');
}

/** Written in error: it is shown struck through and counts for nothing (R4 §2.1.27.4, `entered-in-error`). */
export function isEnteredInError(resource: FhirTree): boolean {
  return (
    stringOf(resource.status) === 'entered-in-error' ||
    codingsOf(resource.verificationStatus).some(({ code }) => code === 'entered-in-error')
  );
}

/** How an Observation's author judged its value: `H`, `L`, `HH`, `A`, `N` … (HL7 v3 ObservationInterpretation). */
export function interpretationOf(observation: FhirTree): string | undefined {
  return codingsOf(observation.interpretation)[0]?.code;
}
