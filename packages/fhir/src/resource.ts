import { FhirError } from './fhir-error.ts';
import { FHIR_ID } from './reference.ts';
import { type FhirTree, type FhirValue, isTree } from './tree.ts';

/**
 * The resource under another id; `resourceType` and `id` stand first, nothing else changes.
 *
 * @throws FhirError `id-invalid`: an id is 1 to 64 letters, digits, "-" and "." (so base64url with "_" is none).
 */
export function withId(tree: FhirTree, id: string): FhirTree {
  if (!FHIR_ID.test(id)) throw new FhirError('id-invalid', 'a resource id has 1 to 64 letters, digits, "-" and "."');
  const { resourceType, id: _old, ...rest } = tree;
  return { resourceType, id, ...rest };
}

/**
 * The resource as a server stores it: `meta.versionId`, `meta.lastUpdated` and `meta.source` are the server's and no client's, the
 * rest is kept.
 */
export function withVersion(tree: FhirTree, version: { versionId: string; lastUpdatedMs: number }): FhirTree {
  const { resourceType, id, meta: oldMeta, ...rest } = tree;
  const lastUpdated = new Date(version.lastUpdatedMs).toISOString();
  const kept: Record<string, FhirValue | undefined> = isTree(oldMeta) ? { ...oldMeta } : {};
  const { versionId: _version, lastUpdated: _updated, source: _source, _source: _besideSource, ...metaRest } = kept;
  const meta: FhirTree = { versionId: version.versionId, lastUpdated, ...metaRest };
  return id === undefined ? { resourceType, meta, ...rest } : { resourceType, id, meta, ...rest };
}
