import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify';
import type { Access } from './access.ts';
import type { JsonSchema } from './schemas.ts';

export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'RFC 9457; `code` is stable, docs/ERRORS.md lists all.',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
  },
  required: ['type', 'title', 'status', 'code'],
  additionalProperties: false,
};

/** What a handler gets: its parts are as the route's schemas say. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** The answer with 200; null for 204 without a body; `fhir`, `bytes`: the handler sends a resource's own text, or a stream. */
export type Answer = JsonSchema | null | 'fhir' | 'bytes';

export interface RouteDefinition<Params, Query, Body> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly access: Access;
  /** One sentence for the OpenAPI description. */
  readonly summary: string;
  readonly params?: JsonSchema;
  readonly query?: JsonSchema;
  readonly body?: JsonSchema;
  readonly bodyBytesMax?: number;
  readonly answer: Answer;
  /** Fewer requests for each address than the whole node allows. */
  readonly perMinute?: number;
  handle(call: Call<Params, Query, Body>): Promise<unknown>;
}

const NO_QUERY: JsonSchema = { type: 'object', additionalProperties: false };

/** Registers a route whose every part has a schema: unknown members are refused, answers are serialised by compiled code. */
export function addRoute<Params = unknown, Query = unknown, Body = unknown>(
  app: FastifyInstance,
  definition: RouteDefinition<Params, Query, Body>,
): void {
  const { method, url, access, summary, params, query, body, bodyBytesMax, answer, perMinute, handle } = definition;
  const handler: RouteHandlerMethod = async (request, reply) => {
    const result = await handle({
      params: request.params as Params,
      query: request.query as Query,
      body: request.body as Body,
      request,
      reply,
    });
    if (answer === null) return reply.code(204).send();
    return result;
  };
  app.route({
    method,
    url,
    config: { access, ...(perMinute === undefined ? {} : { rateLimit: { max: perMinute, timeWindow: 60_000 } }) },
    schema: {
      summary,
      operationId: operationId(method, url),
      querystring: query ?? NO_QUERY,
      ...(params === undefined ? {} : { params }),
      ...(body === undefined ? {} : { body }),
      response: {
        ...answerSchema(answer),
        '4xx': { description: 'Refused.', content: { 'application/problem+json': { schema: problemSchema } } },
      },
    },
    ...(bodyBytesMax === undefined ? {} : { bodyLimit: bodyBytesMax }),
    handler,
  });
}

function answerSchema(answer: Answer): object {
  if (answer === null) return { 204: { type: 'null', description: 'Done.' } };
  switch (answer) {
    case 'fhir':
      return contentSchema('application/fhir+json', { type: 'object', description: 'A FHIR R4 resource.' });
    case 'bytes':
      return contentSchema('application/octet-stream', { type: 'string', format: 'binary' });
    default:
      return { 200: { description: 'Done.', ...answer } };
  }
}

function contentSchema(type: string, content: JsonSchema): object {
  return { 200: { description: 'Done.', content: { [type]: { schema: content } } } };
}

function operationId(method: string, url: string): string {
  const words = url.replace(/^\/api\/v1/, '').match(/[A-Za-z0-9]+/g) ?? [];
  return [method.toLowerCase(), ...words]
    .map((word, at) => (at === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
    .join('');
}
