import type { FastifyInstance } from 'fastify';
import { problem } from '../http/problem.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { FHIR_ACCESS, writingCallerOf } from './caller.ts';
import { describe, type InPath, RESOURCE_IN_PATH } from './describe.ts';
import { sendProblem } from './fhir-answer.ts';
import { knownType, sendResource } from './reads.ts';

/** A single resource with its inline attachments. */
const RESOURCE_BYTES_MAX = 16 * 1024 * 1024;
const MATCHED_VERSION = /^(?:W\/)?"([1-9][0-9]{0,8})"$/;

/** Nothing is overwritten: PUT writes the next version, DELETE hides the current one and keeps it. */
export function addCorrections(app: FastifyInstance, node: Node): void {
  app.route<{ Params: Omit<InPath, 'vid'>; Body: Buffer | undefined }>({
    method: 'PUT',
    url: '/:org/fhir/R4/:type/:id',
    config: { access: FHIR_ACCESS, fhir: true },
    bodyLimit: RESOURCE_BYTES_MAX,
    schema: describe('Corrects a resource: the next version after the one that If-Match names.', RESOURCE_IN_PATH, {
      hasBody: true,
    }),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      const { vault } = readHosted(node, org);
      const writer = writingCallerOf(node, request);
      const versionId = MATCHED_VERSION.exec(request.headers['if-match'] ?? '')?.[1];
      if (versionId === undefined || request.body === undefined) {
        throw new ServerError(
          'bad-request',
          'A correction has a resource as its body and names in If-Match the version it was made from.',
        );
      }
      const result = await vault.repository.update(
        writer,
        { type: knownType(type), id },
        { bytes: request.body, format: 'json' },
        { ifMatch: versionId },
      );
      if (result.kind === 'refused') return sendProblem(reply, { ...problem(result.code), issues: result.issues });
      const read = await vault.repository.read(writer, knownType(type), id);
      if (read.kind === 'found') return sendResource(reply, read);
      // Written all the same: who finishes the encounter that opened the record to them reads it no more.
      return reply.code(200).header('etag', `W/"${result.outcome.versionId}"`).send();
    },
  });
  app.route<{ Params: Omit<InPath, 'vid'> }>({
    method: 'DELETE',
    url: '/:org/fhir/R4/:type/:id',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: describe(
      'Hides a resource, which stays provable; erasing is the patient’s own signed call.',
      RESOURCE_IN_PATH,
    ),
    handler: async (request, reply) => {
      const { org, type, id } = request.params;
      const { vault } = readHosted(node, org);
      const writer = writingCallerOf(node, request);
      const record = await vault.rows.findResource(knownType(type), id);
      if (record === undefined) throw new ServerError('not-found', 'There is no such resource.');
      await vault.corrections.tombstone(writer, [record.recordId]);
      return reply.code(204).send();
    },
  });
}
