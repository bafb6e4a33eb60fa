import type { ResolvedBundle, WrittenEntry } from './bundle.ts';
import { type Classification, classify } from './classify.ts';
import { FhirError } from './fhir-error.ts';
import { type Owner, type OwnerOfReference, ownerOf } from './owner.ts';
import { parseReference } from './reference.ts';
import type { FhirTree } from './tree.ts';

/** Resources between a record that names no patient and one that does: a Provenance of a Task on an Observation is 2. */
export const OWNER_HOPS_MAX = 16;

export type ClassifiedEntry = WrittenEntry & { readonly classification: Classification };

/**
 * Classifies what a bundle writes. Records that name no patient (a Provenance, a Binary) take the owner of what they
 * point at: another entry, else what `elsewhere` knows of the repository.
 *
 * @throws FhirError `owner-unknown`, with the entry in the expression.
 */
export function classifyBundle(bundle: ResolvedBundle, elsewhere?: OwnerOfReference): readonly ClassifiedEntry[] {
  const written = writtenIn(bundle);
  const owners = ownersWithin(written, elsewhere);
  return written.map((entry) => {
    try {
      return { ...entry, classification: classify(entry.resource, owners) };
    } catch (error) {
      if (!(error instanceof FhirError)) throw error;
      const place = error.expression?.replace(/^[A-Za-z]+/, '') ?? '';
      throw new FhirError(error.code, error.message, `Bundle.entry[${entry.index}].resource${place}`);
    }
  });
}

/** `Type/id` of the resources outside the bundle whose owners `classifyBundle` will ask for: few records need another to tell theirs. */
export function ownersSought(bundle: ResolvedBundle): readonly string[] {
  const sought = new Set<string>();
  const written = writtenIn(bundle);
  const owners = ownersWithin(written, (reference) => {
    const parsed = parseReference(reference);
    if (parsed.kind !== 'local') return undefined;
    sought.add(`${parsed.type}/${parsed.id}`);
    // An answer that lets all references of a resource be looked at: an unknown one would end the search.
    return { kind: 'organisation' };
  });
  for (const { resource } of written) ownerOrUndefined(resource, owners);
  return [...sought];
}

function writtenIn({ entries }: ResolvedBundle): readonly WrittenEntry[] {
  return entries.filter((entry) => entry.kind === 'create' || entry.kind === 'update');
}

function ownersWithin(written: readonly WrittenEntry[], elsewhere: OwnerOfReference | undefined): OwnerOfReference {
  const resources = new Map<string, FhirTree>(written.map(({ type, id, resource }) => [`${type}/${id}`, resource]));
  const known = new Map<string, Owner | undefined>();
  let hops = 0;
  const ownerOfReference: OwnerOfReference = (reference) => {
    const parsed = parseReference(reference);
    const name = parsed.kind === 'local' ? `${parsed.type}/${parsed.id}` : reference;
    if (known.has(name)) return known.get(name);
    const resource = resources.get(name);
    if (resource === undefined) return elsewhere?.(reference);
    if (hops >= OWNER_HOPS_MAX) return undefined;
    // Set before it is known: resources that only point at each other belong to nobody.
    known.set(name, undefined);
    hops++;
    const owner = ownerOrUndefined(resource, ownerOfReference);
    hops--;
    known.set(name, owner);
    return owner;
  };
  return ownerOfReference;
}

function ownerOrUndefined(resource: FhirTree, ownerOfReference: OwnerOfReference): Owner | undefined {
  try {
    return ownerOf(resource, ownerOfReference);
  } catch (error) {
    if (error instanceof FhirError && error.code === 'owner-unknown') return undefined;
    throw error;
  }
}
