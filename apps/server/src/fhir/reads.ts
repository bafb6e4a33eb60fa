import { isResourceType, type ReadResult, type ResourceType } from '@salus/fhir';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Problem, problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { callerOf, FHIR_ACCESS } from './caller.ts';
import { describe, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendProblem, sendText } from './fhir-answer.ts';

/** Read and vread (R4 §3.1.0.1, §3.1.0.2). */
export function addReads(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Omit<InPath, 'vid'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('The current version of a resource, as its author wrote it.', RESOURCE_IN_PATH),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      const { vault } = readHosted(node, org);
      return sendResource(reply, await vault.repository.read(callerOf(node, request), knownType(type), id));
    },
  });
  app.route<{ Params: InPath }>({
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id/_history/:vid',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('One version of a resource.', { ...RESOURCE_IN_PATH, vid: schema.digits }),
    handler: async (request, reply) => {
      const { org, type, id, vid } = request.params;
      const { vault } = readHosted(node, org);
      return sendResource(reply, await vault.repository.vread(callerOf(node, request), knownType(type), id, vid));
    },
  });
}

export function sendResource(reply: FastifyReply, result: ReadResult): FastifyReply {
  switch (result.kind) {
    case 'found':
      reply
        .header('etag', `W/"${result.versionId}"`)
        .header('last-modified', new Date(result.lastUpdatedMs).toUTCString());
      return sendText(reply, result.text);
    case 'gone':
      return sendProblem(reply, problem('tombstoned', 'The resource is hidden or erased.'));
    case 'not-found':
      return sendProblem(reply, problem('not-found', 'There is no such resource.'));
    case 'refused':
      return sendProblem(reply, refusal(result.code));
  }
}

function refusal(code: string): Problem {
  return problem(
    code,
    code === 'denied' ? 'Your role, care relationship or the patient’s denial does not allow this.' : undefined,
  );
}

/** @throws ServerError `not-found` for what is no resource type of R4 (§3.1.0.1: 404). */
export function knownType(type: string): ResourceType {
  if (!isResourceType(type)) throw new ServerError('not-found', 'FHIR R4 has no such resource type.');
  return type;
}
