import {
  type ChangeOptions,
  operationOutcome,
  type ResourceBody,
  type WriteResult,
  type WriteTarget,
} from '@salus/fhir';
import type { VaultCaller } from '@salus/records';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { FHIR_ACCESS, writingCallerOf } from './caller.ts';
import { describe, IN_BASE, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendProblem, sendText, sendTree } from './fhir-answer.ts';
import { withoutLinks } from './foreign.ts';
import { conditionIn, conditionOn, demandParameters, preferencesOf } from './preferences.ts';
import { knownType, sendVersion } from './reads.ts';
import { patchIn, resourceIn } from './request-body.ts';

/** A single resource with its inline attachments. */
const RESOURCE_BYTES_MAX = 16 * 1024 * 1024;
const MATCHED_VERSION = /^(?:W\/)?"([A-Za-z0-9\-.]{1,64})"$/;
const TYPE_IN_PATH = { ...IN_BASE, type: schema.resourceType };
const NOTHING_ELSE: readonly string[] = [];

type OneRequest = FastifyRequest<{ Params: Omit<InPath, 'vid'>; Body: Buffer | undefined }>;
type Door = {
  readonly organisation: HostedOrganisation;
  readonly caller: Extract<VaultCaller, { kind: 'writer' }>;
};

/** Create, update, patch and delete (R4 §3.1.0.4 to §3.1.0.8), by id or by condition. */
export function addWrites(app: FastifyInstance, node: Node): void {
  const config = { access: FHIR_ACCESS, fhir: true };
  const open = (request: OneRequest): Door => ({
    organisation: readHosted(node, request.params.org),
    caller: writingCallerOf(node, request),
  });
  app.route<{ Params: Omit<InPath, 'vid'>; Body: Buffer | undefined }>({
    method: 'POST',
    url: '/:org/fhir/R4/:type',
    config,
    bodyLimit: RESOURCE_BYTES_MAX,
    schema: describe('Creates a resource; with If-None-Exist only where nothing matches.', TYPE_IN_PATH, {
      hasBody: true,
    }),
    handler: async (request, reply) => {
      demandParameters(request, NOTHING_ELSE);
      const door = open(request);
      const type = knownType(request.params.type);
      const condition = headerOf(request, 'if-none-exist');
      const { baseUrl } = door.organisation;
      const options = condition === undefined ? {} : { ifNoneExist: conditionOn(condition, { type, baseUrl }) };
      const { repository } = door.organisation.vault;
      return sendWritten(reply, door, await repository.create(door.caller, type, resourceIn(request), options));
    },
  });
  for (const [method, url, summary] of CHANGES) {
    app.route<{ Params: Omit<InPath, 'vid'>; Body: Buffer | undefined }>({
      method,
      url: `/:org/fhir/R4${url}`,
      config,
      bodyLimit: RESOURCE_BYTES_MAX,
      schema: describe(summary, url === '/:type' ? TYPE_IN_PATH : RESOURCE_IN_PATH, {
        ...(method === 'DELETE' ? {} : { hasBody: true }),
      }),
      handler: async (request, reply) => {
        const door = open(request);
        return sendWritten(reply, door, await change(request, method, door));
      },
    });
  }
}

const CHANGES = [
  ['PUT', '/:type/:id', 'Writes the next version of a resource; with If-Match only after that version.'],
  ['PUT', '/:type', 'Writes the next version of the one resource that matches, or creates one.'],
  ['PATCH', '/:type/:id', 'Writes the next version of a resource by a JSON Patch.'],
  ['PATCH', '/:type', 'Patches the one resource that matches.'],
  ['DELETE', '/:type/:id', 'Hides a resource, which stays provable; erasing is the patient’s own signed call.'],
  ['DELETE', '/:type', 'Hides the one resource that matches.'],
] as const;

async function change(
  request: OneRequest,
  method: 'PUT' | 'PATCH' | 'DELETE',
  { organisation, caller }: Door,
): Promise<WriteResult> {
  const { repository } = organisation.vault;
  const target = targetOf(request);
  const options = matchOf(request);
  switch (method) {
    case 'PUT':
      return repository.update(caller, target, await updateIn(request, { organisation, caller }), options);
    case 'PATCH':
      return repository.patch(caller, target, patchIn(request), options);
    case 'DELETE':
      return repository.remove(caller, target, options);
  }
}

/** What was shown of a Patient beside the record itself comes back with an update, and is no part of it. */
async function updateIn(request: OneRequest, door: Door): Promise<ResourceBody> {
  const { type, id } = request.params as Partial<InPath>;
  const body = resourceIn(request);
  return type === 'Patient' && id !== undefined ? withoutLinks(door, id, body) : body;
}

/** By id, or by the query: a change of everything of a type is nobody's wish (R4 §3.1.0.7.1: 412). */
function targetOf(request: OneRequest): WriteTarget {
  const type = knownType(request.params.type);
  const { id } = request.params as Partial<InPath>;
  if (id !== undefined) {
    demandParameters(request, NOTHING_ELSE);
    return { type, id };
  }
  const query = conditionIn(request);
  if (query === undefined) throw new ServerError('not-selective', 'Name an id, or a search that finds one resource.');
  return { type, query };
}

/** @throws ServerError `bad-request` for an If-Match that is no version of this server's. */
function matchOf(request: OneRequest): ChangeOptions {
  const header = headerOf(request, 'if-match');
  if (header === undefined || header === '*') return {};
  const ifMatch = MATCHED_VERSION.exec(header)?.[1];
  if (ifMatch === undefined) throw new ServerError('bad-request', 'If-Match names one version, as W/"3".');
  return { ifMatch };
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** R4 §3.1.0.1.8: the resource unless the client wants less. */
async function sendWritten(reply: FastifyReply, door: Door, result: WriteResult): Promise<FastifyReply> {
  if (result.kind === 'refused' && result.code === 'foreign-resource') reply.header('allow', 'GET, HEAD');
  if (result.kind === 'refused') return sendProblem(reply, { ...problem(result.code), issues: result.issues });
  const { outcome } = result;
  const { kind, type, id, versionId } = outcome;
  const { returns } = preferencesOf(reply.request);
  if (kind === 'deleted') {
    return returns === 'OperationOutcome' ? sendTree(reply, operationOutcome([])) : reply.code(204).send();
  }
  const status = kind === 'created' ? 201 : 200;
  const { baseUrl, vault } = door.organisation;
  sendVersion(reply.header('location', `${baseUrl}/${type}/${id}/_history/${versionId}`), outcome);
  if (returns === 'OperationOutcome') return sendTree(reply, operationOutcome([]), status);
  if (returns === 'minimal') return reply.code(status).send();
  if (result.text !== undefined) return sendText(reply, result.text, status);
  const read = await vault.repository.read(door.caller, type, id);
  // Written all the same: who finishes the encounter that opened the record to them reads it no more.
  return read.kind === 'found' ? sendText(reply, read.text, status) : reply.code(status).send();
}
