import { FhirError } from './fhir-error.ts';
import { FHIR_ID } from './reference.ts';
import { isResourceType, type ResourceType } from './resource-table.ts';
import { type FhirTree, isList, isTree } from './tree.ts';

/** Entries of one transaction. The largest Synthea bundle has about 600; a longer story is sent in parts. */
export const BUNDLE_ENTRIES_MAX = 5_000;

/** What an entry is about: a resource by its id, or the one that a search finds (R4 §3.1.0.4.3). */
export type EntryTarget =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'search'; readonly query: string };

interface Entry {
  /** Place in `Bundle.entry`. */
  readonly index: number;
  readonly type: ResourceType;
  readonly fullUrl: string | undefined;
}

export interface PostEntry extends Entry {
  readonly method: 'POST';
  readonly resource: FhirTree;
  /** The query of a conditional create (R4 §3.1.0.8.1). */
  readonly ifNoneExist: string | undefined;
}

interface ChangingEntry extends Entry {
  readonly target: EntryTarget;
  /** The version that must be the current one. */
  readonly ifMatch: string | undefined;
}

export interface PutEntry extends ChangingEntry {
  readonly method: 'PUT';
  readonly resource: FhirTree;
}

export interface PatchEntry extends ChangingEntry {
  readonly method: 'PATCH';
  /** A Binary that holds a JSON Patch (R4 §3.1.0.11). */
  readonly patch: FhirTree;
}

export interface DeleteEntry extends ChangingEntry {
  readonly method: 'DELETE';
}

export interface GetEntry {
  readonly method: 'GET';
  readonly index: number;
  /** Relative to the base, as the bundle states it. */
  readonly url: string;
  readonly fullUrl: string | undefined;
}

export type RequestEntry = PostEntry | PutEntry | PatchEntry | DeleteEntry | GetEntry;

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'HEAD'] as const;
const VERSION_TAG = /^(?:W\/)?"([A-Za-z0-9\-.]{1,64})"$/;
const URL_LENGTH_MAX = 4_096;

/**
 * The entries of a transaction bundle (R4 §3.1.0.11), in its order.
 *
 * @throws FhirError `bundle-invalid`, `too-many-entries`, `duplicate-full-url`, `id-invalid`; `not-supported` for batches, which are
 *   no unit, and for conditions that do not apply to their method.
 */
export function requestEntries(bundle: FhirTree): readonly RequestEntry[] {
  if (bundle.resourceType !== 'Bundle') throw invalid('a Bundle was expected', 'Bundle');
  if (bundle.type !== 'transaction') {
    throw bundle.type === 'batch'
      ? new FhirError('not-supported', 'a batch is no unit: its entries are sent alone', 'Bundle.type')
      : invalid('Bundle.type must be transaction', 'Bundle.type');
  }
  const fullUrls = new Set<string>();
  return entriesOf(bundle).map((value, index) => {
    const place = `Bundle.entry[${index}]`;
    const entry = requestEntry(value, index, place);
    if (entry.fullUrl === undefined) return entry;
    if (fullUrls.has(entry.fullUrl)) {
      throw new FhirError('duplicate-full-url', 'two entries have the same fullUrl', `${place}.fullUrl`);
    }
    fullUrls.add(entry.fullUrl);
    return entry;
  });
}

/**
 * The entries of any bundle of requests, each an object.
 *
 * @throws FhirError `bundle-invalid`, `too-many-entries`
 */
export function entriesOf(bundle: FhirTree): readonly FhirTree[] {
  const entries = bundle.entry ?? [];
  if (!isList(entries)) throw invalid('an array was expected', 'Bundle.entry');
  if (entries.length > BUNDLE_ENTRIES_MAX) {
    throw new FhirError('too-many-entries', `a bundle has at most ${BUNDLE_ENTRIES_MAX} entries`, 'Bundle.entry');
  }
  return entries.map((value, index) => {
    if (!isTree(value)) throw invalid('an object was expected', `Bundle.entry[${index}]`);
    return value;
  });
}

