import type { FhirTree } from '../tree.ts';
import type { Walk } from './check-element.ts';
import { checkContained } from './contained.ts';
import type { Place } from './place.ts';

/** Rules of whole resources, by type. */
export function checkResourceRules(walk: Walk, tree: FhirTree, path: string, place: Place): void {
  if (tree.contained !== undefined) checkContained(walk, tree, path, place);
}
