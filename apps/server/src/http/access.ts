import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServerError } from '../server-error.ts';
import type { Principal, Session, Sessions } from '../sessions.ts';

/**
 * Who may call a route; every route says so or is not registered.
 *
 * `public` needs nothing. `signature` needs no session because the body is a signed statement that is verified. `metrics`
 * needs loopback or the metrics token. `session` needs a log-in of the named kind, of the organisation in the path.
 */
export type Access =
  | { readonly kind: 'public' }
  | { readonly kind: 'signature' }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'session'; readonly who: readonly Principal['kind'][]; readonly roles?: readonly string[] };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Set on routes whose access is `session`, and on `signature` routes when a session came along. */
    session: Session | null;
    token: string | null;
  }
}

const BEARER = /^Bearer ([A-Za-z0-9_-]{43})$/;
const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * Refuses requests before their body is read, and routes that do not declare their access before the server starts.
 *
 * @throws ServerError `internal` at registration of a route without access
 */
export function demandAccess(
  app: FastifyInstance,
  { sessions, metricsToken }: { readonly sessions: Sessions; readonly metricsToken: string | null },
): void {
  app.decorateRequest('session', null);
  app.decorateRequest('token', null);
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.access === undefined) {
      throw new ServerError('internal', `${String(method)} ${url} does not declare who may call it.`);
    }
  });
  app.addHook('onRequest', (request, _reply, done) => {
    try {
      authorise(request, { sessions, metricsToken });
      done();
    } catch (error) {
      done(error as Error);
    }
  });
}

function authorise(
  request: FastifyRequest,
  { sessions, metricsToken }: { readonly sessions: Sessions; readonly metricsToken: string | null },
): void {
  const access = request.routeOptions.config.access;
  // The handler for unknown paths has no access of its own; it tells nothing.
  if (request.is404) return;
  if (access === undefined) throw new ServerError('not-permitted', 'This route is closed.');
  switch (access.kind) {
    case 'public':
      return;
    case 'signature':
      findSession(request, sessions);
      return;
    case 'metrics':
      demandMetrics(request, metricsToken);
      return;
    case 'session':
      demandSession(request, findSession(request, sessions), access);
  }
}

/** The session of a route whose access is `session`. */
export function sessionOf(request: FastifyRequest): Session & { readonly token: string } {
  if (request.session === null || request.token === null) {
    throw new ServerError('not-authenticated', 'Log in first: this route needs a session.');
  }
  return { ...request.session, token: request.token };
}

export function staffOf(request: FastifyRequest): Extract<Principal, { kind: 'staff' }> {
  const { principal } = sessionOf(request);
  if (principal.kind !== 'staff') throw new ServerError('not-permitted', 'This is for members of staff.');
  return principal;
}

export function patientOf(request: FastifyRequest): Extract<Principal, { kind: 'patient' }> {
  const { principal } = sessionOf(request);
  if (principal.kind !== 'patient') throw new ServerError('not-permitted', 'This is for patients.');
  return principal;
}

function findSession(request: FastifyRequest, sessions: Sessions): Session | null {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  const session = token === undefined ? undefined : sessions.find(token);
  if (token === undefined || session === undefined) return null;
  request.session = session;
  request.token = token;
  return session;
}

function demandSession(
  request: FastifyRequest,
  session: Session | null,
  { who, roles }: Extract<Access, { kind: 'session' }>,
): void {
  if (session === null) throw new ServerError('not-authenticated', 'Log in first: this route needs a session.');
  const { principal } = session;
  const { org } = request.params as { readonly org?: string };
  if (org !== undefined && org !== principal.organisation) {
    throw new ServerError('not-permitted', 'The session is of another organisation.');
  }
  if (!who.includes(principal.kind)) throw new ServerError('not-permitted', `This route is for: ${who.join(', ')}.`);
  if (roles !== undefined && !(principal.kind === 'staff' && principal.roles.some((role) => roles.includes(role)))) {
    throw new ServerError('not-permitted', `This route needs one of the roles ${roles.join(', ')}.`);
  }
}

function demandMetrics(request: FastifyRequest, metricsToken: string | null): void {
  const given = Buffer.from(/^Bearer (.{1,256})$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
  const wanted = Buffer.from(metricsToken ?? '');
  const byToken = metricsToken !== null && given.length === wanted.length && timingSafeEqual(given, wanted);
  if (!byToken && (metricsToken !== null || !LOOPBACK.has(request.ip))) {
    throw new ServerError('not-permitted', 'Metrics are for loopback, or for whoever shows SALUS_METRICS_TOKEN.');
  }
}
