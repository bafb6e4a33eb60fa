import type { FhirTree, HistoryEntry, HistoryQuery, HistoryScope } from '@salus/fhir';
import { parseFhirJson } from '@salus/fhir';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { callerOf, callerSession, FHIR_ACCESS } from './caller.ts';
import { describe, IN_BASE, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendProblem, sendTree } from './fhir-answer.ts';
import { foreignHistory } from './foreign.ts';
import { openPage, sealPage } from './operations/page-token.ts';
import { countIn, type OperationQuery, oneOf, periodIn } from './operations/query.ts';
import { demandParameters } from './preferences.ts';
import { knownType, refusal } from './reads.ts';

const COUNT_USUAL = 50;
const COUNT_MAX = 200;
const CURSOR = '_cursor';
const PARAMETERS: readonly string[] = ['_count', '_since', '_at', CURSOR];

type HistoryRequest = FastifyRequest<{ Params: Omit<InPath, 'vid'>; Querystring: OperationQuery }>;

/** History of a resource, of a type and of everything (R4 §3.1.0.9): what the caller may see of it. */
export function addHistories(app: FastifyInstance, node: Node): void {
  const routes = [
    ['/:type/:id/_history', RESOURCE_IN_PATH, 'What happened to a resource, newest first.'],
    ['/:type/_history', { ...IN_BASE, type: schema.resourceType }, 'What happened to resources of a type.'],
    ['/_history', IN_BASE, 'What happened, newest first.'],
  ] as const;
  for (const [url, params, summary] of routes) {
    app.route<{ Params: Omit<InPath, 'vid'>; Querystring: OperationQuery }>({
      method: 'GET',
      url: `/:org/fhir/R4${url}`,
      config: { access: FHIR_ACCESS, fhir: true },
      schema: describe(summary, params),
      handler: (request, reply) => answer(node, request, reply),
    });
  }
}

async function answer(node: Node, request: HistoryRequest, reply: FastifyReply): Promise<FastifyReply> {
  demandParameters(request, PARAMETERS);
  const organisation = readHosted(node, request.params.org);
  const { vault } = organisation;
  const scope = scopeOf(request.params);
  const path = [scope.type, scope.id, '_history'].filter((part) => part !== undefined).join('/');
  const context = [callerSession(request), path];
  const token = oneOf(request.query, CURSOR);
  const cursor = token === undefined ? undefined : openPage(vault.masterKey, context, token);
  const query = { ...queryOf(request.query), ...(typeof cursor === 'string' ? { cursor } : {}) };
  const caller = callerOf(node, request);
  const own = await vault.repository.history(caller, scope, query);
  const isForeign = own.kind === 'not-found' && scope.type !== undefined && scope.id !== undefined;
  const result = isForeign ? await foreignHistory({ organisation, caller }, scope.type, scope.id, query) : own;
  switch (result.kind) {
    case 'not-found':
      return sendProblem(reply, problem('not-found', 'There is no such resource.'));
    case 'refused':
      return sendProblem(reply, refusal(result.code));
    case 'found': {
      const next = result.next === undefined ? undefined : sealPage(vault.masterKey, context, result.next);
      const isWhole = cursor === undefined && next === undefined;
      return sendTree(reply, bundleOf(organisation, request, { path, entries: result.entries, next, isWhole }));
    }
  }
}

function scopeOf({ type, id }: Partial<InPath>): HistoryScope {
  if (type === undefined) return {};
  return id === undefined ? { type: knownType(type) } : { type: knownType(type), id };
}

/** @throws ServerError `bad-request` */
function queryOf(query: OperationQuery): HistoryQuery {
  const count = countIn(query, '_count', { usual: COUNT_USUAL, max: COUNT_MAX });
  const since = periodIn(query, '_since');
  const at = periodIn(query, '_at');
  if (since !== undefined && at !== undefined) {
    throw new ServerError('bad-request', '_since and _at exclude each other (R4 §3.1.0.9).');
  }
  return {
    count,
    ...(since === undefined ? {} : { sinceMs: since.startMs }),
    ...(at === undefined ? {} : { at: { fromMs: at.startMs, toMs: at.endMs - 1 } }),
  };
}

function bundleOf(
  { baseUrl }: HostedOrganisation,
  request: HistoryRequest,
  page: {
    readonly path: string;
    readonly entries: readonly HistoryEntry[];
    readonly next: string | undefined;
    readonly isWhole: boolean;
  },
): FhirTree {
  const { path, entries, next, isWhole } = page;
  const asked = Object.entries(request.query).flatMap(([name, value]) =>
    PARAMETERS.includes(name) && typeof value === 'string' ? [[name, value] as const] : [],
  );
  const linkTo = (cursor: string | undefined): string => {
    const parameters = new URLSearchParams(asked.filter(([name]) => name !== CURSOR).map(([...pair]) => pair));
    if (cursor !== undefined) parameters.set(CURSOR, cursor);
    return `${baseUrl}/${path}${parameters.size === 0 ? '' : `?${parameters.toString()}`}`;
  };
  const self = { relation: 'self', url: linkTo(oneOf(request.query, CURSOR)) };
  return {
    resourceType: 'Bundle',
    type: 'history',
    // What was not looked at is not counted.
    ...(isWhole ? { total: entries.length } : {}),
    link: next === undefined ? [self] : [self, { relation: 'next', url: linkTo(next) }],
    ...(entries.length === 0 ? {} : { entry: entries.map((entry) => entryOf(baseUrl, entry)) }),
  };
}

function entryOf(baseUrl: string, { kind, type, id, versionId, atMs, text }: HistoryEntry): FhirTree {
  const request = {
    create: { method: 'POST', url: type },
    update: { method: 'PUT', url: `${type}/${id}` },
    delete: { method: 'DELETE', url: `${type}/${id}` },
  }[kind];
  const status = { create: '201 Created', update: '200 OK', delete: '204 No Content' }[kind];
  const etag = kind === 'delete' ? {} : { etag: `W/"${versionId}"` };
  return {
    fullUrl: `${baseUrl}/${type}/${id}`,
    ...(text === undefined ? {} : { resource: parseFhirJson(text) }),
    request,
    response: { status, ...etag, lastModified: new Date(atMs).toISOString() },
  };
}
