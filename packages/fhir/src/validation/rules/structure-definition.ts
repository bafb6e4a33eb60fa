import { parsePath } from '../../fhirpath/parse-path.ts';
import { FhirPathSyntaxError } from '../../fhirpath/tokens.ts';
import { type FhirTree, isTree, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { objectsAt } from './trees.ts';

/** `fixedString`, `patternCodeableConcept`: a value of one of the element's types. */
const VALUE = /^(?:fixed|pattern|defaultValue|minValue|maxValue)([A-Z][A-Za-z0-9]*)$/;

/** A StructureDefinition (R4 §5.1): its elements are of its type, its values of theirs, its constraints FHIRPath. */
export function checkStructureDefinition(walk: Walk, definition: FhirTree, path: string): void {
  const type = stringOf(definition.type)?.split('/').at(-1);
  if (type !== 'Extension' && definition.derivation === 'constraint' && definition.context !== undefined) {
    walk.findings.error('business-rule', 'only an extension has contexts', `${path}.context`);
  }
  for (const view of ['snapshot', 'differential']) {
    const elements = definition[view];
    if (!isTree(elements)) continue;
    for (const [element, at] of objectsAt(elements, 'element', `${path}.${view}`))
      checkElement(walk, element, type, at);
  }
}

function checkElement(walk: Walk, element: FhirTree, type: string | undefined, at: string): void {
  const path = stringOf(element.path) ?? '';
  if (type !== undefined && path !== type && !path.startsWith(`${type}.`)) {
    walk.findings.error('business-rule', 'the path must start with the type of the structure', `${at}.path`);
  }
  if (element.slicing !== undefined && !path.includes('.')) {
    walk.findings.error('business-rule', 'slicing is not allowed at the root of a profile', `${at}.slicing`);
  }
  checkValues(walk, element, at);
  for (const [constraint, place] of objectsAt(element, 'constraint', at)) {
    if (typeof constraint.expression === 'string' && !isPath(constraint.expression)) {
      walk.findings.error('invalid', 'the expression of the constraint is not valid FHIRPath', `${place}.expression`);
    }
  }
}

function checkValues(walk: Walk, element: FhirTree, at: string): void {
  const types = objectsAt(element, 'type', at).flatMap(([{ code }]) => (typeof code === 'string' ? [code] : []));
  // Without types the element has those of its base, which may be anywhere.
  if (types.length === 0 || types.some((code) => code.includes(':') || code === 'Resource' || code === 'Element'))
    return;
  const names = new Set(types.map((code) => code.toLowerCase()));
  for (const key of Object.keys(element)) {
    const stated = VALUE.exec(key)?.[1];
    if (stated !== undefined && !names.has(stated.toLowerCase())) {
      walk.findings.error('business-rule', 'the value is not of a type that the element has', `${at}.${key}`);
    }
  }
}

function isPath(expression: string): boolean {
  try {
    parsePath(expression);
    return true;
  } catch (error) {
    if (error instanceof FhirPathSyntaxError) return false;
    throw error;
  }
}
