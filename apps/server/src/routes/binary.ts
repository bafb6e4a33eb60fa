import { Readable } from 'node:stream';
import { ATTACHMENT_BYTES_MAX } from '@salus/crypto';
import type { FastifyInstance } from 'fastify';
import { callerOf, FHIR_ACCESS } from '../fhir/caller.ts';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { sendFhirProblem } from '../http/server.ts';
import { type Node, readHosted, writerOf } from '../node.ts';
import { ServerError } from '../server-error.ts';

const STAFF = { kind: 'session', who: ['staff'] } as const;
const CONTENT_TYPE_LENGTH_MAX = 255;

/** FHIR R4 §3.1.0.13: Binary in its own media type, up to 1 GiB, streamed both ways. */
export function addBinaryRoutes(app: FastifyInstance, node: Node): void {
  // A scope of its own, where every body stays a stream.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    addCreate(scope, node);
    addRead(scope, node);
  });
}

function addCreate(app: FastifyInstance, node: Node): void {
  app.route<{ Params: { org: string }; Body: Readable | undefined }>({
    method: 'POST',
    url: '/:org/fhir/R4/Binary',
    config: { access: STAFF, fhir: true },
    bodyLimit: ATTACHMENT_BYTES_MAX,
    schema: {
      summary: 'Stores a document or image of the patient whose resource X-Security-Context names.',
      params: schema.org,
      querystring: schema.object({}),
    },
    handler: async (request, reply) => {
      const { vault } = readHosted(node, request.params.org);
      const writer = writerOf(node, request);
      const securityContext = request.headers['x-security-context'];
      const contentType = (request.headers['content-type'] ?? '').slice(0, CONTENT_TYPE_LENGTH_MAX);
      if (typeof securityContext !== 'string' || request.body === undefined) {
        throw new ServerError(
          'bad-request',
          'A Binary has a body, and X-Security-Context names the resource whose owner it shares.',
        );
      }
      const { id } = await vault.binaries.create(writer, { contentType, securityContext }, request.body);
      return reply.code(201).header('location', `${request.params.org}/fhir/R4/Binary/${id}/_history/1`).send();
    },
  });
}

function addRead(app: FastifyInstance, node: Node): void {
  app.route<{ Params: { org: string; id: string } }>({
    method: 'GET',
    url: '/:org/fhir/R4/Binary/:id/content',
    config: { access: FHIR_ACCESS, fhir: true },
    schema: {
      summary: 'The content of a Binary in its own media type, each part checked before it is sent.',
      params: schema.object({ org: schema.organisation, id: schema.fhirId }),
      querystring: schema.object({}),
    },
    handler: async (request, reply) => {
      const { vault } = readHosted(node, request.params.org);
      const found = await vault.binaries.read(callerOf(node, request), request.params.id);
      switch (found.kind) {
        case 'found':
          return (
            reply
              .header('content-type', found.contentType)
              .header('content-length', found.sizeBytes)
              // Never shown by a browser in this node's name: it may be HTML.
              .header('content-disposition', 'attachment')
              .header('etag', `W/"${found.versionId}"`)
              .send(Readable.from(found.content))
          );
        case 'gone':
          return sendFhirProblem(reply, problem('tombstoned', 'The resource is hidden or erased.'));
        case 'not-found':
          return sendFhirProblem(reply, problem('not-found', 'There is no such resource.'));
        case 'refused':
          return sendFhirProblem(reply, problem(found.code));
      }
    },
  });
}
