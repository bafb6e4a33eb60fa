import type { Issue, IssueCode } from './issue.ts';
import { narrativeFault } from './narrative.ts';
import { JSON_DEPTH_MAX } from './parse-json.ts';
import { FHIR_ID } from './reference.ts';
import { isResourceType } from './resource-table.ts';
import { type PrimitiveProperty, type Property, type Shape, shapeOf } from './shape.ts';
import { type FhirTree, type FhirValue, isList, isTree, numberLiteral } from './tree.ts';

/** Findings reported for one resource; the first hundred say enough, and more would let input buy memory. */
export const ISSUES_MAX = 100;

/** Items of one array: four times the slices of the largest series of images, and about a second of validation. */
export const LIST_ITEMS_MAX = 10_000;
/** The same where R4's invariants compare the items with each other: 4,000 elements took five seconds. */
export const COMPARED_ITEMS_MAX = 1_000;
const COMPARING_TYPES: ReadonlySet<string> = new Set(['StructureDefinition', 'CapabilityStatement']);

const INTEGER_TYPES: ReadonlySet<string> = new Set(['integer', 'unsignedInt', 'positiveInt']);
/** R4 §2.24.0.1: an integer literal has no fraction, exponent or leading zero. */
const INTEGER_LITERAL = /^-?(?:0|[1-9][0-9]*)$/;
const SHOWABLE_NAME = /^_?[A-Za-z][A-Za-z0-9]{0,63}$/;

/**
 * Checks the JSON of a resource against the shape of its type: only known properties, arrays where arrays belong, every
 * primitive in its JSON type, integers written as integers, nothing empty, `null` only beside an extension, one type
 * of a choice, ids, safe narrative, codes of required bindings. It runs before @medplum/core, which accepts or stumbles over some of these:
 * `constructor` as a property, a numeric `value` that turns the resource into a Quantity, contained non-resources.
 */
export function structureIssues(tree: FhirTree): readonly Issue[] {
  const checker = new StructureChecker();
  checker.resource(tree, undefined, 0);
  return checker.issues;
}

class StructureChecker {
  readonly issues: Issue[] = [];
  #itemsMax = LIST_ITEMS_MAX;

  resource(value: FhirValue, path: string | undefined, depth: number): void {
    if (!isTree(value)) {
      this.#report('structure', 'a resource was expected', path);
      return;
    }
    const type = value.resourceType;
    if (!isResourceType(type)) {
      this.#report('structure', 'resourceType must name an R4 resource type', path);
      return;
    }
    if (typeof value.id === 'string' && !FHIR_ID.test(value.id)) {
      this.#report('value', 'a resource id has 1 to 64 letters, digits, "-" and "."', `${path ?? type}.id`);
    }
    const outside = this.#itemsMax;
    this.#itemsMax = COMPARING_TYPES.has(type) ? COMPARED_ITEMS_MAX : LIST_ITEMS_MAX;
    this.#object(value, shapeOf(type), path ?? type, depth);
    this.#itemsMax = outside;
  }

