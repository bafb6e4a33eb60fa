import type { FastifyInstance, HTTPMethods } from 'fastify';
import * as schema from '../http/schemas.ts';
import { ServerError } from '../server-error.ts';
import { FHIR_ACCESS } from './caller.ts';
import { describe, IN_BASE, RESOURCE_IN_PATH } from './describe.ts';

const TYPE_IN_PATH = { ...IN_BASE, type: schema.resourceType };
/** What no interaction of R4 does, and what may be done instead. */
const CLOSED = [
  ['', IN_BASE, ['PUT', 'PATCH', 'DELETE'], 'GET, POST'],
  ['/:type/:id', RESOURCE_IN_PATH, ['POST'], 'GET, HEAD, PUT, PATCH, DELETE'],
  ['/:type/:id/_history', RESOURCE_IN_PATH, ['POST', 'PUT', 'PATCH', 'DELETE'], 'GET'],
  [
    '/:type/:id/_history/:vid',
    { ...RESOURCE_IN_PATH, vid: schema.fhirId },
    ['POST', 'PUT', 'PATCH', 'DELETE'],
    'GET, HEAD',
  ],
  ['/:type/_history', TYPE_IN_PATH, ['POST', 'PUT', 'PATCH', 'DELETE'], 'GET'],
  ['/_history', IN_BASE, ['POST', 'PUT', 'PATCH', 'DELETE'], 'GET'],
] as const;

/** Known places that do not take a method say which they take (RFC 9110 §15.5.6). */
export function addNotAllowed(app: FastifyInstance): void {
  for (const [url, params, methods, allow] of CLOSED) {
    app.route({
      method: [...methods] as HTTPMethods[],
      url: `/:org/fhir/R4${url}`,
      config: { access: FHIR_ACCESS, fhir: true },
      schema: describe('Takes no such method.', params),
      handler: async (_request, reply) => {
        reply.header('allow', allow);
        throw new ServerError('method-not-allowed', `This place takes ${allow}.`);
      },
    });
  }
}
