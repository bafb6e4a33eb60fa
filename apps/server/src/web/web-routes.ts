import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendError } from '../http/server.ts';
import { ServerError } from '../server-error.ts';
import type { WebApp, WebFile } from './web-app.ts';

const NONCE_BYTES = 18;
const NONCE_PLACE = '__CSP_NONCE__';
/** Names of assets hold a hash of their content, so they never change (RFC 8246). */
const IMMUTABLE = 'public, max-age=31536000, immutable';
/** What keeps its name is asked for anew; the bytes hold nobody's data. */
const REVALIDATED = 'no-cache';
/** Paths of the API, of FHIR and of apps' log-ins: no page ever answers there. */
const NOT_PAGES =
  /^\/(?:api|assets|icons|release|metrics|health|\.well-known)(?:[/?]|$)|^\/[^/?]{1,64}\/(?:fhir|oauth)(?:[/?]|$)/;
/** A worker has the policy of its own file: this one asks the node and does nothing else. */
const WORKER = '/sw.js';
const WORKER_POLICY = "default-src 'none'; connect-src 'self'";
const PERMISSIONS =
  'camera=(self), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)';

/** The web app: its files as they are, and its page for every other address that a browser opens. */
export function addWebRoutes(app: FastifyInstance, web: WebApp): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: '/*',
    config: { access: { kind: 'public' } },
    schema: { hide: true } as object,
    handler: async (request, reply) => {
      const path = request.url.split('?', 1)[0] ?? '/';
      const file = web.files.get(path);
      if (file !== undefined) return sendFile(file, path, request, reply);
      if (NOT_PAGES.test(request.url) || !wantsPage(request)) {
        return sendError(new ServerError('not-found', 'There is nothing here.'), request, reply);
      }
      return sendPage(web, reply);
    },
  });
}

function wantsPage(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').includes('text/html');
}

async function sendFile(file: WebFile, path: string, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const encodings = (request.headers['accept-encoding'] ?? '').split(',').map((name) => name.trim().split(';', 1)[0]);
  const gzipped = encodings.includes('gzip') ? await file.gzipped() : undefined;
  reply.headers({
    'cache-control': path.startsWith('/assets/') ? IMMUTABLE : REVALIDATED,
    vary: 'accept-encoding',
    ...(path === WORKER ? { 'content-security-policy': WORKER_POLICY } : {}),
    ...(gzipped === undefined ? {} : { 'content-encoding': 'gzip' }),
  });
  return reply.type(file.type).send(gzipped ?? file.bytes);
}

function sendPage(web: WebApp, reply: FastifyReply): unknown {
  const nonce = randomBytes(NONCE_BYTES).toString('base64');
  return reply
    .headers({
      'content-security-policy': web.policy.replaceAll(NONCE_PLACE, nonce),
      'permissions-policy': PERMISSIONS,
    })
    .type('text/html; charset=utf-8')
    .send(web.page.replaceAll(NONCE_PLACE, nonce));
}