  #object(value: FhirValue, shape: Shape, path: string, depth: number): void {
    if (depth > JSON_DEPTH_MAX) this.#report('too-costly', `nested deeper than ${JSON_DEPTH_MAX} levels`, path);
    else if (!isTree(value)) this.#report('structure', 'an object was expected', path);
    else if (Object.keys(value).length === 0) this.#report('structure', 'an object must not be empty', path);
    else this.#properties(value, shape, path, depth);
  }

  #properties(value: FhirTree, shape: Shape, path: string, depth: number): void {
    const chosen = new Map<string, string>();
    for (const key of Object.keys(value)) {
      const child = value[key];
      if (child === undefined || (key === 'resourceType' && shape.isResource)) continue;
      const property = shape.properties.get(key);
      if (property === undefined) {
        this.#report('structure', 'unknown element', `${path}.${SHOWABLE_NAME.test(key) ? key : '?'}`);
        continue;
      }
      const place = `${path}.${property.element}`;
      this.#choice(chosen, property, key, place);
      this.#property(child, property, value, place, depth);
    }
  }

  /** `valueString` and `_valueString` agree; `valueString` and `valueInteger` do not (R4 §2.4.6, choice of types). */
  #choice(chosen: Map<string, string>, property: Property, key: string, place: string): void {
    const name = property.kind === 'partner' ? property.of : key;
    const other = chosen.get(property.element);
    if (other === undefined) chosen.set(property.element, name);
    else if (other !== name) this.#report('structure', 'an element of several types has one value only', place);
  }

  #property(child: FhirValue, property: Property, parent: FhirTree, place: string, depth: number): void {
    if (!property.list) {
      if (isList(child)) this.#report('structure', 'a single value was expected, not an array', place);
      else this.#value(child, property, place, depth);
    } else if (!isList(child)) {
      this.#report('structure', 'an array was expected', place);
    } else if (child.length === 0) {
      this.#report('structure', 'an array must not be empty', place);
    } else if (child.length > this.#itemsMax) {
      this.#report('too-costly', `an array has at most ${this.#itemsMax} items here`, place);
    } else {
      for (const [index, item] of child.entries()) {
        if (item === null && hasPartner(parent, property, index)) continue;
        this.#value(item, property, `${place}[${index}]`, depth);
      }
    }
  }

  #value(value: FhirValue, property: Property, path: string, depth: number): void {
    if (this.issues.length >= ISSUES_MAX) return;
    if (value === null) {
      this.#report('structure', 'null stands only beside the extension of a primitive', path);
      return;
    }
    switch (property.kind) {
      case 'primitive': {
        const fault = primitiveFault(value, property);
        if (fault !== undefined) this.#report(fault[0], fault[1], path);
        break;
      }
      case 'object':
        this.#object(value, shapeOf(property.type), path, depth + 1);
        break;
      case 'partner':
        this.#object(value, shapeOf('Element'), path, depth + 1);
        break;
      case 'resource':
        this.resource(value, path, depth + 1);
        break;
    }
  }

  #report(code: IssueCode, text: string, path: string | undefined): void {
    if (this.issues.length >= ISSUES_MAX) return;
    this.issues.push({ severity: 'error', code, text, ...(path === undefined ? {} : { expression: path }) });
  }
}

function primitiveFault(
  value: FhirValue,
  { type, json, codes }: PrimitiveProperty,
): readonly [IssueCode, string] | undefined {
  const literal = numberLiteral(value);
  const kind = literal === undefined ? typeof value : 'number';
  if (kind !== json) return ['structure', `a JSON ${json} was expected`];
  if (value === '') return ['structure', 'a string must not be empty'];
  if (literal !== undefined && INTEGER_TYPES.has(type) && !INTEGER_LITERAL.test(literal)) {
    return ['value', 'an integer was expected'];
  }
  if (codes !== undefined && typeof value === 'string' && !codes.has(value)) {
    return ['code-invalid', 'the code is not in the required value set'];
  }
  const fault = type === 'xhtml' && typeof value === 'string' ? narrativeFault(value) : undefined;
  return fault === undefined ? undefined : ['invalid', fault];
}

/** Is there something beside a `null` in an array of primitives (R4 §2.6.2: the two arrays run in parallel)? */
function hasPartner(parent: FhirTree, property: Property, index: number): boolean {
  if (property.kind !== 'primitive' && property.kind !== 'partner') return false;
  const name = property.kind === 'partner' ? property.of : partnerName(parent, property);
  const partner = name === undefined ? undefined : parent[name];
  return isList(partner) && partner[index] !== undefined && partner[index] !== null;
}

/** Only elements that are no choice repeat in R4, so the element's name is the property's. */
function partnerName(parent: FhirTree, property: Property): string | undefined {
  const name = `_${property.element}`;
  return Object.hasOwn(parent, name) ? name : undefined;
}
