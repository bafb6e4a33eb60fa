import { childrenOf, type Item } from '../fhirpath/item.ts';
import { type FhirTree, type FhirValue, isList, isTree } from '../tree.ts';
import { checkBinding } from './bindings.ts';
import { checkDataType } from './data-types.ts';
import { structureOfUrl } from './definition-store.ts';
import { checkExtension } from './extensions.ts';
import type { Findings } from './findings.ts';
import { invariantsOf } from './invariants.ts';
import { containedPlace, type Place } from './place.ts';
import { formatFault } from './primitive-format.ts';
import { checkReference } from './references.ts';
import type { Constraint } from './structures.ts';
import { type PlannedProperty, planOf, type TypePlan } from './type-plan.ts';

/** What one walk through a resource carries along. */
export interface Walk {
  readonly findings: Findings;
  /** `$validate` judges also what a write lets pass: codes of open bindings, displays, extensions, implied profiles. */
  readonly strict: boolean;
  /** References by `Type/id` lead to this server, so that their type must fit. */
  readonly localReferences: boolean;
  /** Called with every resource that the walk enters, after its elements were checked. */
  readonly onResource: (tree: FhirTree, path: string, place: Place) => void;
}

/** Checks a resource whose JSON has the shape of its type (`structureIssues`): values, cardinalities, rules. */
export function checkResource(walk: Walk, tree: FhirTree, path: string, place: Place): void {
  const plan = planOf(tree.resourceType as string);
  if (plan === undefined) return;
  checkObject(walk, tree, plan, path, place);
  checkInvariants(walk, plan.rule.constraints, place.resource, path, place);
  walk.onResource(tree, path, place);
}

function checkObject(walk: Walk, tree: FhirTree, plan: TypePlan, path: string, place: Place): void {
  for (const json of Object.keys(tree)) {
    const value = tree[json];
    if (value === undefined) continue;
    const property = plan.properties.get(json);
    if (property === undefined) {
      if (json.startsWith('_')) checkPartner(walk, plan.properties.get(json.slice(1)), value, tree, path, place);
      continue;
    }
    checkProperty(walk, tree, property, value, `${path}.${property.rule.name}`, place);
  }
  for (const properties of plan.required) {
    if (!properties.some(({ json }) => tree[json] !== undefined || tree[`_${json}`] !== undefined)) {
      walk.findings.error('required', 'Missing required property', `${path}.${properties[0]?.rule.name}`);
    }
  }
}

function checkProperty(
  walk: Walk,
  tree: FhirTree,
  property: PlannedProperty,
  value: FhirValue,
  path: string,
  place: Place,
): void {
  if (walk.findings.full) return;
  if (!isList(value)) {
    checkValue(walk, tree, property, value, path, place);
    return;
  }
  if (value.length > property.rule.max)
    walk.findings.error('structure', `at most ${property.rule.max} are allowed`, path);
  for (const [index, item] of value.entries()) {
    if (item !== null) checkValue(walk, tree, property, item, `${path}[${index}]`, place);
  }
}

function checkValue(
  walk: Walk,
  parent: FhirTree,
  property: PlannedProperty,
  value: FhirValue,
  path: string,
  place: Place,
): void {
  const { type, rule, primitive } = property;
  if (primitive) {
    const fault = formatFault(type, value) ?? lengthFault(rule.maxLength, value);
    if (fault !== undefined) walk.findings.error(fault[0], fault[1], path);
  } else if (type === 'Resource') {
    if (isTree(value)) checkInner(walk, rule.name, value, path, place);
    return;
  } else if (isTree(value)) {
    checkComplex(walk, property, value, path, place);
  }
  if (rule.binding !== undefined) checkBinding(walk, rule.binding, type, value, path);
  if (rule.constraints.length > 0) {
    checkInvariants(
      walk,
      rule.constraints,
      primitive ? partnered(parent, property, value) : { value, type },
      path,
      place,
    );
  }
}

function lengthFault(maxLength: number | undefined, value: FhirValue): readonly ['too-long', string] | undefined {
  if (maxLength === undefined || maxLength === 0 || typeof value !== 'string' || value.length <= maxLength)
    return undefined;
  return ['too-long', `at most ${maxLength} characters are allowed`];
}

