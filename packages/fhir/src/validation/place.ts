import type { Surroundings } from '../fhirpath/compile-path.ts';
import { type Item, resourceItem } from '../fhirpath/item.ts';
import type { FhirTree } from '../tree.ts';
import { isTree, listOf, stringOf } from '../tree.ts';

/** Where a check stands: the resource it is in, what contains that, and the bundle around it. */
export interface Place extends Surroundings {
  readonly tree: FhirTree;
  readonly root: FhirTree;
  readonly isContained: boolean;
  readonly bundle: BundleIndex | undefined;
}

/** The entries of a bundle by what references may name them. */
export interface BundleIndex {
  readonly byFullUrl: ReadonlyMap<string, FhirTree>;
  readonly byLocal: ReadonlyMap<string, FhirTree>;
}

export function rootPlace(tree: FhirTree, bundle: BundleIndex | undefined): Place {
  return placeOf(tree, tree, bundle, false);
}

export function containedPlace(tree: FhirTree, outside: Place): Place {
  return placeOf(tree, outside.root, outside.bundle, true);
}

function placeOf(tree: FhirTree, root: FhirTree, bundle: BundleIndex | undefined, isContained: boolean): Place {
  const rootResource = resourceItem(root);
  return {
    tree,
    root,
    isContained,
    bundle,
    resource: tree === root ? rootResource : resourceItem(tree),
    rootResource,
    resolve: (reference): Item | undefined => {
      const target = targetOf(reference, root, bundle);
      return target === undefined ? undefined : resourceItem(target);
    },
  };
}

/** What a reference leads to, inside the same resource or bundle. */
export function targetOf(reference: string, root: FhirTree, bundle: BundleIndex | undefined): FhirTree | undefined {
  if (reference === '#') return root;
  if (reference.startsWith('#')) return containedById(root, reference.slice(1));
  if (bundle === undefined) return undefined;
  const bare = reference.split('#', 1)[0] ?? reference;
  return bundle.byFullUrl.get(bare) ?? bundle.byLocal.get(bare.replace(/\/_history\/[^/]*$/, ''));
}

const containedByRoot = new WeakMap<FhirTree, ReadonlyMap<string, FhirTree>>();

/** A contained resource, found without going through all of them for every reference. */
function containedById(root: FhirTree, id: string): FhirTree | undefined {
  let byId = containedByRoot.get(root);
  if (byId === undefined) {
    const contained = listOf(root.contained).filter(isTree);
    byId = new Map(contained.flatMap((one) => (typeof one.id === 'string' ? [[one.id, one]] : [])));
    containedByRoot.set(root, byId);
  }
  return byId.get(id);
}

const indexes = new WeakMap<FhirTree, BundleIndex>();

/** One index for all entries of a bundle. */
export function indexBundle(bundle: FhirTree): BundleIndex {
  let index = indexes.get(bundle);
  if (index === undefined) {
    index = indexOf(bundle);
    indexes.set(bundle, index);
  }
  return index;
}

function indexOf(bundle: FhirTree): BundleIndex {
  const byFullUrl = new Map<string, FhirTree>();
  const byLocal = new Map<string, FhirTree>();
  for (const entry of listOf(bundle.entry)) {
    if (!isTree(entry) || !isTree(entry.resource)) continue;
    const { resource, fullUrl } = entry;
    if (typeof fullUrl === 'string') byFullUrl.set(fullUrl, resource);
    if (typeof resource.id === 'string') byLocal.set(`${stringOf(resource.resourceType)}/${resource.id}`, resource);
  }
  return { byFullUrl, byLocal };
}
