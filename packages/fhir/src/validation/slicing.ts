import { membershipOf } from '../terminology/membership.ts';
import { type FhirValue, isTree, listOf } from '../tree.ts';
import type { Typed } from './check-profile.ts';
import { equalsFixed, matchesPattern } from './fixed-value.ts';
import type { Discriminator, ElementRule } from './structures.ts';
import { planOf } from './type-plan.ts';

/** Does a value satisfy a rule of its own? */
type Conforms = (rule: ElementRule, one: Typed) => boolean;

/** Is a value of the slice, by every discriminator (R4 §5.1.0.12)? */
export function matchesSlice(
  slice: ElementRule,
  discriminators: readonly Discriminator[],
  one: Typed,
  conforms: Conforms,
): boolean {
  if (discriminators.length === 0) return conforms(slice, one);
  return discriminators.every(({ type, path }) => {
    if (type === 'type') return matchesType(slice, path, one);
    const rules = rulesAt(slice, path);
    const values = valuesAt(one, path);
    if (type === 'exists') return rules.some(({ max }) => max === 0) ? values.length === 0 : values.length > 0;
    return matchesValue(rules, values, conforms);
  });
}

/** The value must be what some rule at the path fixes, or binds; where none does, it must conform to the rules there. */
function matchesValue(rules: readonly ElementRule[], values: readonly Typed[], conforms: Conforms): boolean {
  const deciding = rules.filter(decides);
  if (deciding.length > 0) return values.some((one) => deciding.some((rule) => matchesDeciding(rule, one.value)));
  const inner = rules.filter(({ children }) => children.length > 0);
  return inner.length > 0 && values.some((one) => inner.some((rule) => conforms(rule, one)));
}

function decides({ fixed, pattern, binding }: ElementRule): boolean {
  return fixed !== undefined || pattern !== undefined || binding?.strength === 'required';
}

function matchesDeciding({ fixed, pattern, binding }: ElementRule, value: FhirValue): boolean {
  if (fixed !== undefined) return equalsFixed(value, fixed);
  if (pattern !== undefined) return matchesPattern(value, pattern);
  if (binding === undefined) return false;
  const codings = isTree(value) ? (value.coding === undefined ? [value] : listOf(value.coding)) : [{ code: value }];
  return codings.some((coding) => {
    if (!isTree(coding) || typeof coding.code !== 'string') return false;
    const system = typeof coding.system === 'string' ? coding.system : undefined;
    return membershipOf(binding.valueSet, system, coding.code) === 'yes';
  });
}

function matchesType(slice: ElementRule, path: string, one: Typed): boolean {
  const types = rulesAt(slice, path).flatMap((rule) => rule.types.map(({ code }) => code));
  return valuesAt(one, path).some(({ type }) => types.includes(type));
}

/** The rules of a slice at a discriminator's path; where an element on the way is sliced, those of its slices. */
function rulesAt(slice: ElementRule, path: string): readonly ElementRule[] {
  let rules: readonly ElementRule[] = [slice];
  for (const name of stepsOf(path)) {
    rules = rules.flatMap(({ children }) =>
      children.filter((child) => child.name === name).flatMap((child) => [child, ...child.slices]),
    );
  }
  return rules;
}

function valuesAt(one: Typed, path: string): readonly Typed[] {
  let values: readonly Typed[] = [one];
  for (const name of stepsOf(path)) {
    values = values.flatMap(({ value, type, path: at }) => {
      if (!isTree(value)) return [];
      return (planOf(type)?.elements.get(name) ?? []).flatMap((property) =>
        listOf(value[property.json]).map((child) => ({ value: child, type: property.type, path: at })),
      );
    });
  }
  return values;
}

/** `$this`, `code.coding`, `extension('url').value`, `resolve()`: plain steps; functions of it end nowhere and so match nothing. */
function stepsOf(path: string): readonly string[] {
  return path.split('.').filter((step) => step !== '$this' && step !== '');
}
