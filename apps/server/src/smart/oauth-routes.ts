import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { addPreflights } from '../http/cors.ts';
import type { Node } from '../node.ts';
import { addInteractions } from './interactions.ts';
import { pagePolicy } from './pages.ts';
import { smartConfiguration } from './smart-configuration.ts';
import type { SmartServer, SmartServers } from './smart-server.ts';

/** For each address: a hospital's apps may share one. */
const REQUESTS_PER_MINUTE = 1_200;
const CONFIGURATION_SECONDS = 300;

/** OAuth 2.0 and OpenID Connect of every organisation below `/{org}/oauth`, and SMART's own file at its FHIR base. */
export function addOauthRoutes(app: FastifyInstance, node: Node, servers: SmartServers): void {
  addPreflights(app);
  addConfiguration(app, servers);
  // A scope of its own: oidc-provider reads bodies itself.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
    addProvider(scope, servers);
  });
  app.register(async (scope) => addInteractions(scope, node, servers));
}

interface InOrganisation {
  readonly org: string;
}

function addConfiguration(app: FastifyInstance, servers: SmartServers): void {
  app.route<{ Params: InOrganisation }>({
    method: 'GET',
    url: '/:org/fhir/R4/.well-known/smart-configuration',
    config: { access: { kind: 'public' } },
    schema: { summary: 'What SMART apps need to know to log in (SMART App Launch 2 §8).' },
    handler: async (request, reply) => {
      const server = await servers.read(request.params.org);
      // Public, and the same for everybody.
      return reply
        .header('cache-control', `public, max-age=${CONFIGURATION_SECONDS}`)
        .type('application/json; charset=utf-8')
        .send(smartConfiguration(server));
    },
  });
}

function addProvider(scope: FastifyInstance, servers: SmartServers): void {
  scope.route<{ Params: InOrganisation }>({
    method: ['GET', 'POST', 'OPTIONS'],
    url: '/:org/oauth/*',
    config: { access: { kind: 'public' }, rateLimit: { max: REQUESTS_PER_MINUTE, timeWindow: 60_000 } },
    schema: { hide: true } as object,
    handler: async (request, reply) => {
      const server = await servers.read(request.params.org);
      await handOver(server, request, reply);
    },
  });
}

/** Lets oidc-provider answer, under the node's own security headers. */
async function handOver(
  { provider, issuer }: SmartServer,
  { raw, params }: FastifyRequest<{ Params: InOrganisation }>,
  reply: FastifyReply,
): Promise<void> {
  const headers = { ...reply.getHeaders(), 'content-security-policy': pagePolicy() };
  reply.hijack();
  for (const [name, value] of Object.entries(headers)) {
    // Of cross-origin access oidc-provider decides itself, by endpoint.
    if (value !== undefined && !name.startsWith('access-control-')) reply.raw.setHeader(name, value);
  }
  const mount = `/${params.org}/oauth`;
  Object.assign(raw, { baseUrl: mount });
  raw.url = raw.url?.slice(mount.length) ?? '/';
  // The settings say under which address the node is reached, whatever a request says and wherever TLS ends.
  const { protocol, host } = new URL(issuer);
  provider.proxy = true;
  Object.assign(raw.headers, { host, 'x-forwarded-proto': protocol.slice(0, -1), 'x-forwarded-host': host });
  await provider.callback()(raw, reply.raw);
}
