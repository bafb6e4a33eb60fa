import { type FhirTree, type FhirValue, isList, isTree } from '../tree.ts';
import { checkBinding } from './bindings.ts';
import { checkInvariants, type Walk } from './check-element.ts';
import { Findings } from './findings.ts';
import { equalsFixed, matchesPattern } from './fixed-value.ts';
import type { Place } from './place.ts';
import { matchesSlice } from './slicing.ts';
import type { Constraint, ElementRule } from './structures.ts';
import { planOf } from './type-plan.ts';

/** A value with the type that a profile's rules are applied to. */
export interface Typed {
  readonly value: FhirValue;
  readonly type: string;
  readonly path: string;
}

/**
 * Checks what a profile says beyond the type it constrains (R4 §5.1): the type itself has been checked before. Sub-rules
 * go as deep as the snapshot does.
 */
export function checkRules(walk: Walk, rule: ElementRule, { value, type, path }: Typed, place: Place): void {
  if (walk.findings.full || !isTree(value)) return;
  checkInvariants(walk, own(rule, planOf(type)?.rule), { value, type }, path, place);
  for (const child of rule.children) checkChild(walk, child, value, type, path, place);
}

/** Constraints that the type has not already. */
function own(rule: ElementRule, base: ElementRule | undefined): readonly Constraint[] {
  const known = new Set(base?.constraints.map(({ key }) => key));
  return rule.constraints.filter(({ key }) => !known.has(key));
}

function checkChild(
  walk: Walk,
  rule: ElementRule,
  parent: FhirTree,
  parentType: string,
  path: string,
  place: Place,
): void {
  const values = valuesOf(rule, parent, parentType, path);
  const at = `${path}.${rule.name}`;
  checkCount(walk, rule, values.length, at);
  if (rule.slicing !== undefined && rule.slices.length > 0) checkSlices(walk, rule, values, at, place);
  const base = planOf(parentType)?.elements.get(rule.name)?.[0]?.rule;
  for (const one of values) checkValue(walk, rule, base, one, place);
}

function checkCount(walk: Walk, { min, max, sliceName }: ElementRule, count: number, at: string): void {
  const what = sliceName === undefined ? '' : ` of the slice ${sliceName}`;
  if (count < min) walk.findings.error('required', `the profile asks for at least ${min}${what}`, at);
  if (count > max) walk.findings.error('structure', `the profile allows at most ${max}${what}`, at);
}

function checkValue(walk: Walk, rule: ElementRule, base: ElementRule | undefined, one: Typed, place: Place): void {
  const { value, type, path } = one;
  if (rule.choice && rule.types.length > 0 && !rule.types.some(({ code }) => code === type)) {
    walk.findings.error('structure', 'the profile does not allow a value of this type', path);
    return;
  }
  if (rule.fixed !== undefined && !equalsFixed(value, rule.fixed)) {
    walk.findings.error('value', 'the value is not the one that the profile fixes', path);
  }
  if (rule.pattern !== undefined && !matchesPattern(value, rule.pattern)) {
    walk.findings.error('value', 'the value does not match the pattern of the profile', path);
  }
  // R4's vital signs bind component.value[x] to units whatever its type: of a choice a binding says nothing (an erratum).
  if (rule.binding !== undefined && rule.types.length < 2 && rule.binding.valueSet !== base?.binding?.valueSet) {
    checkBinding(walk, rule.binding, type, value, path);
  }
  checkInvariants(walk, own(rule, base), { value, type }, path, place);
  if (rule.children.length > 0) checkRules(walk, { ...rule, constraints: [] }, one, place);
}

/** Each value belongs to the first slice that it matches; slices count on their own (R4 §5.1.0.11). */
function checkSlices(walk: Walk, rule: ElementRule, values: readonly Typed[], at: string, place: Place): void {
  const discriminators = rule.slicing?.discriminators ?? [];
  const conforms = (sub: ElementRule, one: Typed): boolean => {
    const findings = new Findings();
    checkValue({ ...walk, findings }, sub, undefined, one, place);
    return !findings.hasErrors;
  };
  const members = new Map<ElementRule, Typed[]>(rule.slices.map((slice) => [slice, []]));
  for (const one of values) {
    const slice = rule.slices.find((candidate) => matchesSlice(candidate, discriminators, one, conforms));
    if (slice !== undefined) members.get(slice)?.push(one);
    else if (rule.slicing?.closed === true)
      walk.findings.error('structure', 'the profile allows only what its slices describe', one.path);
  }
  for (const [slice, matched] of members) {
    checkCount(walk, slice, matched.length, at);
    for (const one of matched) checkValue(walk, slice, undefined, one, place);
  }
}

/** The values of an element in the JSON of its parent, whichever property of a choice they stand under. */
export function valuesOf(rule: ElementRule, parent: FhirTree, parentType: string, path: string): readonly Typed[] {
  const properties = planOf(parentType)?.elements.get(rule.name) ?? [];
  return properties.flatMap(({ json, type, primitive }) => {
    const value = parent[json];
    const partner = primitive ? parent[`_${json}`] : undefined;
    const at = `${path}.${rule.name}`;
    if (value === undefined) return isTree(partner) ? [{ value: null, type, path: at }] : [];
    if (!isList(value)) return [{ value, type: typeOf(value, type), path: at }];
    return value.map((one, index) => ({ value: one, type: typeOf(one, type), path: `${at}[${index}]` }));
  });
}

function typeOf(value: FhirValue, type: string): string {
  return type === 'Resource' && isTree(value) && typeof value.resourceType === 'string' ? value.resourceType : type;
}
