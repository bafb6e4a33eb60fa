import { type CompiledPath, compilePath, type Surroundings } from '../fhirpath/compile-path.ts';
import { truthOf } from '../fhirpath/functions.ts';
import type { Item } from '../fhirpath/item.ts';
import type { Constraint } from './structures.ts';

/** An invariant of the definitions, compiled. */
export interface Invariant {
  readonly key: string;
  readonly severity: 'error' | 'warning';
  /** The specification's own sentence. */
  readonly human: string;
  readonly holds: (item: Item, surroundings: Surroundings) => boolean;
}

/**
 * Invariants that other rules of this package check, because FHIRPath says it wrongly or at great cost:
 * ref-1, dom-3, obs-7, que-2, csd-1 and bdl-7 compare with everything else in the resource, txt-1 and txt-2 read markup.
 */
const CHECKED_ELSEWHERE: ReadonlySet<string> = new Set([
  'ref-1',
  'dom-3',
  'bdl-7',
  'txt-1',
  'txt-2',
  'que-2',
  'csd-1',
  'obs-7',
]);

/**
 * R4's published expressions that say something else than their sentence, as errata and the HL7 validator repair them.
 * An expression without its element is empty, which is not true, so what is optional must be asked for first.
 */
const REPAIRED: Readonly<Record<string, string>> = {
  'que-7': "operator = 'exists' implies (answer is boolean)",
  'que-12': 'enableWhen.count() >= 2 implies enableBehavior.exists()',
  'vs-1': '($this is dateTime).not() or ($this as dateTime).toString().length() >= 8',
  'opd-3': "targetProfile.exists() implies (type = 'Reference' or type = 'canonical' or type.matches('^[A-Z]'))",
  'rng-2':
    'low.value.empty() or high.value.empty() or (low.code != high.code) or (low.unit != high.unit) or (low <= high)',
  'con-3':
    "(verificationStatus.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-ver-status' and code='entered-in-error').empty() and category.coding.where(system='http://terminology.hl7.org/CodeSystem/condition-category' and code='problem-list-item').exists()) implies clinicalStatus.exists()",
  'dom-6': '(%rootResource != $this) or text.`div`.exists()',
  'eld-19':
    "path.matches('^[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\.[^\\\\s\\\\.,:;\\\\\\'\"\\\\/|?!@#$%&*()\\\\[\\\\]{}]{1,64}(\\\\[x\\\\])?(\\\\:[^\\\\s\\\\.]+)?)*$')",
  'eld-20': "path.matches('^[A-Za-z][A-Za-z0-9]*(\\\\.[a-z][A-Za-z0-9]*(\\\\[x])?)*$')",
};
const COMPUTABLE_NAME = "name.matches('[A-Z]([A-Za-z0-9_]){0,254}')";
const COMPUTABLE_NAME_REPAIRED = "name.exists() implies name.matches('^[A-Z]([A-Za-z0-9_]){0,254}$')";
const compiled = new Map<string, CompiledPath>();
const cache = new WeakMap<readonly Constraint[], readonly Invariant[]>();

/** The constraints of an element, compiled at their first use. */
export function invariantsOf(constraints: readonly Constraint[]): readonly Invariant[] {
  let invariants = cache.get(constraints);
  if (invariants === undefined) {
    invariants = constraints
      .filter(({ key }) => !CHECKED_ELSEWHERE.has(key))
      .map(({ key, severity, human, expression }) => {
        const holds = pathOf(expressionOf(key, expression));
        return { key, severity, human, holds: (item, surroundings) => truthOf(holds(item, surroundings)) };
      });
    cache.set(constraints, invariants);
  }
  return invariants;
}

function expressionOf(key: string, expression: string): string {
  return expression === COMPUTABLE_NAME ? COMPUTABLE_NAME_REPAIRED : (REPAIRED[key] ?? expression);
}

function pathOf(expression: string): CompiledPath {
  let path = compiled.get(expression);
  if (path === undefined) {
    path = compilePath(expression);
    compiled.set(expression, path);
  }
  return path;
}
