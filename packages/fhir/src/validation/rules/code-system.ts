import { type FhirTree, stringOf } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import { isAbsoluteUrl } from '../primitive-format.ts';
import { objectsAt } from './trees.ts';

const PROPERTIES = 'http://hl7.org/fhir/concept-properties#';
/** Concept properties that FHIR defines (R4 §4.8.13), with the type of their values. */
const DEFINED: ReadonlyMap<string, string> = new Map([
  ['inactive', 'boolean'],
  ['status', 'code'],
  ['effectiveDate', 'dateTime'],
  ['deprecationDate', 'dateTime'],
  ['retirementDate', 'dateTime'],
  ['notSelectable', 'boolean'],
  ['parent', 'code'],
  ['child', 'code'],
  ['partOf', 'code'],
  ['synonym', 'code'],
  ['comment', 'string'],
  ['itemWeight', 'decimal'],
]);

/** A CodeSystem (R4 §4.8): properties are defined once and used as defined, codes are unique, counts are true. */
export function checkCodeSystem(walk: Walk, system: FhirTree, path: string): void {
  const types = checkProperties(walk, system, path);
  const codes = new Set<string>();
  checkConcepts(walk, system, types, codes, path);
  const content = stringOf(system.content);
  if (content === 'supplement' && system.supplements === undefined) {
    walk.findings.error('business-rule', 'a supplement names the code system that it supplements', path);
  }
  if (system.supplements !== undefined && content !== undefined && content !== 'supplement') {
    walk.findings.error(
      'business-rule',
      "CodeSystem Supplements SHALL have a content value of 'supplement'",
      `${path}.content`,
    );
  }
  if (content === 'not-present' && system.concept !== undefined) {
    walk.findings.error(
      'invalid',
      'the code system says it has no content present, but concepts are found',
      `${path}.concept[0]`,
    );
  }
  if (content === 'complete' && typeof system.count === 'number' && system.count !== codes.size) {
    walk.findings.error(
      'invalid',
      'the code system is complete, but the number of concepts is not the stated one',
      `${path}.count`,
    );
  }
}

function checkProperties(walk: Walk, system: FhirTree, path: string): ReadonlyMap<string, string> {
  const uris = new Set<string>();
  const types = new Map<string, string>();
  for (const [property, at] of objectsAt(system, 'property', path)) {
    const uri = stringOf(property.uri);
    const code = stringOf(property.code) ?? '';
    const type = stringOf(property.type) ?? '';
    if (uri !== undefined) checkUri(walk, uri, code, type, uris, at);
    if (types.has(code)) walk.findings.error('business-rule', 'a property is already defined with this code', at);
    else types.set(code, type);
  }
  return types;
}

function checkUri(walk: Walk, uri: string, code: string, type: string, uris: Set<string>, at: string): void {
  if (!isAbsoluteUrl(uri)) walk.findings.error('business-rule', 'a property URI must be an absolute URI', `${at}.uri`);
  if (uris.has(uri)) walk.findings.error('business-rule', 'a property is already defined with this URI', at);
  uris.add(uri);
  const name = uri.startsWith(PROPERTIES) ? uri.slice(PROPERTIES.length) : undefined;
  const expected = name === undefined ? undefined : DEFINED.get(name);
  if (expected === undefined) return;
  if (DEFINED.has(code) && code !== name)
    walk.findings.error('business-rule', 'the URI is that of another property', at);
  if (type !== expected) walk.findings.error('business-rule', 'the URI identifies a property of another type', at);
}

/** csd-1 in one pass; the nesting of concepts is bounded by the parser. */
function checkConcepts(
  walk: Walk,
  within: FhirTree,
  types: ReadonlyMap<string, string>,
  codes: Set<string>,
  path: string,
): void {
  for (const [concept, at] of objectsAt(within, 'concept', path)) {
    const code = stringOf(concept.code);
    if (code !== undefined && codes.has(code)) {
      walk.findings.error(
        'invariant',
        'Constraint csd-1 not met: Within a code system definition, all the codes SHALL be unique',
        at,
      );
    }
    if (code !== undefined) codes.add(code);
    for (const [property, place] of objectsAt(concept, 'property', at)) {
      const defined = types.get(stringOf(property.code) ?? '');
      const json = Object.keys(property).find((key) => /^value[A-Z]/.test(key));
      if (
        defined !== undefined &&
        json !== undefined &&
        json.slice('value'.length).toLowerCase() !== defined.toLowerCase()
      ) {
        walk.findings.error('business-rule', 'the value of a property has the type of its definition', place);
      }
    }
    checkConcepts(walk, concept, types, codes, at);
  }
}
