import {
  isResourceType,
  type ReadResult,
  type ResourceType,
  stringifyFhirJson,
  transactionResponse,
} from '@salus/fhir';
import type { VaultTransactionOptions } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { type Problem, problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { FHIR_TYPE, sendFhirProblem } from '../http/server.ts';
import { type Node, readerOf, readHosted, writerOf } from '../node.ts';
import { ServerError } from '../server-error.ts';

export const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
/** Bundles that arrive or are written at once: each lies whole in memory. */
export const BUNDLES_AT_ONCE = 32;
/** A single resource with its inline attachments. */
const RESOURCE_BYTES_MAX = 16 * 1024 * 1024;
const RESOURCE_IN_PATH = { type: schema.resourceType, id: schema.fhirId };
const STAFF = { kind: 'session', who: ['staff'] } as const;

interface InPath {
  readonly org: string;
  readonly type: string;
  readonly id: string;
  readonly vid: string;
}

/** FHIR R4: transaction (create), read and vread of one organisation's records, for its staff. */
export function addFhirRoutes(app: FastifyInstance, node: Node): void {
  // A scope of its own, where JSON stays the bytes that came: number literals must survive.
  app.register(async (scope) => {
    scope.removeContentTypeParser(['application/json', 'application/fhir+json']);
    const keep = (
      _request: FastifyRequest,
      body: string | Buffer,
      done: (error: null, body: string | Buffer) => void,
    ) => done(null, body);
    scope.addContentTypeParser(['application/fhir+json', 'application/json'], { parseAs: 'buffer' }, keep);
    addTransactions(scope, node);
    addReads(scope, node);
    addCorrections(scope, node);
  });
}

function addTransactions(app: FastifyInstance, node: Node): void {
  const params = { org: schema.organisation };
  const write = async (
    request: FastifyRequest<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>,
    reply: FastifyReply,
    options: VaultTransactionOptions,
  ): Promise<FastifyReply> => {
    const { vault } = readHosted(node, request.params.org);
    const writer = writerOf(node, request);
    if (request.body === undefined) throw new ServerError('bad-request', 'A transaction has a bundle as its body.');
    const result = await vault.repository.transaction(writer, request.body, options);
    if (result.kind === 'refused') return sendFhirProblem(reply, { ...problem(result.code), issues: result.issues });
    return reply.type(FHIR_TYPE).send(stringifyFhirJson(transactionResponse(result.outcomes)));
  };
  const arriving = boundArrivals();
  const route = { config: { access: STAFF, fhir: true }, bodyLimit: BUNDLE_BYTES_MAX, ...arriving };
  app.route<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>({
    ...route,
    method: 'POST',
    url: '/:org/fhir/R4',
    schema: describe('Writes a transaction bundle of creates: all of it or nothing (FHIR R4 §3.1.0.11).', params, {}),
    handler: (request, reply) => write(request, reply, { again: true }),
  });
  app.route<{ Params: Pick<InPath, 'org'>; Querystring: { again?: '1' }; Body: Buffer | undefined }>({
    ...route,
    method: 'POST',
    url: '/api/v1/orgs/:org/imports',
    schema: describe(
      'Imports a transaction bundle: providers are matched by identifier, and the same bundle is taken once unless `again` is 1.',
      params,
      { again: schema.oneOf(['1']) },
    ),
    handler: (request, reply) =>
      write(request, reply, { again: request.query.again === '1', matchDirectoryByIdentifier: true }),
  });
}

/** Refuses bundles before their bodies are read when too many lie in memory. */
function boundArrivals(): Pick<RouteShorthandOptions, 'preParsing' | 'onResponse'> {
  let arriving = 0;
  const counted = new WeakSet<FastifyRequest>();
  return {
    preParsing: async (request) => {
      if (arriving >= BUNDLES_AT_ONCE)
        throw new ServerError('overloaded', 'Too many bundles arrive at once: try again.');
      arriving += 1;
      counted.add(request);
    },
    onResponse: async (request) => {
      if (counted.delete(request)) arriving -= 1;
    },
  };
}

function addReads(app: FastifyInstance, node: Node): void {
  const params = { org: schema.organisation, ...RESOURCE_IN_PATH };
  app.route<{ Params: Omit<InPath, 'vid'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id',
    config: { access: STAFF, fhir: true },
    schema: describe('The current version of a resource, as its author wrote it.', params),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      const { vault } = readHosted(node, org);
      return sendResource(reply, await vault.repository.read(readerOf(request), knownType(type), id));
    },
  });
  app.route<{ Params: InPath }>({
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id/_history/:vid',
    config: { access: STAFF, fhir: true },
    schema: describe('One version of a resource.', { ...params, vid: schema.digits }),
    handler: async (request, reply) => {
      const { org, type, id, vid } = request.params;
      const { vault } = readHosted(node, org);
      return sendResource(reply, await vault.repository.vread(readerOf(request), knownType(type), id, vid));
    },
  });
}

