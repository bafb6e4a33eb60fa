import { rewriteLinks } from './links.ts';
import { type FhirTree, sameValue } from './tree.ts';

export interface SameResourceOptions {
  /**
   * What a link of `a` (a `fullUrl`, a conditional or literal reference) is called in `b`: usually from the response to
   * the transaction that created `b` from `a`. Links that are not named must be equal.
   */
  readonly referenceMap?: ReadonlyMap<string, string>;
}

/**
 * Is `b` the resource `a`? The same JSON tree, number literals included, but for `id`, `meta` and the order of keys,
 * with links to the same targets.
 */
export function sameResource(a: FhirTree, b: FhirTree, options: SameResourceOptions = {}): boolean {
  const { referenceMap } = options;
  const mapped = referenceMap === undefined ? a : rewriteLinks(a, (link) => referenceMap.get(link));
  return sameValue(withoutServerElements(mapped), withoutServerElements(b));
}

function withoutServerElements(tree: FhirTree): FhirTree {
  const { id: _id, meta: _meta, ...rest } = tree;
  return rest;
}
