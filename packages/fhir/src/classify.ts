import type { Category, LabelClass } from './categories.ts';
import type { CodeTable } from './category-codes.ts';
import { FhirError } from './fhir-error.ts';
import { labelClassOf } from './label-class.ts';
import { type OwnerOfReference, ownerOf } from './owner.ts';
import { type CategoryRule, isResourceType, rowOf } from './resource-table.ts';
import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from './tree.ts';

export interface Classification {
  readonly category: Category;
  readonly labelClass: LabelClass;
  readonly ownerKind: 'patient' | 'organisation';
  /** `Patient/<id>` or a patient's URL, for `ownerKind: 'patient'`; absent only for a Patient without id. */
  readonly subject?: string;
}

/**
 * Category, label class and owner of a resource whose references are resolved.
 *
 * @throws FhirError `owner-unknown`, `not-a-resource`.
 */
export function classify(tree: FhirTree, ownerOfReference?: OwnerOfReference): Classification {
  const category = categoryOf(tree);
  const labelClass = labelClassOf(tree);
  const owner = ownerOf(tree, ownerOfReference);
  if (owner.kind === 'organisation') return { category, labelClass, ownerKind: 'organisation' };
  return owner.subject === undefined
    ? { category, labelClass, ownerKind: 'patient' }
    : { category, labelClass, ownerKind: 'patient', subject: owner.subject };
}

/**
 * The one category of a resource, by type and then by code.
 *
 * @throws FhirError `not-a-resource` for an unknown type.
 */
export function categoryOf(tree: FhirTree): Category {
  const type = tree.resourceType;
  if (!isResourceType(type)) throw new FhirError('not-a-resource', 'resourceType is not an R4 resource type');
  const { category } = rowOf(type);
  return typeof category === 'string' ? category : byCode(tree, category);
}

function byCode(tree: FhirTree, rule: CategoryRule): Category {
  for (const { element, codes } of rule.steps) {
    for (const concept of listOf(tree[element])) {
      const category = conceptCategory(concept, codes);
      if (category !== undefined) return category;
    }
  }
  return rule.present?.elements.some((element) => tree[element] !== undefined) === true
    ? rule.present.category
    : rule.otherwise;
}

function conceptCategory(concept: FhirValue, codes: CodeTable): Category | undefined {
  if (!isTree(concept)) return undefined;
  for (const coding of listOf(concept.coding)) {
    if (!isTree(coding)) continue;
    const system = stringOf(coding.system);
    const code = stringOf(coding.code);
    if (system !== undefined && code !== undefined && codes.systems.includes(system)) {
      const category = codes.codes.get(code);
      if (category !== undefined) return category;
    }
  }
  return undefined;
}
