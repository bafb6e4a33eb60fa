import { isResourceType } from './resource-table.ts';
import { type Property, type Shape, shapeOf } from './shape.ts';
import { type FhirTree, type FhirValue, isList, isTree } from './tree.ts';

/** The Reference instead of this one; itself to leave it. */
export type ReferenceReplacer = (reference: FhirTree) => FhirTree;

/**
 * Replaces every element of type Reference (R4 §2.3.0), those of contained resources and extensions included, by the types of the
 * definitions: a Coding has a `display` too. Everything else stays the same object.
 */
export function mapReferences(tree: FhirTree, replace: ReferenceReplacer): FhirTree {
  return isResourceType(tree.resourceType) ? object(tree, shapeOf(tree.resourceType), replace) : tree;
}

function object(tree: FhirTree, shape: Shape, replace: ReferenceReplacer): FhirTree {
  let copy: Record<string, FhirValue | undefined> | undefined;
  for (const key of Object.keys(tree)) {
    const value = tree[key];
    const property = shape.properties.get(key);
    if (value === undefined || property === undefined || property.kind === 'primitive') continue;
    const changed = isList(value) ? list(value, property, replace) : single(value, property, replace);
    if (changed === value) continue;
    copy ??= { ...tree };
    copy[key] = changed;
  }
  const inner = copy ?? tree;
  return shape.type === 'Reference' ? replace(inner) : inner;
}

function list(values: readonly FhirValue[], property: Property, replace: ReferenceReplacer): FhirValue {
  const changed = values.map((value) => single(value, property, replace));
  return changed.every((value, at) => value === values[at]) ? values : changed;
}

function single(value: FhirValue, property: Property, replace: ReferenceReplacer): FhirValue {
  if (!isTree(value)) return value;
  switch (property.kind) {
    case 'primitive':
      return value;
    case 'object':
      return object(value, shapeOf(property.type), replace);
    case 'partner':
      return object(value, shapeOf('Element'), replace);
    case 'resource':
      return mapReferences(value, replace);
  }
}
