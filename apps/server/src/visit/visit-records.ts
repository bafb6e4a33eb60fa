import { type FhirTree, stringifyFhirJson, stringOf } from '@salus/fhir/parse';
import { VISIT_RESOURCE_SYSTEM } from '@salus/fhir/visit';
import { RecordsError, type VaultCaller } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import { ServerError } from '../server-error.ts';
import type { VisitDocument } from './visit-document.ts';

export type VisitWriter = Extract<VaultCaller, { kind: 'writer' }>;

/** A resource of a visit by its name in it. */
export interface NamedResource {
  readonly name: string;
  readonly resource: FhirTree;
}

/** Value of a resource's identifier: the same for the same act, so that an act that is repeated finds what it wrote. */
export function resourceName({ provider, visit }: Pick<VisitDocument, 'provider' | 'visit'>, name: string): string {
  return `${provider}/${visit}/${name}`;
}

/** `Patient/<id>` of whom the visit is about, here. */
export async function patientReference(
  { vault }: HostedOrganisation,
  { pid }: Pick<VisitDocument, 'pid'>,
): Promise<string> {
  const known = pid === null ? undefined : await vault.patients.findByPid(pid);
  if (known === undefined) throw new ServerError('not-found', 'The patient of this visit is not registered here.');
  return `Patient/${known.fhirId}`;
}

/** Creates what is new and writes the next version of what the visit wrote before, in one transaction of the person's own. */
export async function writeResources(
  { vault }: HostedOrganisation,
  document: VisitDocument,
  { writer, resources }: { readonly writer: VisitWriter; readonly resources: readonly NamedResource[] },
): Promise<VisitDocument['written']> {
  const entry = resources.map(({ name, resource }) => entryOf(document, name, resource));
  const bundle = stringifyFhirJson({ resourceType: 'Bundle', type: 'transaction', entry });
  const result = await vault.repository.transaction(writer, bundle);
  if (result.kind === 'refused') {
    throw new RecordsError('ledger-refused', 'The record of the visit was not written.', { detail: result.code });
  }
  const places = result.outcomes.map(({ type, id }, at): [string, string] => [resources[at]!.name, `${type}/${id}`]);
  return { ...document.written, ...Object.fromEntries(places) };
}

function entryOf(document: VisitDocument, name: string, resource: FhirTree): FhirTree {
  const type = stringOf(resource.resourceType) ?? '';
  const known = document.written[name];
  const fullUrl = `urn:salus:visit-resource:${name}`;
  if (known !== undefined) {
    const [, id = ''] = known.split('/');
    return { resource: { ...resource, id }, request: { method: 'PUT', url: known } };
  }
  const ifNoneExist = `identifier=${VISIT_RESOURCE_SYSTEM}|${resourceName(document, name)}`;
  return { fullUrl, resource, request: { method: 'POST', url: type, ifNoneExist } };
}

/** A reference to another resource of the same transaction. */
export function beside(name: string): string {
  return `urn:salus:visit-resource:${name}`;
}
