import { hash } from 'node:crypto';
import { type FhirTree, type FhirValue, isTree, stringifyFhirJson } from '@salus/fhir';

/** SHA-256 over a form of the bundle that does not depend on white space and the order of keys. Never leaves the process. */
export function bundleDigest(bundle: FhirTree): string {
  return hash('sha256', stringifyFhirJson(sorted(bundle) as FhirTree), 'base64url');
}

/** The same value with the keys of its objects in order: the platform writes it faster than anything here could. */
function sorted(value: FhirValue | undefined): FhirValue {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(sorted);
  if (!isTree(value)) return value;
  const copy: Record<string, FhirValue> = {};
  for (const key of sortedKeys(value)) copy[key] = sorted(value[key]);
  return copy;
}

/** In the order of UTF-16 code units. A validated object has few keys: putting each in its place costs half of what `sort` does. */
function sortedKeys(value: FhirTree): readonly string[] {
  const keys = Object.keys(value);
  for (let at = 1; at < keys.length; at += 1) {
    const key = keys[at]!;
    let place = at;
    for (; place > 0 && keys[place - 1]! > key; place -= 1) keys[place] = keys[place - 1]!;
    keys[place] = key;
  }
  return keys;
}
