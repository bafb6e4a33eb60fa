import { type EntryAnswer, type FhirTree, isTree, parseFhirJson, stringifyFhirJson } from '@salus/fhir';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { JSON_TYPE } from './fhir-answer.ts';

/** What an entry of a bundle asks for, as `Bundle.entry.request` has it. */
export interface EntryRequest {
  readonly method: string;
  /** Relative to the base. */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly text: string; readonly type: string };
}

export type AskEntry = (asked: EntryRequest) => Promise<EntryAnswer>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
/** `Type…`, `_history…`, `$operation`, `metadata`: never a host, never a way up. */
const RELATIVE = /^[A-Za-z$_][^\s#\\]*$/;

/**
 * Entries of a bundle go the way of requests of their own, to the same base and as the same caller: every door decides as it
 * always does, and none has a second entrance.
 */
export function subrequestsOf(app: FastifyInstance, request: FastifyRequest): AskEntry {
  const { org } = request.params as { readonly org: string };
  const { authorization, prefer } = request.headers;
  return async ({ method, url, headers = {}, body }) => {
    const known = METHODS.find((one) => one === method);
    if (known === undefined || !isInside(url))
      return refused('400 Bad Request', 'an entry has a method and a relative url');
    const answer = await app.inject({
      method: known,
      url: `/${org}/fhir/R4/${url}`,
      remoteAddress: request.ip,
      headers: {
        accept: JSON_TYPE,
        ...(authorization === undefined ? {} : { authorization }),
        ...(prefer === undefined ? {} : { prefer: String(prefer) }),
        ...headers,
        ...(body === undefined ? {} : { 'content-type': body.type }),
      },
      ...(body === undefined ? {} : { payload: body.text }),
    });
    return answerOf(answer);
  };
}

/** One base and one level: a bundle inside a bundle is none. */
function isInside(url: string): boolean {
  if (!RELATIVE.test(url)) return false;
  const [path = ''] = url.split('?', 1);
  return path.split('/').every((segment, at) => !isDots(segment) && !(at === 0 && segment.includes(':')));
}

function isDots(segment: string): boolean {
  return /^(?:\.|%2e){1,2}$/i.test(segment);
}

type Injected = {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly payload: string;
};

function answerOf({ statusCode, statusMessage, headers, payload }: Injected): EntryAnswer {
  const modified = Date.parse(textOf(headers['last-modified']));
  const response = {
    status: `${statusCode} ${statusMessage}`.trim(),
    ...(typeof headers.location === 'string' ? { location: headers.location } : {}),
    ...(typeof headers.etag === 'string' ? { etag: headers.etag } : {}),
    ...(Number.isNaN(modified) ? {} : { lastModified: new Date(modified).toISOString() }),
  };
  const isFhir = textOf(headers['content-type']).startsWith('application/fhir+json');
  if (payload === '' || !isFhir) return { response };
  const resource = parseFhirJson(payload);
  return statusCode >= 400 ? { response: { ...response, outcome: resource } } : { response, resource };
}

function textOf(header: unknown): string {
  return typeof header === 'string' ? header : '';
}

/** An entry that cannot be asked. */
export function refused(status: string, text: string): EntryAnswer {
  const outcome = {
    resourceType: 'OperationOutcome',
    issue: [{ severity: 'error', code: 'invalid', details: { text } }],
  };
  return { response: { status, outcome } };
}

/** The request that an entry of a batch makes; undefined where it makes none. */
export function requestOf({ request, resource }: FhirTree): EntryRequest | undefined {
  if (!isTree(request) || typeof request.method !== 'string' || typeof request.url !== 'string') return undefined;
  const { method, url } = request;
  const headers = headersOf(request);
  if (!isTree(resource)) return { method, url, headers };
  if (method !== 'PATCH') return { method, url, headers, body: { text: stringifyFhirJson(resource), type: JSON_TYPE } };
  const { contentType, data } = resource;
  if (typeof contentType !== 'string' || typeof data !== 'string') return undefined;
  return { method, url, headers, body: { text: Buffer.from(data, 'base64').toString(), type: contentType } };
}

const CONDITIONS = [
  ['ifNoneMatch', 'if-none-match'],
  ['ifModifiedSince', 'if-modified-since'],
  ['ifMatch', 'if-match'],
  ['ifNoneExist', 'if-none-exist'],
] as const;

function headersOf(request: FhirTree): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const [element, header] of CONDITIONS) {
    const value = request[element];
    if (typeof value !== 'string' || /[^\t\u0020-\u007e]/.test(value)) continue;
    // HTTP writes instants in its own way.
    headers[header] = element === 'ifModifiedSince' ? new Date(value).toUTCString() : value;
  }
  return headers;
}
