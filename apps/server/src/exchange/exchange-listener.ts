import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Ledger } from '@salus/ledger';
import {
  EXCHANGE_OPERATIONS,
  type ExchangeOperation,
  type ExchangePeer,
  findPeerNode,
  type PeerAnswer,
  type PeerNode,
  type PeerRequest,
} from '@salus/records';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest, LogController } from 'fastify';
import { Gate } from '../gate.ts';
import type { Log } from '../http/log.ts';
import { acceptStrictJson, observe, refuseConnection, sendError } from '../http/server.ts';
import type { Metrics } from '../metrics.ts';
import { ServerError } from '../server-error.ts';
import { sampled, shareConnections } from './connection-share.ts';
import { HEIGHT_HEADER, parseHeight, reachesHeight } from './ledger-height.ts';
import type { TlsIdentity } from './node-certificate.ts';

/** Where every operation of the exchange stands: `POST /exchange/v1/<operation>`. */
export const EXCHANGE_PATH = '/exchange/v1';
/** A delivery of 1 MiB, sealed and as base64url, is the largest request. */
export const EXCHANGE_BODY_BYTES_MAX = 2 * 1024 * 1024;
const JSON_DEPTH_MAX = 32;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 5_000;
const KEEP_ALIVE_MS = 60_000;
const SLOW_PEERS_CHECK_MS = 1_000;
const HEADER_BYTES_MAX = 8 * 1024;
const CONNECTIONS_MAX = 512;
/** Of one address, so that no host takes all of them; several nodes may stand behind one. */
const CONNECTIONS_PER_ADDRESS_MAX = 128;
/** Refusals of strangers are logged this often at most; the metrics count each. */
const STRANGERS_LOG_MS = 1_000;
/** Until a stranger's connection is closed: long enough for the refusal of a request that came along, which says why. */
const STRANGER_MS = 1_000;
/** For each organisation: none can take the whole node. */
const REQUESTS_AT_ONCE = 32;
const REQUESTS_WAITING = 128;

declare module 'fastify' {
  interface FastifyRequest {
    /** The node at the other end of an exchange connection. */
    peer: PeerNode | null;
  }
}

export interface ExchangeListenerOptions {
  readonly gateway: ExchangePeer;
  readonly ledger: Ledger;
  readonly identity: TlsIdentity;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Overrides for tests of slow peers. */
  readonly requestTimeoutMs?: number;
}

/**
 * The door for other organisations' nodes: HTTPS with mutual TLS 1.3. Who asks is judged at each connection and again at
 * each request by the verified ledger alone, so that a revocation ends what is open; and the request that is signed inside
 * must be that node's own.
 */
