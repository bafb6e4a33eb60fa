import { isResourceType, type ResourceType } from './resource-table.ts';
import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from './tree.ts';

/** R4 §2.24.0.1, data type `id`. */
export const FHIR_ID = /^[A-Za-z0-9\-.]{1,64}$/;

/**
 * A `Reference.reference` (R4 §2.3.0, references.html):
 * - `local`: `Type/id` or `Type/id/_history/version`, on this server;
 * - `absolute`: the same below another base, `url` being the whole;
 * - `urn`: `urn:uuid:` or `urn:oid:`, an entry of the same bundle;
 * - `contained`: `#id`, or `#` for the containing resource;
 * - `conditional`: `Type?query` (R4 §3.1.0.11.2), in transactions only;
 * - `other`: any other URL.
 */
export type ParsedReference =
  | { readonly kind: 'local'; readonly type: ResourceType; readonly id: string; readonly version?: string }
  | {
      readonly kind: 'absolute';
      readonly url: string;
      readonly base: string;
      readonly type: ResourceType;
      readonly id: string;
    }
  | { readonly kind: 'urn'; readonly urn: string }
  | { readonly kind: 'contained'; readonly id: string }
  | { readonly kind: 'conditional'; readonly type: ResourceType; readonly query: string }
  | { readonly kind: 'other' };

const LOCAL = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;
const CONDITIONAL = /^([A-Z][A-Za-z]{1,63})\?(.+)$/s;
const ABSOLUTE =
  /^(https?:\/\/[^\s?#]{1,1000}\/)([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/;

export function parseReference(reference: string): ParsedReference {
  if (reference.startsWith('#')) return { kind: 'contained', id: reference.slice(1) };
  if (isUrn(reference)) return { kind: 'urn', urn: reference };
  const local = LOCAL.exec(reference);
  if (local && isResourceType(local[1])) {
    const [, type, id = '', version] = local;
    return version === undefined ? { kind: 'local', type, id } : { kind: 'local', type, id, version };
  }
  const conditional = CONDITIONAL.exec(reference);
  if (conditional && isResourceType(conditional[1])) {
    return { kind: 'conditional', type: conditional[1], query: conditional[2] ?? '' };
  }
  const absolute = ABSOLUTE.exec(reference);
  if (absolute && isResourceType(absolute[2])) {
    return { kind: 'absolute', url: reference, base: absolute[1] ?? '', type: absolute[2], id: absolute[3] ?? '' };
  }
  return { kind: 'other' };
}

export function isUrn(text: string): boolean {
  return text.startsWith('urn:uuid:') || text.startsWith('urn:oid:');
}

/** The `reference` strings of the Reference elements at a dotted path, through arrays, in document order. */
export function referencesAt(tree: FhirTree, path: string): readonly string[] {
  let values: readonly FhirValue[] = [tree];
  for (const element of path.split('.')) {
    values = values.flatMap((value) => (isTree(value) ? listOf(value[element]) : []));
  }
  return values.flatMap((value) => (isTree(value) ? (stringOf(value.reference) ?? []) : []));
}