function partnered(parent: FhirTree, { rule, type, list }: PlannedProperty, value: FhirValue): Item {
  return list
    ? { value, type }
    : (childrenOf({ value: parent, type: rule.path.slice(0, rule.path.lastIndexOf('.')) }, rule.name)[0] ?? {
        value,
        type,
      });
}

function checkComplex(walk: Walk, { type, rule }: PlannedProperty, value: FhirTree, path: string, place: Place): void {
  const plan = planOf(type);
  if (plan === undefined) return;
  checkObject(walk, value, plan, path, place);
  checkOnlyId(walk, value, path);
  if (plan.rule !== rule && !type.includes('.'))
    checkInvariants(walk, plan.rule.constraints, { value, type }, path, place);
  for (const { code, profiles } of rule.types) {
    if (code === type) for (const profile of profiles) checkTypeProfile(walk, profile, { value, type }, path, place);
  }
  if (type === 'Extension') checkExtension(walk, rule, value, path, place);
  if (type === 'Reference') checkReference(walk, rule, value, path, place);
  checkDataType(walk, type, value, path, place);
}

/** ele-1: an element has a value or children beside its id. */
function checkOnlyId(walk: Walk, value: FhirTree, path: string): void {
  for (const key in value) if (key !== 'id') return;
  walk.findings.error('invariant', 'Constraint ele-1 not met: All FHIR elements must have a @value or children', path);
}

/** SimpleQuantity and MoneyQuantity: a type that says no more than constraints. */
function checkTypeProfile(walk: Walk, profile: string, item: Item, path: string, place: Place): void {
  const structure = structureOfUrl(profile);
  if (structure !== undefined && structure.kind === 'complex-type' && structure.type !== 'Extension') {
    checkInvariants(
      walk,
      structure.root.constraints.filter(({ key }) => key.startsWith('sqty') || key.startsWith('mqty')),
      item,
      path,
      place,
    );
  }
}

function checkInner(walk: Walk, element: string, value: FhirTree, path: string, place: Place): void {
  if (element === 'contained') checkResource(walk, value, path, containedPlace(value, place));
  else walk.onResource(value, path, place);
}

/** `_birthDate`: the extensions of a primitive, and of one that has no value. */
function checkPartner(
  walk: Walk,
  property: PlannedProperty | undefined,
  value: FhirValue,
  tree: FhirTree,
  path: string,
  place: Place,
): void {
  const plan = planOf('Element');
  if (property === undefined || plan === undefined) return;
  const name = `${path}.${property.rule.name}`;
  const values = tree[property.json];
  const items = isList(value) ? value : [value];
  for (const [index, item] of items.entries()) {
    if (!isTree(item)) continue;
    const at = isList(value) ? `${name}[${index}]` : name;
    checkObject(walk, item, plan, at, place);
    const own = isList(values) ? (values[index] ?? null) : (values ?? null);
    if (own !== null) continue;
    checkOnlyId(walk, item, at);
    if (property.rule.binding?.strength === 'required' && walk.strict && !hasCrossVersionCode(item)) {
      walk.findings.error('code-invalid', 'No code provided, and a code is required from the value set', at);
    }
  }
}

/** An extension that carries the code which another release of FHIR has for this element. */
function hasCrossVersionCode(partner: FhirTree): boolean {
  const extensions = isList(partner.extension) ? partner.extension : [];
  return extensions.some(
    (one) =>
      isTree(one) &&
      typeof one.url === 'string' &&
      /^http:\/\/hl7\.org\/fhir\/\d\.\d\/StructureDefinition\/extension-/.test(one.url),
  );
}

export function checkInvariants(
  walk: Walk,
  constraints: readonly Constraint[],
  item: Item,
  path: string,
  place: Place,
): void {
  for (const { key, severity, human, holds } of invariantsOf(constraints)) {
    if (severity === 'warning' && !walk.strict) continue;
    if (holds(item, place)) continue;
    const text = `Constraint ${key} not met: ${human}`;
    if (severity === 'error') walk.findings.error('invariant', text, path);
    else walk.findings.warning('invariant', text, path);
  }
}
