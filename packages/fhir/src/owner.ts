import { FhirError } from './fhir-error.ts';
import { parseReference, referencesAt } from './reference.ts';
import { isResourceType, type ResourceType, rowOf, type SubjectRule } from './resource-table.ts';
import type { FhirTree } from './tree.ts';

/**
 * Whose a resource is. `subject` is `Patient/<id>` or the URL of a patient elsewhere; it is absent only for a Patient
 * that has no id yet.
 */
export type Owner =
  | { readonly kind: 'patient'; readonly subject: string | undefined }
  | { readonly kind: 'organisation' };

/**
 * What the caller knows of another resource, by the reference that names it: its owner, or `undefined`. Lets records
 * that name no patient themselves (a Provenance of an Observation, a Binary with a security context) follow the
 * resource they hang on.
 */
export type OwnerOfReference = (reference: string) => Owner | undefined;

const organisation: Owner = { kind: 'organisation' };
const unknown: OwnerOfReference = () => undefined;

/**
 * The one owner of a resource whose references are resolved (see `resolveBundle`): the subject of the R4 patient
 * compartment, or the organisation that writes it.
 *
 * @throws FhirError `owner-unknown` when no patient, or more than one, is named where one must be, when the subject is
 *   a group, a contained resource, an identifier or an unresolved urn, and for types that are never records;
 *   `not-a-resource` for an unknown type.
 */
export function ownerOf(tree: FhirTree, ownerOfReference: OwnerOfReference = unknown): Owner {
  const type = tree.resourceType;
  if (!isResourceType(type)) throw new FhirError('not-a-resource', 'resourceType is not an R4 resource type');
  const rule = rowOf(type).owner;
  switch (rule) {
    case 'self':
      return { kind: 'patient', subject: typeof tree.id === 'string' ? `Patient/${tree.id}` : undefined };
    case 'organisation':
      return organisation;
    case 'refused':
      throw new FhirError('owner-unknown', `a ${type} is a message and cannot be a record of its own`, type);
    default:
      return subjectOwner(tree, type, rule, ownerOfReference);
  }
}

/** By what a type's resources have their owner: themselves, the organisation, or whom they are about. */
export function ownerRuleOf(type: ResourceType): 'self' | 'organisation' | 'subject' {
  const rule = rowOf(type).owner;
  if (rule === 'self' || rule === 'organisation') return rule;
  return 'subject';
}

function subjectOwner(tree: FhirTree, type: string, rule: SubjectRule, ownerOfReference: OwnerOfReference): Owner {
  const others: string[] = [];
  for (const path of rule.subject) {
    const references = referencesAt(tree, path);
    const patients = new Set(references.flatMap((reference) => patientNamed(reference) ?? []));
    if (patients.size > 1 && rule.several === 'organisation') return organisation;
    if (patients.size > 1) throw new FhirError('owner-unknown', 'several patients are named', `${type}.${path}`);
    for (const subject of patients) return { kind: 'patient', subject };
    others.push(...references);
  }
  others.push(...rule.through.flatMap((path) => referencesAt(tree, path)));
  if (others.length === 0) {
    if (rule.otherwise === 'organisation') return organisation;
    throw new FhirError('owner-unknown', 'no patient is named', `${type}.${[...rule.subject, ...rule.through][0]}`);
  }
  return sharedOwner(others, type, ownerOfReference);
}

/** The `Patient/<id>` (without version) or patient URL that a reference names, if it does. */
function patientNamed(reference: string): string | undefined {
  const parsed = parseReference(reference);
  if (parsed.kind === 'local' && parsed.type === 'Patient') return `Patient/${parsed.id}`;
  if (parsed.kind === 'absolute' && parsed.type === 'Patient') return `${parsed.base}Patient/${parsed.id}`;
  return undefined;
}

/** One patient among the owners of these resources, or the organisation if all of them are the organisation's. */
function sharedOwner(references: readonly string[], type: string, ownerOfReference: OwnerOfReference): Owner {
  const patients = new Set<string>();
  for (const reference of references) {
    const owner = ownerOfTarget(reference, ownerOfReference);
    if (owner === undefined)
      throw new FhirError('owner-unknown', 'the owner of a referenced resource is unknown', type);
    if (owner.kind === 'patient' && owner.subject !== undefined) patients.add(owner.subject);
  }
  if (patients.size > 1) throw new FhirError('owner-unknown', 'resources of several patients are named', type);
  for (const subject of patients) return { kind: 'patient', subject };
  return organisation;
}

function ownerOfTarget(reference: string, ownerOfReference: OwnerOfReference): Owner | undefined {
  const parsed = parseReference(reference);
  switch (parsed.kind) {
    case 'local':
    case 'absolute': {
      const patient = patientNamed(reference);
      if (patient !== undefined) return { kind: 'patient', subject: patient };
      return rowOf(parsed.type).owner === 'organisation' ? organisation : ownerOfReference(reference);
    }
    case 'urn':
    case 'conditional':
    case 'contained':
    case 'other':
      return undefined;
  }
}