const MATCHED_VERSION = /^(?:W\/)?"([1-9][0-9]{0,8})"$/;

/** Nothing is overwritten: PUT writes the next version, DELETE hides the current one and keeps it. */
function addCorrections(app: FastifyInstance, node: Node): void {
  const params = { org: schema.organisation, ...RESOURCE_IN_PATH };
  app.route<{ Params: Omit<InPath, 'vid'>; Body: Buffer | undefined }>({
    method: 'PUT',
    url: '/:org/fhir/R4/:type/:id',
    config: { access: STAFF, fhir: true },
    bodyLimit: RESOURCE_BYTES_MAX,
    schema: describe('Corrects a resource: the next version after the one that If-Match names.', params, {}),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      const { vault } = readHosted(node, org);
      const writer = writerOf(node, request);
      const versionId = MATCHED_VERSION.exec(request.headers['if-match'] ?? '')?.[1];
      if (versionId === undefined || request.body === undefined) {
        throw new ServerError(
          'bad-request',
          'A correction has a resource as its body and names in If-Match the version it was made from.',
        );
      }
      const result = await vault.corrections.correct(writer, { type: knownType(type), id, versionId }, request.body);
      if (result.kind === 'refused') return sendFhirProblem(reply, { ...problem(result.code), issues: result.issues });
      const read = await vault.repository.read(writer, knownType(type), id);
      if (read.kind === 'found') return sendResource(reply, read);
      // Written all the same: who finishes the encounter that opened the record to them reads it no more.
      const [written] = result.outcomes;
      return reply
        .code(200)
        .header('etag', `W/"${written?.versionId ?? ''}"`)
        .send();
    },
  });
  app.route<{ Params: Omit<InPath, 'vid'> }>({
    method: 'DELETE',
    url: '/:org/fhir/R4/:type/:id',
    config: { access: STAFF, fhir: true },
    schema: describe('Hides a resource, which stays provable; erasing is the patient’s own signed call.', params),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      const { vault } = readHosted(node, org);
      const writer = writerOf(node, request);
      const record = await vault.rows.findResource(knownType(type), id);
      if (record === undefined) throw new ServerError('not-found', 'There is no such resource.');
      await vault.corrections.tombstone(writer, [record.recordId]);
      return reply.code(204).send();
    },
  });
}

function sendResource(reply: FastifyReply, result: ReadResult): FastifyReply {
  switch (result.kind) {
    case 'found':
      return reply
        .type(FHIR_TYPE)
        .header('etag', `W/"${result.versionId}"`)
        .header('last-modified', new Date(result.lastUpdatedMs).toUTCString())
        .send(result.text);
    case 'gone':
      return sendFhirProblem(reply, problem('tombstoned', 'The resource is hidden or erased.'));
    case 'not-found':
      return sendFhirProblem(reply, problem('not-found', 'There is no such resource.'));
    case 'refused':
      return sendFhirProblem(reply, refusal(result.code));
  }
}

function refusal(code: string): Problem {
  return problem(
    code,
    code === 'denied' ? 'Your role, care relationship or the patient’s denial does not allow this.' : undefined,
  );
}

function knownType(type: string): ResourceType {
  if (!isResourceType(type)) throw new ServerError('not-found', 'FHIR R4 has no such resource type.');
  return type;
}

function describe(
  summary: string,
  params: { readonly [name: string]: schema.JsonSchema },
  query?: { readonly [name: string]: schema.JsonSchema },
): object {
  const resource = { schema: { type: 'object', description: 'A FHIR R4 resource.' } };
  return {
    summary,
    params: schema.object(params),
    querystring: schema.object(query ?? {}, Object.keys(query ?? {})),
    ...(query === undefined ? {} : { consumes: ['application/fhir+json'] }),
    response: {
      200: { description: 'Done.', content: { 'application/fhir+json': resource } },
      '4xx': { description: 'An OperationOutcome.', content: { 'application/fhir+json': resource } },
    },
  };
}