export async function createExchangeListener(options: ExchangeListenerOptions): Promise<FastifyInstance> {
  const { gateway, ledger, identity, log, metrics } = options;
  const requestTimeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  const app = Fastify({
    loggerInstance: log as unknown as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: EXCHANGE_BODY_BYTES_MAX,
    requestTimeout,
    keepAliveTimeout: KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    return503OnClosing: true,
    forceCloseConnections: 'idle',
    https: {
      key: identity.key,
      cert: identity.certificate,
      minVersion: 'TLSv1.3',
      requestCert: true,
      // Which authorities count changes with every block: the ledger is asked instead, below. TLS has proved by then that
      // the other end holds the certificate's key.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
      connectionsCheckingInterval: Math.min(SLOW_PEERS_CHECK_MS, requestTimeout),
      maxHeaderSize: HEADER_BYTES_MAX,
    },
    clientErrorHandler: refuseConnection,
  }) as unknown as FastifyInstance;
  app.server.maxConnections = CONNECTIONS_MAX;
  shareConnections(app.server, CONNECTIONS_PER_ADDRESS_MAX);
  acceptStrictJson(app, { sizeMax: EXCHANGE_BODY_BYTES_MAX, depthMax: JSON_DEPTH_MAX });
  app.decorateRequest('refusal', null);
  app.decorateRequest('peer', null);
  // A stranger's connection ends before anything of it is read as HTTP.
  const logStranger = sampled(
    STRANGERS_LOG_MS,
    () => performance.now(),
    (facts, omitted) => log.warn({ ...facts, omitted }, 'exchange connection refused'),
  );
  app.server.on('secureConnection', (socket: TLSSocket) => endStrangers(socket, options, logStranger));
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    request.peer = await readPeer(request.raw.socket, options);
  });
  app.addHook('onResponse', (request, reply, done) => {
    observe(request, reply, metrics);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler(async (request, reply) =>
    sendError(new ServerError('not-found', 'There is nothing here.'), request, reply),
  );
  const gates = new Map<string, Gate>();
  for (const operation of EXCHANGE_OPERATIONS) {
    app.post(`${EXCHANGE_PATH}/${operation}`, async (request, reply) => {
      const asked = ownRequest(request);
      const { organisation } = request.peer!;
      const gate = gates.get(organisation) ?? new Gate({ running: REQUESTS_AT_ONCE, waiting: REQUESTS_WAITING });
      gates.set(organisation, gate);
      const answer = await gate.run(async () => {
        await demandHeight(request, ledger);
        return answerOf(gateway, operation, asked);
      });
      if (answer.kind === 'refused') request.refusal = answer.code;
      return reply.header(HEIGHT_HEADER, String(await ledger.height())).send(answer);
    });
  }
  return app;
}

/** The gateway checks signature, addressee, freshness and body of what is handed to it. */
function answerOf(
  gateway: ExchangePeer,
  operation: ExchangeOperation,
  request: AnyRequest,
): Promise<PeerAnswer<unknown>> {
  const ask = gateway[operation].bind(gateway) as (asked: AnyRequest) => Promise<PeerAnswer<unknown>>;
  return ask(request);
}

type AnyRequest = PeerRequest<ExchangeOperation, unknown>;

/** @throws ServerError `peer-mismatch` for a request that another node signed: nobody passes on what others may ask. */
function ownRequest({ body, peer }: FastifyRequest): AnyRequest {
  const asked = body as Partial<AnyRequest> | null;
  const payload = asked?.payload;
  if (payload === undefined || payload === null || peer === null) {
    throw new ServerError('bad-request', 'A request to the exchange is a signed payload.');
  }
  if (payload.from !== peer.organisation || payload.node !== peer.node) {
    throw new ServerError('peer-mismatch', 'The request is signed in the name of another node than the one connected.');
  }
  return asked as AnyRequest;
}

/** What the asker has seen, this node sees before it answers: a grant or revocation in between counts for both. */
async function demandHeight({ headers }: FastifyRequest, ledger: Ledger): Promise<void> {
  if (await reachesHeight(ledger, parseHeight(headers[HEIGHT_HEADER]))) return;
  throw new ServerError('overloaded', 'This node’s ledger is behind the asker’s: ask again.');
}

/** @throws ServerError `not-authenticated` without a certificate, `peer-unknown` for one that proves no enrolled node. */
async function readPeer(socket: Socket, { ledger, nowMs }: ExchangeListenerOptions): Promise<PeerNode> {
  const certificate = (socket as TLSSocket).getPeerX509Certificate();
  if (certificate === undefined) {
    throw new ServerError('not-authenticated', 'The exchange is for nodes: connect with the certificate of one.');
  }
  const peer = await findPeerNode(ledger, certificate.raw.toString('base64url'), nowMs());
  if (peer === undefined) {
    throw new ServerError('peer-unknown', 'The certificate is not that of an enrolled node of a member.');
  }
  return peer;
}

/** A connection without a certificate of an enrolled node is closed; all that it gets is refusals. */
function endStrangers(socket: TLSSocket, options: ExchangeListenerOptions, logStranger: (facts: object) => void): void {
  readPeer(socket, options).catch((error: unknown) => {
    const code = error instanceof ServerError ? error.code : 'internal';
    options.metrics.refusals.inc({ code });
    logStranger({ code, address: socket.remoteAddress });
    setTimeout(() => socket.destroy(), STRANGER_MS).unref();
  });
}
