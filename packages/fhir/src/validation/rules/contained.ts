import { type FhirTree, type FhirValue, isList, isTree } from '../../tree.ts';
import type { Walk } from '../check-element.ts';
import type { Place } from '../place.ts';

/**
 * dom-3 and the identity of contained resources (R4 §2.3.0.3): each has an id, no two the same, and each is referred to
 * from the resource around it, or refers to that. One pass gathers all `#id`, where the invariant's expression would
 * compare every contained resource with every string.
 */
export function checkContained(walk: Walk, tree: FhirTree, path: string, place: Place): void {
  if (place.isContained || !isList(tree.contained)) return;
  const referred = new Set<string>();
  for (const [key, value] of Object.entries(tree)) if (value !== undefined && key !== 'text') gather(value, referred);
  const seen = new Set<string>();
  for (const [index, one] of tree.contained.entries()) {
    if (!isTree(one)) continue;
    const at = `${path}.contained[${index}]`;
    const id = typeof one.id === 'string' ? one.id : undefined;
    if (id !== undefined && seen.has(id))
      walk.findings.error('duplicate', 'two contained resources have the same id', at);
    if (id !== undefined) seen.add(id);
    if (id !== undefined && referred.has(`#${id}`)) continue;
    const own = new Set<string>();
    gather(one, own);
    if (!own.has('#')) {
      walk.findings.error(
        'invariant',
        'Constraint dom-3 not met: If the resource is contained in another resource, it SHALL be referred to from elsewhere in the resource or SHALL refer to the containing resource',
        at,
      );
    }
  }
}

function gather(value: FhirValue, into: Set<string>): void {
  if (typeof value === 'string') {
    if (value.startsWith('#')) into.add(value);
  } else if (isList(value)) {
    for (const item of value) gather(item, into);
  } else if (isTree(value)) {
    for (const key of Object.keys(value)) {
      const child = value[key];
      if (child !== undefined && key !== 'div') gather(child, into);
    }
  }
}
