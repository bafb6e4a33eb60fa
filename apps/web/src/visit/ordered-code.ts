import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';

/** The code of the ordered test. */
export function orderedCode(order: FhirTree | undefined): string | undefined {
  const code = order?.code;
  const [coding] = isTree(code) ? listOf(code.coding).filter(isTree) : [];
  return stringOf(coding?.code);
}
