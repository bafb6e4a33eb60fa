import { membershipOf } from '../terminology/membership.ts';
import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '../tree.ts';
import type { Walk } from './check-element.ts';
import type { ElementRule } from './structures.ts';

const NOT_IN = 'the code is not in the required value set';
const NO_CODE = 'No code provided, and a code is required from the value set';

type Binding = NonNullable<ElementRule['binding']>;

/**
 * Required bindings of what is not a plain `code` (those belong to the shape of a type): at least one coding must be in
 * the value set (R4 §4.1.5.1). What the shipped terminology cannot tell is let pass.
 */
export function checkBinding(
  walk: Walk,
  { strength, valueSet }: Binding,
  type: string,
  value: FhirValue,
  path: string,
): void {
  if (strength !== 'required') return;
  if (typeof value === 'string') {
    if (type !== 'code' && type !== 'string' && type !== 'uri') return;
    if (membershipOf(valueSet, undefined, value) === 'no') walk.findings.error('code-invalid', NOT_IN, path);
  } else if (isTree(value)) {
    if (type === 'CodeableConcept') checkConcept(walk, valueSet, value, path);
    else if (type === 'Coding' || type === 'Quantity') checkCoding(walk, valueSet, value, path);
  }
}

function checkConcept(walk: Walk, valueSet: string, concept: FhirTree, path: string): void {
  const codings = listOf(concept.coding).filter(isTree);
  if (codings.length === 0) {
    walk.findings.error('code-invalid', NO_CODE, path);
    return;
  }
  if (codings.every((coding) => isOutside(valueSet, coding))) {
    walk.findings.error('code-invalid', 'none of the codings is in the required value set', path);
  }
}

function checkCoding(walk: Walk, valueSet: string, coding: FhirTree, path: string): void {
  if (isOutside(valueSet, coding)) walk.findings.error('code-invalid', NOT_IN, path);
}

function isOutside(valueSet: string, coding: FhirTree): boolean {
  const code = stringOf(coding.code);
  if (code === undefined) return false;
  const system = stringOf(coding.system);
  // A code without its system means nothing (R4 §2.24.0.10), so it is in no value set.
  return membershipOf(valueSet, system ?? '', code) === 'no';
}
