import { getDataType, type InternalSchemaElement, type InternalTypeSchema } from '@medplum/core';
import { loadDefinitions } from './definitions.ts';
import { isResourceType } from './resource-table.ts';
import { codesOfValueSet } from './value-sets.ts';

/** What JSON a primitive type is written as (R4 §2.6.2, json.html#primitive). */
export type JsonKind = 'string' | 'boolean' | 'number';

const PRIMITIVES: Readonly<Record<string, JsonKind>> = {
  base64Binary: 'string',
  boolean: 'boolean',
  canonical: 'string',
  code: 'string',
  date: 'string',
  dateTime: 'string',
  decimal: 'number',
  id: 'string',
  instant: 'string',
  integer: 'number',
  markdown: 'string',
  oid: 'string',
  positiveInt: 'number',
  string: 'string',
  time: 'string',
  unsignedInt: 'number',
  uri: 'string',
  url: 'string',
  uuid: 'string',
  xhtml: 'string',
};

/** One JSON property that an object of a type may have. */
export type Property =
  | PrimitiveProperty
  | { readonly kind: 'object'; readonly element: string; readonly list: boolean; readonly type: string }
  | { readonly kind: 'resource'; readonly element: string; readonly list: boolean }
  /** `_birthDate` beside `birthDate`: id and extensions of a primitive. */
  | { readonly kind: 'partner'; readonly element: string; readonly list: boolean; readonly of: string };

export interface PrimitiveProperty {
  readonly kind: 'primitive';
  readonly element: string;
  readonly list: boolean;
  readonly type: string;
  readonly json: JsonKind;
  /** The only codes that a `code` may have, where its binding is required and enumerated. */
  readonly codes: ReadonlySet<string> | undefined;
}

/**
 * The JSON properties of a type, read from the R4 definitions: `value[x]` is spelt out as `valueString`,
 * `valueQuantity` and so on, all with the same `element`. A Map, because an object literal would also "know"
 * `constructor` and `toString`.
 */
export interface Shape {
  readonly type: string;
  readonly isResource: boolean;
  readonly properties: ReadonlyMap<string, Property>;
}

const shapes = new Map<string, Shape>();

/** The shape of a resource, data or backbone type of the definitions. Asking for a type that does not exist throws. */
export function shapeOf(type: string): Shape {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  loadDefinitions();
  const shape = compile(type, getDataType(type));
  shapes.set(type, shape);
  return shape;
}

function compile(type: string, schema: InternalTypeSchema): Shape {
  const properties = new Map<string, Property>();
  for (const [name, element] of Object.entries(schema.elements)) {
    // Inner elements of a data type (`Timing.repeat.bounds`) belong to a type of their own.
    if (name.includes('.')) continue;
    for (const [property, code] of spelt(name, element)) addProperty(properties, property, name, code, element);
  }
  return { type, isResource: isResourceType(type), properties };
}

function addProperty(
  into: Map<string, Property>,
  name: string,
  elementName: string,
  code: string,
  schema: InternalSchemaElement,
): void {
  const element = elementName.replace('[x]', '');
  const list = schema.isArray === true;
  const json = Object.hasOwn(PRIMITIVES, code) ? PRIMITIVES[code] : undefined;
  if (json !== undefined) {
    into.set(name, { kind: 'primitive', element, list, type: code, json, codes: requiredCodes(code, schema) });
    into.set(`_${name}`, { kind: 'partner', element, list, of: name });
  } else if (code === 'Resource') {
    into.set(name, { kind: 'resource', element, list });
  } else {
    into.set(name, { kind: 'object', element, list, type: code });
  }
}

function requiredCodes(type: string, { binding }: InternalSchemaElement): ReadonlySet<string> | undefined {
  if (type !== 'code' || binding?.strength !== 'required' || binding.valueSet === undefined) return undefined;
  return codesOfValueSet(binding.valueSet);
}

function spelt(name: string, element: InternalSchemaElement): readonly (readonly [property: string, code: string])[] {
  const codes = element.type.map((type) => type.code);
  if (!name.endsWith('[x]')) return codes.slice(0, 1).map((code) => [name, code]);
  const stem = name.slice(0, -'[x]'.length);
  return codes.map((code) => [stem + code.charAt(0).toUpperCase() + code.slice(1), code]);
}
