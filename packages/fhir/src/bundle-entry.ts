import { FhirError } from './fhir-error.ts';
import { isResourceType, type ResourceType } from './resource-table.ts';
import { type FhirTree, isList, isTree } from './tree.ts';

/** Entries of one transaction. The largest Synthea bundle has about 600; a longer story is sent in parts. */
export const BUNDLE_ENTRIES_MAX = 5_000;

/** One `POST` of a transaction. */
export interface PostEntry {
  /** Place in `Bundle.entry`. */
  readonly index: number;
  readonly type: ResourceType;
  readonly resource: FhirTree;
  readonly fullUrl: string | undefined;
  /** The query of a conditional create (R4 §3.1.0.8.1). */
  readonly ifNoneExist: string | undefined;
}

/**
 * The entries of a transaction bundle.
 *
 * @throws FhirError `bundle-invalid`, `too-many-entries`, `duplicate-full-url`; `not-supported` for batches, for other
 *   methods than POST, and for conditions other than `ifNoneExist`.
 */
export function postEntries(bundle: FhirTree): readonly PostEntry[] {
  if (bundle.resourceType !== 'Bundle') throw invalid('a Bundle was expected', 'Bundle');
  if (bundle.type !== 'transaction') {
    throw bundle.type === 'batch'
      ? new FhirError('not-supported', 'batches are not supported, transactions are', 'Bundle.type')
      : invalid('Bundle.type must be transaction', 'Bundle.type');
  }
  const entries = bundle.entry ?? [];
  if (!isList(entries)) throw invalid('an array was expected', 'Bundle.entry');
  if (entries.length > BUNDLE_ENTRIES_MAX) {
    throw new FhirError('too-many-entries', `a transaction has at most ${BUNDLE_ENTRIES_MAX} entries`, 'Bundle.entry');
  }
  const fullUrls = new Set<string>();
  return entries.map((value, index) => {
    const place = `Bundle.entry[${index}]`;
    if (!isTree(value)) throw invalid('an object was expected', place);
    const entry = postEntry(value, index, place);
    if (entry.fullUrl !== undefined) {
      if (fullUrls.has(entry.fullUrl)) {
        throw new FhirError('duplicate-full-url', 'two entries have the same fullUrl', `${place}.fullUrl`);
      }
      fullUrls.add(entry.fullUrl);
    }
    return entry;
  });
}

function postEntry(entry: FhirTree, index: number, place: string): PostEntry {
  const { request, resource, fullUrl } = entry;
  if (!isTree(request)) throw invalid('an entry of a transaction needs a request', `${place}.request`);
  if (request.method !== 'POST') {
    throw new FhirError('not-supported', 'only POST is supported in a transaction', `${place}.request.method`);
  }
  for (const condition of ['ifMatch', 'ifNoneMatch', 'ifModifiedSince']) {
    if (request[condition] !== undefined) {
      throw new FhirError('not-supported', 'this condition does not apply to POST', `${place}.request.${condition}`);
    }
  }
  if (!isTree(resource)) throw invalid('a POST needs a resource', `${place}.resource`);
  const type = resource.resourceType;
  if (!isResourceType(type)) throw invalid('resourceType must name an R4 resource type', `${place}.resource`);
  if (request.url !== type) throw invalid("a POST's url is the type of its resource", `${place}.request.url`);
  return {
    index,
    type,
    resource,
    fullUrl: optionalString(fullUrl, `${place}.fullUrl`),
    ifNoneExist: optionalString(request.ifNoneExist, `${place}.request.ifNoneExist`),
  };
}

function optionalString(value: unknown, place: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw invalid('a string was expected', place);
}

function invalid(message: string, expression: string): FhirError {
  return new FhirError('bundle-invalid', message, expression);
}
