import {
  type EntryAnswer,
  type EntryOutcome,
  type FhirTree,
  type ResourceBody,
  transactionResponse,
} from '@salus/fhir';
import type { VaultTransactionOptions } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { answerBatch, findBatch } from './batches.ts';
import { callerOf, FHIR_ACCESS, writingCallerOf } from './caller.ts';
import { describe, IN_BASE, type InPath } from './describe.ts';
import { subrequestsOf } from './entry-request.ts';
import { sendProblem, sendTree } from './fhir-answer.ts';
import { transactionWithoutLinks } from './foreign.ts';
import { demandParameters, preferencesOf } from './preferences.ts';
import { resourceIn } from './request-body.ts';

const BUNDLE_BYTES_MAX = 64 * 1024 * 1024;
/** Bundles that arrive or are written at once: each lies whole in memory. */
const BUNDLES_AT_ONCE = 32;

type BundleRequest = FastifyRequest<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>;

/** Transactions and batches at the base (R4 §3.1.0.11), and the import that recognises providers. */
export function addBundles(app: FastifyInstance, node: Node): void {
  const arriving = boundArrivals();
  const route = { config: { access: FHIR_ACCESS, fhir: true }, bodyLimit: BUNDLE_BYTES_MAX, ...arriving };
  app.route<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>({
    ...route,
    method: 'POST',
    url: '/:org/fhir/R4',
    schema: describe(
      'Answers a transaction, all of it or nothing, or a batch, each entry for itself (FHIR R4 §3.1.0.11).',
      IN_BASE,
      { hasBody: true },
    ),
    handler: async (request, reply) => {
      demandParameters(request, []);
      const body = resourceIn(request);
      const batch = findBatch(body);
      if (batch === undefined) return transact(app, node, { request, reply, body, options: { again: true } });
      // Whether it may is asked of every entry; that somebody asks is asked here.
      callerOf(node, request);
      return sendTree(reply, await answerBatch(subrequestsOf(app, request), batch));
    },
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
    handler: (request, reply) => {
      const options = { again: request.query.again === '1', matchDirectoryByIdentifier: true };
      return transact(app, node, { request, reply, body: resourceIn(request), options });
    },
  });
}

async function transact(
  app: FastifyInstance,
  node: Node,
  call: {
    readonly request: BundleRequest;
    readonly reply: FastifyReply;
    readonly body: ResourceBody;
    readonly options: VaultTransactionOptions;
  },
): Promise<FastifyReply> {
  const { request, reply, body, options } = call;
  const caller = writingCallerOf(node, request);
  const organisation = readHosted(node, request.params.org);
  const { bytes, format } = await transactionWithoutLinks({ organisation, caller }, body);
  const result = await organisation.vault.repository.transaction(caller, bytes, { ...options, format });
  if (result.kind === 'refused') return sendProblem(reply, { ...problem(result.code), issues: result.issues });
  const { outcomes, reads = [] } = result;
  const wantsAll = preferencesOf(request).returns === 'representation';
  if (reads.length === 0 && !wantsAll) return sendTree(reply, transactionResponse(outcomes));
  const ask = subrequestsOf(app, request);
  const answers: (EntryOutcome | EntryAnswer)[] = [];
  for (const outcome of outcomes) {
    const shows = wantsAll && (outcome.kind === 'created' || outcome.kind === 'updated');
    answers.push(shows ? withResource(outcome, await ask({ method: 'GET', url: urlOf(outcome) })) : outcome);
  }
  // In the order of the bundle, so that each has its place when it comes.
  for (const { index, url } of reads) answers.splice(index, 0, await ask({ method: 'GET', url }));
  return sendTree(reply, transactionResponse(answers));
}

function urlOf({ type, id, versionId }: EntryOutcome): string {
  return `${type}/${id}/_history/${versionId}`;
}

function withResource(outcome: EntryOutcome, { resource }: EntryAnswer): EntryAnswer {
  const [entry] = (transactionResponse([outcome]).entry ?? []) as readonly FhirTree[];
  const response = entry?.response as FhirTree;
  return resource === undefined ? { response } : { resource, response };
}

/**
 * Refuses bundles before their bodies are read when too many lie in memory. A bundle is counted until its answer is ready or its
 * body comes no more. Not until the answer has left: a client that went away takes none, and the door would close for good.
 */
function boundArrivals(): Pick<RouteShorthandOptions, 'preParsing' | 'onSend'> {
  let arriving = 0;
  const counted = new WeakSet<FastifyRequest>();
  const release = (request: FastifyRequest): void => {
    if (counted.delete(request)) arriving -= 1;
  };
  return {
    preParsing: async (request) => {
      if (arriving >= BUNDLES_AT_ONCE)
        throw new ServerError('overloaded', 'Too many bundles arrive at once: try again.');
      arriving += 1;
      counted.add(request);
      request.raw.once('close', () => {
        if (request.raw.readableAborted) release(request);
      });
    },
    onSend: async (request) => release(request),
  };
}
