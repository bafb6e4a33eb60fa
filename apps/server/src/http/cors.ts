import type { FastifyInstance } from 'fastify';

/**
 * Paths that pages of any origin may use: everything there is public or takes a bearer token, which no browser sends by
 * itself. The authorisation page, which has a cookie, is not among them.
 */
const OPEN_PATH =
  /^\/api\/v1\/orgs\/[^/?]{1,64}\/shl\/|^\/[^/?]{1,64}\/(?:fhir\/R4(?:[/?]|$)|oauth\/(?:token|jwks|introspect|revoke|\.well-known\/))/;
const METHODS = 'GET, POST, PUT, PATCH, DELETE, OPTIONS';
const HEADERS =
  'Authorization, Content-Type, Accept, Prefer, If-Match, If-None-Match, If-None-Exist, If-Modified-Since';
const EXPOSED = 'ETag, Last-Modified, Location, Content-Location, Retry-After, X-Progress, WWW-Authenticate';
const MAX_AGE_SECONDS = '3600';

/** Cross-origin answers for apps in browsers (SMART App Launch 2 §2.1.1); without credentials, so that no cookie counts. */
export function addCors(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (OPEN_PATH.test(request.raw.url ?? '')) {
      reply.headers({
        'access-control-allow-origin': '*',
        'access-control-expose-headers': EXPOSED,
        'cross-origin-resource-policy': 'cross-origin',
      });
    }
    done();
  });
}

/** Preflights of the FHIR API and the well-known file; those of the token endpoint oidc-provider answers itself. */
export function addPreflights(app: FastifyInstance): void {
  app.route({
    method: 'OPTIONS',
    url: '/:org/fhir/R4/*',
    config: { access: { kind: 'public' } },
    schema: { hide: true } as object,
    handler: async (_request, reply) =>
      reply
        .code(204)
        .headers({
          'access-control-allow-methods': METHODS,
          'access-control-allow-headers': HEADERS,
          'access-control-max-age': MAX_AGE_SECONDS,
        })
        .send(),
  });
}