function requestEntry(entry: FhirTree, index: number, place: string): RequestEntry {
  const { request } = entry;
  if (!isTree(request)) throw invalid('an entry of a transaction needs a request', `${place}.request`);
  const method = METHODS.find((known) => known === request.method);
  if (method === undefined) throw invalid('the method is none of R4', `${place}.request.method`);
  const url = request.url;
  if (typeof url !== 'string' || url === '' || url.length > URL_LENGTH_MAX) {
    throw invalid('a request has a relative url', `${place}.request.url`);
  }
  const fullUrl = optionalString(entry.fullUrl, `${place}.fullUrl`);
  switch (method) {
    case 'POST':
      return postEntry(entry, request, { index, url, fullUrl, place });
    case 'PUT':
    case 'PATCH':
    case 'DELETE':
      return changingEntry(method, entry, request, { index, url, fullUrl, place });
    case 'GET':
    case 'HEAD':
      refuseConditions(request, ['ifMatch', 'ifNoneExist'], place);
      return { method: 'GET', index, url, fullUrl };
  }
}

type Place = {
  readonly index: number;
  readonly url: string;
  readonly fullUrl: string | undefined;
  readonly place: string;
};

function postEntry(entry: FhirTree, request: FhirTree, { index, url, fullUrl, place }: Place): PostEntry {
  refuseConditions(request, ['ifMatch', 'ifNoneMatch', 'ifModifiedSince'], place);
  const { type, resource } = resourceOf(entry, place);
  if (url !== type) throw invalid("a POST's url is the type of its resource", `${place}.request.url`);
  const ifNoneExist = optionalString(request.ifNoneExist, `${place}.request.ifNoneExist`);
  return { method: 'POST', index, type, resource, fullUrl, ifNoneExist };
}

function changingEntry(
  method: 'PUT' | 'PATCH' | 'DELETE',
  entry: FhirTree,
  request: FhirTree,
  { index, url, fullUrl, place }: Place,
): PutEntry | PatchEntry | DeleteEntry {
  refuseConditions(request, ['ifNoneExist', 'ifNoneMatch', 'ifModifiedSince'], place);
  const { type, target } = parseTarget(url, `${place}.request.url`);
  const common = { index, type, fullUrl, target, ifMatch: versionOf(request.ifMatch, `${place}.request.ifMatch`) };
  if (method === 'DELETE') return { method, ...common };
  const sent = resourceOf(entry, place);
  if (method === 'PATCH') {
    if (sent.type !== 'Binary') {
      throw new FhirError('not-supported', 'a patch is a JSON Patch in a Binary', `${place}.resource`);
    }
    return { method, ...common, patch: sent.resource };
  }
  if (sent.type !== type) throw invalid('the url names another type than the resource has', `${place}.request.url`);
  if (target.kind === 'id' && sent.resource.id !== target.id) {
    throw new FhirError('id-invalid', 'an update’s resource has the id that its url names', `${place}.resource.id`);
  }
  return { method, ...common, resource: sent.resource };
}

function parseTarget(url: string, place: string): { readonly type: ResourceType; readonly target: EntryTarget } {
  const [path, query] = splitOnce(url, '?');
  const [type = '', id, ...rest] = path.split('/');
  if (!isResourceType(type) || rest.length > 0) throw invalid('a url is Type/id or Type?search', place);
  if (id !== undefined && query === undefined) {
    if (!FHIR_ID.test(id)) throw new FhirError('id-invalid', 'a url names an id of R4', place);
    return { type, target: { kind: 'id', id } };
  }
  if (id === undefined && query !== undefined && query !== '') return { type, target: { kind: 'search', query } };
  throw invalid('a url is Type/id or Type?search', place);
}

function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function resourceOf(entry: FhirTree, place: string): { readonly type: ResourceType; readonly resource: FhirTree } {
  const { resource } = entry;
  if (!isTree(resource)) throw invalid('this request needs a resource', `${place}.resource`);
  const type = resource.resourceType;
  if (!isResourceType(type)) throw invalid('resourceType must name an R4 resource type', `${place}.resource`);
  return { type, resource };
}

function refuseConditions(request: FhirTree, names: readonly string[], place: string): void {
  for (const name of names) {
    if (request[name] !== undefined) {
      throw new FhirError('not-supported', 'this condition does not apply to the method', `${place}.request.${name}`);
    }
  }
}

/**
 * The version id in an entity tag as R4 writes it (§3.1.0.1.3): `W/"3"`.
 *
 * @throws FhirError `bundle-invalid`
 */
function versionOf(value: unknown, place: string): string | undefined {
  const tag = optionalString(value, place);
  if (tag === undefined) return undefined;
  const version = VERSION_TAG.exec(tag)?.[1];
  if (version === undefined) throw invalid('a version stands as W/"…"', place);
  return version;
}

function optionalString(value: unknown, place: string): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw invalid('a string was expected', place);
}

function invalid(message: string, expression: string): FhirError {
  return new FhirError('bundle-invalid', message, expression);
}
