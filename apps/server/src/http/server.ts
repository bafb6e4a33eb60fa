import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { type JsonLimits, parseJson } from '@salus/crypto';
import Fastify, {
  type ConnectionError,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Metrics } from '../metrics.ts';
import { ServerError } from '../server-error.ts';
import type { Sessions } from '../sessions.ts';
import type { Settings } from '../settings.ts';
import { type AppTokens, demandAccess } from './access.ts';
import { addCors } from './cors.ts';
import { type Log, openLog } from './log.ts';
import { outcomeOf } from './operation-outcome.ts';
import { type Problem, problem, problemOf } from './problem.ts';

export const BODY_BYTES_MAX = 2 * 1024 * 1024;
export const JSON_DEPTH_MAX = 32;
export const FHIR_TYPE = 'application/fhir+json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';
const REQUEST_TIMEOUT_MS = 120_000;
const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 30_000;
/** How often Node looks for clients that are too slow. */
const SLOW_CLIENTS_CHECK_MS = 2_000;
const HEADER_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 2_000;
const PARAMETER_LENGTH_MAX = 256;
const VALIDATION_LENGTH_MAX = 300;
declare module 'fastify' {
  interface FastifyContextConfig {
    /** FHIR routes answer with OperationOutcome instead of problem+json. */
    fhir?: boolean;
  }
  interface FastifyRequest {
    /** The code with which the request was refused. */
    refusal: string | null;
  }
}

export interface HttpOptions {
  readonly settings: Pick<Settings, 'publicUrl' | 'tls' | 'logLevel' | 'metricsToken'>;
  readonly metrics: Metrics;
  readonly sessions: Sessions;
  /** Access tokens of apps; none is taken where this is left out. */
  readonly apps?: AppTokens;
  /** Where log lines go; standard output unless told otherwise. */
  readonly logTo?: (line: string) => void;
  /** Overrides for tests of slow clients. */
  readonly headersTimeoutMs?: number;
}

/**
 * The HTTP server without routes: access declared by every route, strict JSON (no duplicate names, UTF-8 only),
 * problem+json for every error, security headers, limits, and logs that hold method, route pattern, status and duration.
 */
export async function createHttp({
  settings,
  metrics,
  sessions,
  apps,
  logTo,
  headersTimeoutMs,
}: HttpOptions): Promise<FastifyInstance> {
  const log = openLog(settings.logLevel, logTo);
  const headersTimeout = headersTimeoutMs ?? HEADERS_TIMEOUT_MS;
  const http = {
    headersTimeout,
    connectionsCheckingInterval: Math.min(SLOW_CLIENTS_CHECK_MS, headersTimeout),
    maxHeaderSize: HEADER_BYTES_MAX,
    // Another protocol may be offered (Java offers h2c with its first request): it is not taken, the request is (RFC 9110 §7.8).
    shouldUpgradeCallback: ({ headers: { upgrade } }: IncomingMessage) => upgrade?.toLowerCase() === 'websocket',
  };
  const headers = securityHeaders(settings.tls !== null);
  const app = Fastify({
    loggerInstance: log as unknown as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: Math.max(REQUEST_TIMEOUT_MS, headersTimeout),
    keepAliveTimeout: KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } },
    ...(settings.tls === null ? { http } : { https: { ...http, ...readTls(settings.tls) } }),
    schemaErrorFormatter: (errors, part) => {
      const [first] = errors;
      // Path and rule, never the value: it may be somebody's health.
      const text = `${part}${first?.instancePath ?? ''} ${first?.message ?? 'is not as described'}`;
      return new ServerError('bad-request', text.slice(0, VALIDATION_LENGTH_MAX));
    },
    clientErrorHandler: refuseConnection,
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply.headers(headers));
    },
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  app.decorateRequest('refusal', null);
  acceptStrictJson(app, { sizeMax: BODY_BYTES_MAX, depthMax: JSON_DEPTH_MAX });
  // FHIR keeps its own text: number literals must survive.
  app.addContentTypeParser('application/fhir+json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  // First of all hooks, so that refusals carry them too.
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(headers);
    done();
  });
  // Only routes that say so are limited by address: who has a session is known by name.
  await app.register(rateLimit, {
    global: false,
    errorResponseBuilder: () => new ServerError('too-many-requests', 'Too many requests: wait a minute.'),
  });
  await app.register(swagger, openApi(settings.publicUrl));
  addCors(app);
  demandAccess(app, { sessions, metricsToken: settings.metricsToken, ...(apps === undefined ? {} : { apps }) });
  app.addHook('onResponse', (request, reply, done) => {
    observe(request, reply, metrics);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler(async (request, reply) =>
    sendError(new ServerError('not-found', 'There is nothing here.'), request, reply),
  );
  return app;
}

const FHIR_PATH = /^\/[^/?]{1,64}\/fhir(?:\/|\?|$)/;

export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const found = problemOf(error);
  if (found.status >= 500 && found.code === 'internal') {
    request.log.error({ err: error, method: request.method, route: routeOf(request) }, 'internal error');
  }
  const fhir = request.routeOptions?.config?.fhir === true || FHIR_PATH.test(request.raw?.url ?? '');
  return fhir ? sendFhirProblem(reply, found) : sendProblem(reply, found);
}

