import { timingSafeEqual } from 'node:crypto';
import type { GuardianScope } from '@salus/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServerError } from '../server-error.ts';
import type { Principal, Session, Sessions } from '../sessions.ts';
import { type AppAccess, demandScope } from '../smart/app-access.ts';

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
  | {
      readonly kind: 'session';
      readonly who: readonly Principal['kind'][];
      readonly roles?: readonly string[];
      /** A patient's guardian may call it with any of these scopes, or with whichever; else only the patient. */
      readonly guardian?: readonly GuardianScope[] | 'any';
      /** Apps may call it as well, with an access token of the organisation's own authorisation server. */
      readonly apps?: true;
      /** The resource type of a route whose path names it: an app's scopes speak of it. */
      readonly type?: string;
    };

/** What is behind an app's access token; each organisation knows only its own. */
export interface AppTokens {
  find(organisation: string, token: string): Promise<AppAccess | undefined>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** Set on routes whose access is `session`, and on `signature` routes when a session came along. */
    session: Session | null;
    token: string | null;
    /** Set instead of a session where an app came with an access token. */
    app: AppAccess | null;
  }
}

const BEARER = /^Bearer ([A-Za-z0-9_-]{43})$/;
const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

/**
 * Refuses requests before their body is read, and routes that do not declare their access before the server starts.
 *
 * @throws ServerError `internal` at registration of a route without access
 */
export function demandAccess(app: FastifyInstance, known: KnownCallers): void {
  app.decorateRequest('session', null);
  app.decorateRequest('app', null);
  app.decorateRequest('token', null);
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.access === undefined) {
      throw new ServerError('internal', `${String(method)} ${url} does not declare who may call it.`);
    }
  });
  app.addHook('onRequest', async (request, reply) => authorise(request, reply, known));
}

interface KnownCallers {
  readonly sessions: Sessions;
  readonly metricsToken: string | null;
  readonly apps?: AppTokens;
}

async function authorise(
  request: FastifyRequest,
  reply: FastifyReply,
  { sessions, metricsToken, apps }: KnownCallers,
): Promise<void> {
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
    case 'session': {
      const session = findSession(request, sessions);
      if (session === null && access.apps === true && apps !== undefined) return demandApp(request, reply, apps);
      demandSession(request, session, access);
    }
  }
}

/** @throws ServerError `not-authenticated`, `not-permitted`, each with what RFC 6750 §3 says of it */
async function demandApp(request: FastifyRequest, reply: FastifyReply, apps: AppTokens): Promise<void> {
  const { org = '' } = request.params as { readonly org?: string };
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  const access = token === undefined ? undefined : await apps.find(org, token);
  if (access === undefined) {
    reply.header('www-authenticate', token === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
    throw new ServerError('not-authenticated', 'Log in first: this route needs a session or an access token.');
  }
  try {
    demandScope(access.scopes, request);
  } catch (error) {
    reply.header('www-authenticate', 'Bearer error="insufficient_scope"');
    throw error;
  }
  request.app = access;
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
  { who, roles, guardian }: Extract<Access, { kind: 'session' }>,
): void {
  if (session === null) throw new ServerError('not-authenticated', 'Log in first: this route needs a session.');
  const { principal } = session;
  const { org } = request.params as { readonly org?: string };
  if (org !== undefined && org !== principal.organisation) {
    throw new ServerError('not-permitted', 'The session is of another organisation.');
  }
  if (!who.includes(principal.kind)) throw new ServerError('not-permitted', `This route is for: ${who.join(', ')}.`);
  if (principal.kind === 'patient' && principal.guardian !== undefined) demandGuardian(principal.guardian, guardian);
  if (roles !== undefined && !(principal.kind === 'staff' && principal.roles.some((role) => roles.includes(role)))) {
    throw new ServerError('not-permitted', `This route needs one of the roles ${roles.join(', ')}.`);
  }
}

function demandGuardian(
  { scope }: { readonly scope: readonly GuardianScope[] },
  wanted: readonly GuardianScope[] | 'any' = [],
): void {
  if (wanted === 'any' || wanted.some((word) => scope.includes(word))) return;
  throw new ServerError('not-permitted', 'A guardian may not do this for the patient, or not this one.');
}

function demandMetrics(request: FastifyRequest, metricsToken: string | null): void {
  const given = Buffer.from(/^Bearer (.{1,256})$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
  const wanted = Buffer.from(metricsToken ?? '');
  const byToken = metricsToken !== null && given.length === wanted.length && timingSafeEqual(given, wanted);
  if (!byToken && (metricsToken !== null || !LOOPBACK.has(request.ip))) {
    throw new ServerError('not-permitted', 'Metrics are for loopback, or for whoever shows SALUS_METRICS_TOKEN.');
  }
}
