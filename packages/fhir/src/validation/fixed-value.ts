import { type FhirValue, isList, isTree, numberLiteral } from '../tree.ts';

/** R4 §2.27.1.6 `fixed[x]`: the same value, nothing more and nothing less. */
export function equalsFixed(value: FhirValue | undefined, fixed: FhirValue | undefined): boolean {
  return matches(value, fixed, true);
}

/** `pattern[x]`: at least what the pattern has; each item of its lists matches one of the value's. */
export function matchesPattern(value: FhirValue | undefined, pattern: FhirValue | undefined): boolean {
  return matches(value, pattern, false);
}

function matches(value: FhirValue | undefined, expected: FhirValue | undefined, exactly: boolean): boolean {
  if (isList(expected)) {
    if (!isList(value) || (exactly && value.length !== expected.length)) return false;
    return exactly
      ? expected.every((one, index) => matches(value[index], one, true))
      : expected.every((one) => value.some((item) => matches(item, one, false)));
  }
  if (isTree(expected)) {
    if (!isTree(value)) return false;
    if (exactly && Object.keys(value).length !== Object.keys(expected).length) return false;
    return Object.keys(expected).every((key) => matches(value[key], expected[key], exactly));
  }
  const [a, b] = [numberLiteral(value), numberLiteral(expected)];
  return a !== undefined && b !== undefined ? Number(a) === Number(b) : value === expected;
}
