import { isResourceType } from '../resource-table.ts';
import { structureOfType } from './definition-store.ts';
import type { ElementRule } from './structures.ts';

/** One JSON property of a type. */
export interface PlannedProperty {
  readonly json: string;
  readonly rule: ElementRule;
  /** A primitive type, a data type, `Resource`, or the path of a backbone element (`Observation.component`). */
  readonly type: string;
  readonly primitive: boolean;
  readonly list: boolean;
}

/** What the definitions say of one type, ready to be walked. */
export interface TypePlan {
  readonly type: string;
  readonly isResource: boolean;
  readonly rule: ElementRule;
  readonly properties: ReadonlyMap<string, PlannedProperty>;
  /** The properties of each element: one, or one for each type of a choice. */
  readonly elements: ReadonlyMap<string, readonly PlannedProperty[]>;
  /** Elements that must be there, each by its properties. */
  readonly required: readonly (readonly PlannedProperty[])[];
}

const plans = new Map<string, TypePlan | undefined>();
/** Types that R4 derives from others (R4 §2.24): of what FHIRPath's `is` asks. */
const BASE_TYPES: Readonly<Record<string, string>> = {
  code: 'string',
  id: 'string',
  markdown: 'string',
  url: 'uri',
  canonical: 'uri',
  oid: 'uri',
  uuid: 'uri',
  unsignedInt: 'integer',
  positiveInt: 'integer',
  Age: 'Quantity',
  Count: 'Quantity',
  Distance: 'Quantity',
  Duration: 'Quantity',
  Money: 'Element',
  SimpleQuantity: 'Quantity',
  MoneyQuantity: 'Quantity',
};

/** The plan of a resource type, data type or backbone element; `undefined` if the definitions hold no such type. */
export function planOf(type: string): TypePlan | undefined {
  if (plans.has(type)) return plans.get(type);
  const rule = ruleOfType(type);
  const plan = rule === undefined ? undefined : compile(type, rule);
  plans.set(type, plan);
  return plan;
}

export function isPrimitiveType(type: string): boolean {
  return /^[a-z]/.test(type) && !type.includes('.');
}

/** Is the type the wanted one or derived from it? FHIRPath's `System.Boolean` and FHIR's `boolean` are taken for one. */
export function isOfType(type: string, wanted: string): boolean {
  for (let at: string | undefined = type; at !== undefined; at = BASE_TYPES[at]) {
    if (at === wanted) return true;
    if (isPrimitiveType(at) && at.toLowerCase() === wanted.toLowerCase()) return true;
  }
  if (wanted === 'Resource') return isResourceType(type);
  return wanted === 'DomainResource' && isResourceType(type) && !['Bundle', 'Binary', 'Parameters'].includes(type);
}

function ruleOfType(type: string): ElementRule | undefined {
  const [head = '', ...rest] = type.split('.');
  let rule = structureOfType(head)?.root;
  for (const name of rest) rule = rule?.children.find((child) => child.name === name);
  return rule;
}

function compile(type: string, rule: ElementRule): TypePlan {
  const properties = new Map<string, PlannedProperty>();
  const elements = new Map<string, readonly PlannedProperty[]>();
  const required: (readonly PlannedProperty[])[] = [];
  for (const child of rule.children) {
    const planned = propertiesOf(child);
    elements.set(child.name, planned);
    for (const property of planned) properties.set(property.json, property);
    if (child.min > 0) required.push(planned);
  }
  return { type, isResource: isResourceType(type), rule, properties, elements, required };
}

/** The JSON properties that an element may be written as. */
export function propertiesOf(rule: ElementRule): readonly PlannedProperty[] {
  const list = rule.list || rule.max > 1;
  if (rule.contentOf !== undefined) {
    return [{ json: rule.name, rule, type: rule.contentOf, primitive: false, list }];
  }
  return rule.types.map(({ code }) => ({
    json: rule.choice ? rule.name + code.charAt(0).toUpperCase() + code.slice(1) : rule.name,
    rule,
    type: code === 'BackboneElement' || (code === 'Element' && rule.children.length > 0) ? rule.path : code,
    primitive: isPrimitiveType(code),
    list,
  }));
}
