import { transactionResponse } from '@salus/fhir';
import type { VaultTransactionOptions } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { FHIR_ACCESS, writingCallerOf } from './caller.ts';
import { describe, IN_BASE, type InPath } from './describe.ts';
import { sendProblem, sendTree } from './fhir-answer.ts';

const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
/** Bundles that arrive or are written at once: each lies whole in memory. */
const BUNDLES_AT_ONCE = 32;

type BundleRequest = FastifyRequest<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>;

/** Transaction bundles at the base, and the import that recognises providers. */
export function addBundles(app: FastifyInstance, node: Node): void {
  const write = async (
    request: BundleRequest,
    reply: FastifyReply,
    options: VaultTransactionOptions,
  ): Promise<FastifyReply> => {
    const { vault } = readHosted(node, request.params.org);
    const writer = writingCallerOf(node, request);
    if (request.body === undefined) throw new ServerError('bad-request', 'A transaction has a bundle as its body.');
    const result = await vault.repository.transaction(writer, request.body, options);
    if (result.kind === 'refused') return sendProblem(reply, { ...problem(result.code), issues: result.issues });
    return sendTree(reply, transactionResponse(result.outcomes));
  };
  const route = { config: { access: FHIR_ACCESS, fhir: true }, bodyLimit: BUNDLE_BYTES_MAX, ...boundArrivals() };
  app.route<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>({
    ...route,
    method: 'POST',
    url: '/:org/fhir/R4',
    schema: describe('Writes a transaction bundle: all of it or nothing (FHIR R4 §3.1.0.11).', IN_BASE, {
      hasBody: true,
    }),
    handler: (request, reply) => write(request, reply, { again: true }),
  });
  app.route<{ Params: Pick<InPath, 'org'>; Querystring: { again?: '1' }; Body: Buffer | undefined }>({
    ...route,
    method: 'POST',
    url: '/api/v1/orgs/:org/imports',
    schema: describe(
      'Imports a transaction bundle: providers are matched by identifier, and the same bundle is taken once unless `again` is 1.',
      IN_BASE,
      { hasBody: true, query: { again: schema.oneOf(['1']) } },
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
