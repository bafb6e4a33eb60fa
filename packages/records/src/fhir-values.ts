import type { FhirValue } from '@salus/fhir';

/** An element that may be absent, one or many, as a list. */
export function itemsOf(value: FhirValue | undefined): readonly FhirValue[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? (value as readonly FhirValue[]) : [value as FhirValue];
}

/** The text of an element, or the empty string for anything else. */
export function textOf(value: FhirValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
