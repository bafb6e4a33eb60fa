import {
  type FhirValue,
  type HistoryQuery,
  type HistoryResult,
  isTree,
  parseFhirJson,
  parseFhirXml,
  type ReadResult,
  type ResourceBody,
  type ResourceType,
  stringifyFhirJson,
} from '@salus/fhir';
import { RecordsError, type SearchPage, type VaultCaller, withoutSeeAlso, withSeeAlso } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';

const FIRST_VERSION = '1';
const PATIENT_URL = /^Patient\/([A-Za-z0-9.-]{1,64})$/;

interface Door {
  readonly organisation: HostedOrganisation;
  readonly caller: VaultCaller;
}

/**
 * A resource of another organisation by its local id (ADR 0015): the version that is read now, and no other.
 *
 * @throws RecordsError `session-ended` with the author's reason, `too-large`, and the codes of an author that proves nothing
 */
export async function readForeign(
  { organisation, caller }: Door,
  type: ResourceType,
  id: string,
  versionId?: string,
): Promise<ReadResult> {
  organisation.vault.guard.demandReleasing();
  const found = await organisation.exchange.foreign.read(caller, type, id);
  if (found === undefined || (versionId !== undefined && versionId !== found.versionId)) return { kind: 'not-found' };
  if (found.text === null) throw new RecordsError('too-large', 'attachments are read in the session, one by one');
  return { kind: 'found', text: found.text, versionId: found.versionId, lastUpdatedMs: found.lastUpdatedMs };
}

/**
 * Its history: the version that is read now, as a grant opens no other. What came before stands at the author's, and what was
 * never here has no deletion here either.
 */
export async function foreignHistory(
  door: Door,
  type: ResourceType,
  id: string,
  { sinceMs = Number.NEGATIVE_INFINITY, at }: Pick<HistoryQuery, 'sinceMs' | 'at'>,
): Promise<HistoryResult> {
  const result = await readForeign(door, type, id);
  if (result.kind !== 'found') return { kind: 'not-found' };
  const { text, versionId, lastUpdatedMs: atMs } = result;
  const kind = versionId === FIRST_VERSION ? 'create' : 'update';
  const isAsked = atMs >= sinceMs && (at === undefined || atMs <= at.toMs);
  return { kind: 'found', entries: isAsked ? [{ kind, type, id, versionId, atMs, text }] : [], next: undefined };
}

/** An own Patient with its links to the same person elsewhere, for whoever may read there now. */
export async function withLinks(
  { organisation, caller }: Door,
  id: string,
  result: ReadResult,
): Promise<ReadResult & { readonly isLinked?: true }> {
  if (result.kind !== 'found') return result;
  const text = await linked({ organisation, caller }, id, result.text);
  return text === undefined ? result : { ...result, text, isLinked: true };
}

/** As `withLinks`, of the own Patients on a page. */
export async function pageWithLinks(door: Door, page: SearchPage): Promise<SearchPage> {
  const linkAll = (list: SearchPage['matches']) =>
    Promise.all(
      list.map(async (found) => {
        const { type, id } = found.record.meta;
        if (type !== 'Patient' || found.text === null) return found;
        const text = await linked(door, id, found.text);
        return text === undefined ? found : { ...found, text, tree: parseFhirJson(text) };
      }),
    );
  const [matches, included] = await Promise.all([linkAll(page.matches), linkAll(page.included)]);
  return { ...page, matches, included };
}

/** The body of an update of an own Patient without the links that its reader was shown: colleagues shall not see them. */
export async function withoutLinks(
  { organisation, caller }: Door,
  id: string,
  body: ResourceBody,
): Promise<ResourceBody> {
  const urls = await organisation.exchange.foreign.seeAlso(caller, id);
  if (urls.length === 0) return body;
  const tree = body.format === 'xml' ? parseFhirXml(body.bytes) : parseFhirJson(body.bytes);
  return { bytes: stringifyFhirJson(withoutSeeAlso(tree, urls)), format: 'json' };
}

/** As `withoutLinks`, of the Patients that a transaction updates. */
export async function transactionWithoutLinks(door: Door, body: ResourceBody): Promise<ResourceBody> {
  // Most bundles hold none, and large ones are parsed but once, where they are written.
  const { bytes } = body;
  const text = typeof bytes === 'string' ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!text.includes('seealso')) return body;
  const tree = body.format === 'xml' ? parseFhirXml(body.bytes) : parseFhirJson(body.bytes);
  const { entry: entries } = tree;
  if (!Array.isArray(entries)) return body;
  const entry = await Promise.all((entries as readonly FhirValue[]).map((each) => entryWithoutLinks(door, each)));
  return { bytes: stringifyFhirJson({ ...tree, entry }), format: 'json' };
}

async function entryWithoutLinks({ organisation, caller }: Door, entry: FhirValue): Promise<FhirValue> {
  if (!isTree(entry) || !isTree(entry.request) || !isTree(entry.resource)) return entry;
  const { method, url } = entry.request;
  const id = method === 'PUT' && typeof url === 'string' ? PATIENT_URL.exec(url)?.[1] : undefined;
  if (id === undefined) return entry;
  const urls = await organisation.exchange.foreign.seeAlso(caller, id);
  return urls.length === 0 ? entry : { ...entry, resource: withoutSeeAlso(entry.resource, urls) };
}

async function linked({ organisation, caller }: Door, id: string, text: string): Promise<string | undefined> {
  const urls = await organisation.exchange.foreign.seeAlso(caller, id);
  return urls.length === 0 ? undefined : stringifyFhirJson(withSeeAlso(parseFhirJson(text), urls));
}
