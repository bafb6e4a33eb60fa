import { isResourceType, type ReadResult, type ResourceType } from '@salus/fhir';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Problem, problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { callerOf, FHIR_ACCESS } from './caller.ts';
import { describe, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendProblem, sendText } from './fhir-answer.ts';
import { readForeign, withLinks } from './foreign.ts';
import { demandParameters } from './preferences.ts';

/** Read and vread (R4 §3.1.0.1, §3.1.0.2), with HEAD and conditional reads (§3.1.0.1.7). */
export function addReads(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Omit<InPath, 'vid'> }>({
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id',
    exposeHeadRoute: true,
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('The current version of a resource, as its author wrote it.', RESOURCE_IN_PATH),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      demandParameters(request, []);
      const door = { organisation: readHosted(node, org), caller: callerOf(node, request) };
      const result = await door.organisation.vault.repository.read(door.caller, knownType(type), id);
      if (result.kind === 'not-found') return sendResource(reply, await readForeign(door, knownType(type), id));
      if (type !== 'Patient') return sendResource(reply, result);
      return sendResource(reply, await withLinks(door, id, result));
    },
  });
  app.route<{ Params: InPath }>({
    method: 'GET',
    url: '/:org/fhir/R4/:type/:id/_history/:vid',
    exposeHeadRoute: true,
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe('One version of a resource.', { ...RESOURCE_IN_PATH, vid: schema.fhirId }),
    handler: async (request, reply) => {
      const { org, type, id, vid } = request.params;
      demandParameters(request, []);
      const door = { organisation: readHosted(node, org), caller: callerOf(node, request) };
      const result = await door.organisation.vault.repository.vread(door.caller, knownType(type), id, vid);
      if (result.kind !== 'not-found') return sendResource(reply, result);
      return sendResource(reply, await readForeign(door, knownType(type), id, vid));
    },
  });
}

/** A resource that was read; nothing of it where the client has that version already. */
export function sendResource(reply: FastifyReply, result: ReadResult & { readonly isLinked?: true }): FastifyReply {
  switch (result.kind) {
    case 'found': {
      const { versionId, lastUpdatedMs } = result;
      sendVersion(reply, result);
      // Links come and go with sessions, not with versions.
      const isFresh = result.isLinked !== true && isKnown(reply.request.headers, versionId, lastUpdatedMs);
      if (isFresh) return reply.code(304).send();
      return sendText(reply, result.text);
    }
    case 'gone':
      return sendProblem(reply, problem('tombstoned', 'The resource is hidden or erased.'));
    case 'not-found':
      return sendProblem(reply, problem('not-found', 'There is no such resource.'));
    case 'refused':
      return sendProblem(reply, refusal(result.code));
  }
}

/** `ETag` and `Last-Modified` (R4 §3.1.0.1.3). */
export function sendVersion(
  reply: FastifyReply,
  { versionId, lastUpdatedMs }: { readonly versionId: string; readonly lastUpdatedMs: number },
): void {
  reply.header('etag', `W/"${versionId}"`).header('last-modified', new Date(lastUpdatedMs).toUTCString());
}

/** RFC 9110 §13.2.2: dates count only where no tags are named. */
function isKnown(
  headers: { readonly 'if-none-match'?: string | undefined; readonly 'if-modified-since'?: string | undefined },
  versionId: string,
  lastUpdatedMs: number,
): boolean {
  const tags = headers['if-none-match'];
  if (tags !== undefined) {
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === `"${versionId}"`);
  }
  const since = Date.parse(headers['if-modified-since'] ?? '');
  // Dates of HTTP have whole seconds.
  return Math.floor(lastUpdatedMs / 1000) * 1000 <= since;
}

export function refusal(code: string): Problem {
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