export function sendFhirProblem(reply: FastifyReply, found: Problem): FastifyReply {
  reply.request.refusal = found.code;
  return reply.code(found.status).type(FHIR_TYPE).serializer(JSON.stringify).send(outcomeOf(found));
}

export function sendProblem(reply: FastifyReply, found: Problem): FastifyReply {
  reply.request.refusal = found.code;
  return reply
    .code(found.status)
    .type(PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send({ ...found, issues: undefined });
}

/** What arrives is no HTTP, too large a header or too slow: answered on the bare socket and closed. */
export function refuseConnection(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const body = JSON.stringify(problem('bad-request', 'This is not an HTTP request that the node understands.', status));
  socket.end(
    `HTTP/1.1 ${status} Bad Request\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

/** What a browser must know of an API that shows nothing: no frames, no scripts, no guessing of types, no cache, no referrer. */
function securityHeaders(tls: boolean): Readonly<Record<string, string>> {
  return {
    // Whatever this node answers may be somebody's health: no cache keeps it.
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...(tls ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {}),
  };
}

/** JSON by I-JSON's rules and nothing else: UTF-8, no duplicate names, bounded. */
export function acceptStrictJson(app: FastifyInstance, limits: JsonLimits): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      // A route that takes larger bodies says so itself.
      const sizeMax = Math.max(limits.sizeMax, request.routeOptions.bodyLimit ?? 0);
      done(null, parseJson(body as Buffer, { ...limits, sizeMax }));
    } catch (error) {
      done(error as Error, undefined);
    }
  });
}

function openApi(url: string): Parameters<typeof swagger>[1] {
  return {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Salus', version: '1', description: 'A node of a consortium that shares health records.' },
      servers: [{ url }],
      components: { securitySchemes: { session: { type: 'http', scheme: 'bearer' } } },
    },
    transform: ({ schema, url: path, route }) => {
      const access = route.config?.access;
      const security = access?.kind === 'session' ? [{ session: [] }] : [];
      return { url: path, schema: { ...schema, security, 'x-access': access } as typeof schema };
    },
  };
}

export function observe(request: FastifyRequest, reply: FastifyReply, metrics: Metrics): void {
  const route = routeOf(request);
  const status = String(reply.statusCode);
  if (request.refusal !== null) metrics.refusals.inc({ code: request.refusal });
  metrics.requestSeconds.observe({ method: request.method, route, status }, reply.elapsedTime / 1000);
  request.log.debug(
    { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) },
    'answered',
  );
}

/** The pattern, never the path: paths carry ids. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions?.url ?? 'unknown';
}

function readTls(tls: NonNullable<Settings['tls']>): { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' } {
  return { cert: readFileSync(tls.certificateFile), key: readFileSync(tls.keyFile), minVersion: 'TLSv1.2' };
}

export type { Log };
