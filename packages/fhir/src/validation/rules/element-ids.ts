import { type FhirTree, type FhirValue, isTree } from '../../tree.ts';
import type { Walk } from '../check-element.ts';

/** R4 §2.27.0.1: ids of elements are unique within a resource, those of resources inside it apart. */
export function checkElementIds(walk: Walk, tree: FhirTree, path: string): void {
  const seen = new Set<string>();
  for (const [key, value] of Object.entries(tree)) {
    // R4's own StructureDefinitions have the ids of the differential in the snapshot again.
    if (key === 'id' || (key === 'snapshot' && tree.resourceType === 'StructureDefinition')) continue;
    if (value !== undefined && hasDuplicate(value, seen)) {
      walk.findings.error('business-rule', 'two elements have the same id', `${path}.${key.replace(/^_/, '')}`);
      return;
    }
  }
}

function hasDuplicate(value: FhirValue, seen: Set<string>): boolean {
  if (Array.isArray(value)) return (value as readonly FhirValue[]).some((one) => hasDuplicate(one, seen));
  if (!isTree(value) || value.resourceType !== undefined) return false;
  if (typeof value.id === 'string') {
    if (seen.has(value.id)) return true;
    seen.add(value.id);
  }
  return Object.keys(value).some((key) => {
    const child = value[key];
    return child !== undefined && hasDuplicate(child, seen);
  });
}
