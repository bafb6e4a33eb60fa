import { conceptOf, membershipOf } from './membership.ts';
import { type Concept, type ShippedCodeSystem, terminology } from './terminology-store.ts';
import { isUcumUnit, UCUM } from './ucum.ts';

export interface CodeQuestion {
  readonly system: string | undefined;
  readonly code: string;
  readonly display: string | undefined;
}

/** `unknown` and `not-supported` as of `expandValueSet`. */
export type CodeAnswer =
  | {
      readonly kind: 'answered';
      readonly result: boolean;
      readonly message: string | undefined;
      readonly display: string | undefined;
    }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'not-supported' };

/** `ValueSet/$validate-code` (R4 operation-valueset-validate-code.html). */
export function validateCodeIn(valueSetUrl: string, { system, code, display }: CodeQuestion): CodeAnswer {
  if (!terminology().valueSets.has(valueSetUrl.split('|', 1)[0] ?? valueSetUrl)) return { kind: 'unknown' };
  const membership = membershipOf(valueSetUrl, system, code);
  if (membership === 'unknown') return { kind: 'not-supported' };
  if (membership === 'no') return answer(false, 'The code is not in the value set.', undefined);
  const concept = system === undefined ? undefined : findConcept(system, code)?.concept;
  return judged(concept, display);
}

/** `CodeSystem/$validate-code` (R4 operation-codesystem-validate-code.html). */
export function validateCodeOf(system: string, { code, display }: Omit<CodeQuestion, 'system'>): CodeAnswer {
  if (system === UCUM)
    return answer(isUcumUnit(code), isUcumUnit(code) ? undefined : 'The code is no unit of UCUM.', undefined);
  const shipped = terminology().codeSystems.get(system.split('|', 1)[0] ?? system);
  if (shipped === undefined) return { kind: 'unknown' };
  const concept = conceptOf(shipped, code);
  return concept === undefined
    ? answer(false, 'The code is not in the code system.', undefined)
    : judged(concept, display);
}

/** A concept of a code system that R4 ships. */
export function findConcept(
  system: string,
  code: string,
): { readonly system: ShippedCodeSystem; readonly concept: Concept } | undefined {
  const shipped = terminology().codeSystems.get(system.split('|', 1)[0] ?? system);
  const concept = shipped === undefined ? undefined : conceptOf(shipped, code);
  return shipped === undefined || concept === undefined ? undefined : { system: shipped, concept };
}

/** Is this a code system that R4 ships? */
export function isShippedSystem(system: string): boolean {
  return terminology().codeSystems.has(system.split('|', 1)[0] ?? system);
}

function judged(concept: Concept | undefined, display: string | undefined): CodeAnswer {
  if (display === undefined || concept?.display === undefined) return answer(true, undefined, concept?.display);
  const names = [concept.display, ...concept.designations].map((name) => name.toLowerCase());
  return names.includes(display.toLowerCase())
    ? answer(true, undefined, concept.display)
    : answer(false, 'The display is not one of the code.', concept.display);
}

function answer(result: boolean, message: string | undefined, display: string | undefined): CodeAnswer {
  return { kind: 'answered', result, message, display };
}
