import type { ValueSetComposeInclude, ValueSetComposeIncludeFilter } from '@medplum/fhirtypes';
import { type Concept, type ShippedCodeSystem, terminology } from './terminology-store.ts';
import { isUcumUnit, UCUM } from './ucum.ts';

/** `unknown`: what is shipped does not tell, for example of a SNOMED CT code selected by its place in the hierarchy. */
export type Membership = 'yes' | 'no' | 'unknown';

/** Value sets that include each other. */
const IMPORT_DEPTH_MAX = 8;

/**
 * Is the code in the value set (R4 §4.9.6, value set composition)? Without a system, is there any system for which it is?
 */
export function membershipOf(valueSetUrl: string, system: string | undefined, code: string, depth = 0): Membership {
  const valueSet = terminology().valueSets.get(valueSetUrl.split('|')[0] ?? valueSetUrl);
  if (valueSet?.compose === undefined || depth > IMPORT_DEPTH_MAX) return 'unknown';
  const included = any(valueSet.compose.include.map((part) => inPart(part, system, code, depth)));
  if (included === 'no') return 'no';
  const excluded = any((valueSet.compose.exclude ?? []).map((part) => inPart(part, system, code, depth)));
  if (excluded === 'yes') return 'no';
  return excluded === 'unknown' ? 'unknown' : included;
}

function inPart(part: ValueSetComposeInclude, system: string | undefined, code: string, depth: number): Membership {
  const imported = (part.valueSet ?? []).map((url) => membershipOf(url, system, code, depth + 1));
  return part.system === undefined ? all(imported) : all([inSystem(part, part.system, system, code), ...imported]);
}

function inSystem(
  part: ValueSetComposeInclude,
  partSystem: string,
  system: string | undefined,
  code: string,
): Membership {
  if (system !== undefined && system !== partSystem) return 'no';
  if (part.concept !== undefined) return part.concept.some((one) => one.code === code) ? 'yes' : 'no';
  const shipped = terminology().codeSystems.get(partSystem);
  if (shipped === undefined) return inUnshipped(part, partSystem, code);
  const concept = conceptOf(shipped, code);
  if (concept === undefined) return 'no';
  return all((part.filter ?? []).map((filter) => passes(shipped, concept, filter)));
}

/** Systems that have a grammar instead of a list (R4 §4.3.0): the code's form is all that can be told. */
function inUnshipped(part: ValueSetComposeInclude, system: string, code: string): Membership {
  if (system === UCUM) return isUcumUnit(code) ? (part.filter === undefined ? 'yes' : 'unknown') : 'no';
  if (system === 'urn:iso:std:iso:4217') return /^[A-Z]{3}$/.test(code) ? 'unknown' : 'no';
  if (system === 'urn:ietf:bcp:47') return /^[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*$/.test(code) ? 'unknown' : 'no';
  return 'unknown';
}

/** A concept of a shipped system, in the case the system asks for. */
export function conceptOf(system: ShippedCodeSystem, code: string): Concept | undefined {
  const exact = system.concepts.get(code);
  if (exact !== undefined || system.caseSensitive) return exact;
  const folded = code.toLowerCase();
  for (const [key, concept] of system.concepts) if (key.toLowerCase() === folded) return concept;
  return undefined;
}

/** One filter of a composition, for the operators that the shipped value sets use. */
export function passes(system: ShippedCodeSystem, concept: Concept, filter: ValueSetComposeIncludeFilter): Membership {
  const { property, op, value } = filter;
  if (property === 'concept' || property === 'code') {
    if (op === 'is-a') return told(concept.code === value || isBelow(system, concept, value));
    if (op === 'descendent-of') return told(isBelow(system, concept, value));
    if (op === 'is-not-a') return told(concept.code !== value && !isBelow(system, concept, value));
    if (op === '=') return told(concept.code === value);
    if (op === 'in') return told(value.split(',').includes(concept.code));
    return 'unknown';
  }
  const own = property === undefined ? undefined : concept.properties.get(property);
  return op === '=' && own !== undefined ? told(own === value) : 'unknown';
}

/** Levels of a hierarchy: HL7's have fewer than twenty. */
const HIERARCHY_DEPTH_MAX = 64;

function isBelow(system: ShippedCodeSystem, concept: Concept, ancestor: string): boolean {
  let at = concept.parent;
  for (let depth = 0; at !== undefined && depth < HIERARCHY_DEPTH_MAX; depth++) {
    if (at === ancestor) return true;
    at = system.concepts.get(at)?.parent;
  }
  return false;
}

function told(is: boolean): Membership {
  return is ? 'yes' : 'no';
}

function any(parts: readonly Membership[]): Membership {
  if (parts.includes('yes')) return 'yes';
  return parts.includes('unknown') ? 'unknown' : 'no';
}

function all(parts: readonly Membership[]): Membership {
  if (parts.includes('no')) return 'no';
  return parts.includes('unknown') ? 'unknown' : 'yes';
}
