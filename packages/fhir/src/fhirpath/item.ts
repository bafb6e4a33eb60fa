import { type FhirTree, type FhirValue, isList, isTree, numberLiteral } from '../tree.ts';
import { type PlannedProperty, planOf, type TypePlan } from '../validation/type-plan.ts';

/** One item of a FHIRPath collection: a value with its FHIR type. Values that FHIRPath computes have primitive types. */
export interface Item {
  /** `null` for a primitive that has only extensions. */
  readonly value: FhirValue;
  readonly type: string;
  /** id and extensions of a primitive. */
  readonly partner?: FhirTree | undefined;
}

export type Items = readonly Item[];

export const NONE: Items = [];

/** A resource as an item. */
export function resourceItem(resource: FhirTree): Item {
  return { value: resource, type: typeof resource.resourceType === 'string' ? resource.resourceType : 'Resource' };
}

/** The children of an item by an element's name. */
export function childrenOf({ value, type, partner }: Item, name: string): Items {
  if (!isTree(value)) return partner === undefined ? NONE : childrenOf({ value: partner, type: 'Element' }, name);
  const properties = planOf(type)?.elements.get(name);
  if (properties === undefined) return NONE;
  if (properties.length === 1) return propertyItems(value, properties[0] as PlannedProperty);
  for (const property of properties) {
    const items = propertyItems(value, property);
    if (items.length > 0) return items;
  }
  return NONE;
}

/** All children, in the order of the JSON. */
export function allChildren({ value, type, partner }: Item): Items {
  if (!isTree(value)) return partner === undefined ? NONE : allChildren({ value: partner, type: 'Element' });
  const plan = planOf(type);
  if (plan === undefined) return NONE;
  return Object.keys(value).flatMap((key) => {
    const property = propertyAt(plan, value, key);
    return property === undefined ? NONE : propertyItems(value, property);
  });
}

/** `_birthDate` stands for itself only where `birthDate` does not. */
function propertyAt(plan: TypePlan, value: FhirTree, key: string): PlannedProperty | undefined {
  if (!key.startsWith('_')) return plan.properties.get(key);
  const name = key.slice(1);
  return Object.hasOwn(value, name) ? undefined : plan.properties.get(name);
}

function propertyItems(parent: FhirTree, property: PlannedProperty): Items {
  const value = parent[property.json];
  const partner = property.primitive ? parent[`_${property.json}`] : undefined;
  if (value === undefined && partner === undefined) return NONE;
  if (!isList(value) && !isList(partner)) return [itemOf(value ?? null, property.type, partner)];
  const values = isList(value) ? value : [];
  const partners = isList(partner) ? partner : [];
  return Array.from({ length: Math.max(values.length, partners.length) }, (_none, index) =>
    itemOf(values[index] ?? null, property.type, partners[index]),
  );
}

function itemOf(value: FhirValue, type: string, partner: FhirValue | undefined): Item {
  if (type === 'Resource' && isTree(value)) return resourceItem(value);
  return isTree(partner) ? { value, type, partner } : { value, type };
}

export function booleanItem(value: boolean): Items {
  return value ? TRUE : FALSE;
}

export const TRUE: Items = [{ value: true, type: 'boolean' }];
export const FALSE: Items = [{ value: false, type: 'boolean' }];

/** The number of an item, JavaScript's precision being enough for every comparison in R4's rules. */
export function numberOf({ value }: Item): number | undefined {
  const literal = numberLiteral(value);
  return literal === undefined ? undefined : Number(literal);
}
