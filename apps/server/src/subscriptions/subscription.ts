import { type FhirTree, isResourceType, isTree, parseSearch, type SearchRequest } from '@salus/fhir';
import { ServerError } from '../server-error.ts';
import type { EndpointRules } from './endpoint-guard.ts';
import { demandEndpoint } from './endpoint-guard.ts';

const BACKPORT = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition';
const FILTER = `${BACKPORT}/backport-filter-criteria`;
const CONTENT = `${BACKPORT}/backport-payload-content`;
const HEARTBEAT = `${BACKPORT}/backport-heartbeat-period`;
const CRITERIA_LENGTH_MAX = 2_000;
const HEADERS_MAX = 16;
const HEADER = /^([A-Za-z][A-Za-z0-9-]{0,63}):\s*([\x20-\x7e]{0,1024})$/;
/** What the node itself says in a request, or what would change where it goes. */
const OWN_HEADERS =
  /^(?:host|content-.*|transfer-encoding|connection|upgrade|te|trailer|expect|proxy-.*|forwarded|x-forwarded-.*)$/i;
export const HEARTBEAT_MIN_S = 10;
const HEARTBEAT_MAX_S = 86_400;

/** The one topic: a record came to be or changed. Which, the filter says. */
export const TOPIC_PATH = 'SubscriptionTopic/resource-change';

export type Content = 'empty' | 'id-only';

/** A Subscription as it was understood. */
export interface Subscribed {
  readonly search: SearchRequest;
  /** Asked for by topic: an R4 subscription by criteria alone is told by an empty request where it wants no payload. */
  readonly isTopic: boolean;
  readonly channel:
    | {
        readonly kind: 'rest-hook';
        readonly endpoint: string;
        readonly headers: readonly (readonly [string, string])[];
      }
    | { readonly kind: 'websocket' };
  readonly content: Content;
  readonly heartbeatMs: number | null;
  readonly endMs: number | null;
}

/**
 * Reads an R4 Subscription: its own criteria (R4 §2.46.3), or the topic with a filter (Subscriptions R5 Backport 1.1.0).
 *
 * @throws ServerError `bad-request` naming what is not supported
 */
export function parseSubscription(
  tree: FhirTree,
  { baseUrl, endpoints }: { readonly baseUrl: string; readonly endpoints: EndpointRules },
): Subscribed {
  const { channel } = tree;
  if (!isTree(channel)) throw bad('has no channel');
  return {
    search: parseCriteria(criteriaOf(tree, baseUrl)),
    isTopic: tree.criteria === `${baseUrl}/${TOPIC_PATH}`,
    channel: parseChannel(channel, endpoints),
    content: contentOf(channel),
    heartbeatMs: heartbeatOf(channel),
    endMs: endOf(tree),
  };
}

function criteriaOf(tree: FhirTree, baseUrl: string): string {
  const { criteria } = tree;
  if (typeof criteria !== 'string' || criteria.length > CRITERIA_LENGTH_MAX) throw bad('has no criteria');
  if (criteria !== `${baseUrl}/${TOPIC_PATH}`) return criteria;
  const filters = extensionsOf(tree._criteria, FILTER).map(({ valueString }) => valueString);
  const [filter] = filters;
  if (filters.length !== 1 || typeof filter !== 'string' || filter.length > CRITERIA_LENGTH_MAX) {
    throw bad('names the topic without one filter criteria');
  }
  return filter;
}

/** Chains and includes would ask about other records than the one that changed. */
function parseCriteria(criteria: string): SearchRequest {
  const [type = '', query = ''] = criteria.split('?', 2);
  if (!isResourceType(type)) throw bad('has criteria of no resource type');
  const parsed = parseSearch(type, new URLSearchParams(query), { strict: true });
  if (parsed.kind === 'refused') throw bad('has criteria that are no search that this node knows');
  const { filters, includes, revincludes } = parsed.request;
  const isOwn = filters.every(({ kind }) => kind === 'values' || kind === 'missing');
  if (!isOwn || includes.length + revincludes.length > 0)
    throw bad('has criteria that look beyond the resource itself');
  return parsed.request;
}

function parseChannel(channel: FhirTree, endpoints: EndpointRules): Subscribed['channel'] {
  switch (channel.type) {
    case 'websocket':
      return { kind: 'websocket' };
    case 'rest-hook': {
      const { endpoint } = channel;
      if (typeof endpoint !== 'string') throw bad('has no endpoint');
      demandEndpoint(endpoint, endpoints);
      return { kind: 'rest-hook', endpoint, headers: headersOf(channel) };
    }
    default:
      throw bad('has a channel that is neither rest-hook nor websocket');
  }
}

function headersOf({ header }: FhirTree): readonly (readonly [string, string])[] {
  const lines = header === undefined ? [] : Array.isArray(header) ? header : [header];
  if (lines.length > HEADERS_MAX) throw bad(`has more than ${HEADERS_MAX} headers`);
  return lines.map((line): readonly [string, string] => {
    const [, name, value] = typeof line === 'string' ? (HEADER.exec(line) ?? []) : [];
    if (name === undefined || value === undefined || OWN_HEADERS.test(name))
      throw bad('has a header that may not be set');
    return [name, value];
  });
}

/** Content goes to a place that no grant names: identifiers only. */
function contentOf(channel: FhirTree): Content {
  const [given] = extensionsOf(channel._payload, CONTENT);
  const content = given?.valueCode ?? (channel.payload === undefined ? 'empty' : 'id-only');
  if (content === 'empty' || content === 'id-only') {
    const { payload } = channel;
    const isJson = typeof payload === 'string' && /^application\/(?:fhir\+)?json(?:;.*)?$/.test(payload);
    if (payload !== undefined && !isJson) {
      throw bad('asks for a payload that is not application/fhir+json');
    }
    return content;
  }
  throw bad('asks for content: notifications here are empty or id-only, and the resource is read by who may');
}

function heartbeatOf(channel: FhirTree): number | null {
  const [given] = extensionsOf(channel, HEARTBEAT);
  if (given === undefined) return null;
  const seconds = given.valueUnsignedInt ?? given.valueInteger;
  if (typeof seconds !== 'number' || seconds < HEARTBEAT_MIN_S || seconds > HEARTBEAT_MAX_S) {
    throw bad(`has a heartbeat that is not every ${HEARTBEAT_MIN_S} to ${HEARTBEAT_MAX_S} seconds`);
  }
  return seconds * 1_000;
}

function endOf({ end }: FhirTree): number | null {
  if (end === undefined) return null;
  const ms = typeof end === 'string' ? Date.parse(end) : Number.NaN;
  if (Number.isNaN(ms)) throw bad('has an end that is no instant');
  return ms;
}

function extensionsOf(value: unknown, url: string): readonly FhirTree[] {
  const holder = isTree(value) ? value.extension : undefined;
  return Array.isArray(holder) ? holder.filter(isTree).filter((extension) => extension.url === url) : [];
}

function bad(problem: string): ServerError {
  return new ServerError('bad-request', `The Subscription ${problem}.`);
}
