import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';

/** Where a reference leads, `Type/id` without version or server; undefined for a contained, logical or foreign one. */
export function referenceOf(value: FhirValue | undefined): string | undefined {
  if (!isTree(value)) return undefined;
  const [, found] =
    /(?:^|\/)([A-Z][A-Za-z]+\/[A-Za-z0-9.-]{1,64})(?:\/_history\/[^/]+)?$/.exec(stringOf(value.reference) ?? '') ?? [];
  return found;
}

/** Where several references lead. */
export function referencesOf(values: FhirValue | undefined): readonly string[] {
  return listOf(values).flatMap((value) => referenceOf(value) ?? []);
}

/** `Type/id` of a resource itself. */
export function nameOfResource(resource: FhirTree): string {
  return `${stringOf(resource.resourceType) ?? ''}/${stringOf(resource.id) ?? ''}`;
}
