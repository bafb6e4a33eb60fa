import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { CryptoError, type Json, parseJson } from '@salus/crypto';
import { type Ledger, LedgerError } from '@salus/ledger';
import {
  type ExchangeOperation,
  type ExchangePeer,
  findPeerNode,
  type PeerAnswer,
  type PeerRequest,
  parsePeerAnswer,
  RecordsError,
} from '@salus/records';
import { EXCHANGE_PATH } from './exchange-listener.ts';
import { HEIGHT_HEADER, parseHeight, reachesHeight } from './ledger-height.ts';
import type { TlsIdentity } from './node-certificate.ts';

/** From the first packet to the end of the handshake. */
const CONNECT_MS = 5_000;
/** From the question to the last byte of its answer. */
const ANSWER_MS = 60_000;
/** The largest record (32 MiB of text), sealed and as base64url, fits; whoever asks for several asks for fewer then. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const ANSWER_DEPTH_MAX = 32;
const REFUSAL_BYTES_MAX = 16 * 1024;
const CONNECTIONS_MAX = 16;
const IDLE_CONNECTIONS_MAX = 4;
const KEEP_ALIVE_MS = 30_000;
/** The other node is there but cannot now, or something between is in the way. */
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
const CODE = /^[a-z][a-z0-9-]{1,63}$/;

export interface PeerLimits {
  readonly connectMs: number;
  readonly answerMs: number;
  readonly answerBytesMax: number;
}

export interface PeerClientOptions {
  /** The organisation that must stand at the other end. */
  readonly organisation: string;
  /** `https://host:port` of its exchange. */
  readonly url: string;
  /** Read for each new connection. */
  readonly identity: TlsIdentity;
  readonly ledger: Ledger;
  readonly nowMs: () => number;
  readonly limits?: Partial<PeerLimits>;
}

/** Another organisation's gateway behind mutual TLS 1.3. */
export interface PeerClient extends ExchangePeer, Disposable {}

/**
 * Speaks with one organisation's exchange. Before a byte of a request leaves, the other end has proved on that connection
 * to be an enrolled node of the organisation, by the verified ledger as it is now. Rejects with RecordsError
 * `peer-unreachable` (nothing tells whether the request acted: sign and ask again), `peer-untrusted`, `too-large`,
 * `proof-invalid` (an answer that is none), `ledger-unavailable` (the own ledger is behind the answer).
 */
export function openPeerClient(options: PeerClientOptions): PeerClient {
  const { key, certificate } = options.identity;
  const agent = new Agent({
    key,
    cert: certificate,
    minVersion: 'TLSv1.3',
    // A node's certificate names no host, and which authorities count is for the ledger to say: `demandPeer` asks it.
    rejectUnauthorized: false,
    // Every connection proves anew who stands at its end.
    maxCachedSessions: 0,
    keepAlive: true,
    timeout: KEEP_ALIVE_MS,
    maxSockets: CONNECTIONS_MAX,
    maxFreeSockets: IDLE_CONNECTIONS_MAX,
  });
  const limits = { connectMs: CONNECT_MS, answerMs: ANSWER_MS, answerBytesMax: ANSWER_BYTES_MAX, ...options.limits };
  const parts = { ...options, agent, limits };
  const ask =
    <Result>(operation: ExchangeOperation) =>
    (request: PeerRequest<ExchangeOperation, unknown>): Promise<PeerAnswer<Result>> =>
      askPeer<Result>(parts, operation, request);
  return {
    open: ask('open'),
    manifest: ask('manifest'),
    fetch: ask('fetch'),
    references: ask('references'),
    attachment: ask('attachment'),
    places: ask('places'),
    disputes: ask('disputes'),
    delegate: ask('delegate'),
    deliver: ask('deliver'),
    handOn: ask('handOn'),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

interface Parts extends Omit<PeerClientOptions, 'limits'> {
  readonly agent: Agent;
  readonly limits: PeerLimits;
}

async function askPeer<Result>(
  parts: Parts,
  operation: ExchangeOperation,
  request: PeerRequest<ExchangeOperation, unknown>,
): Promise<PeerAnswer<Result>> {
  const height = String(await parts.ledger.height());
  const signal = AbortSignal.timeout(parts.limits.answerMs);
  const { status, headers, body } = await exchange(parts, { operation, request, height, signal });
  if (PASSING.has(status)) throw unreachable(parts, `answered with status ${status}`);
  const answer = parseBody(body);
  if (status !== 200) return refusalOf(answer);
  if (!(await reachesHeight(parts.ledger, parseHeight(headers[HEIGHT_HEADER])))) {
    throw new RecordsError('ledger-unavailable', 'this node’s ledger is behind what the answer rests on');
  }
  return parsePeerAnswer<Result>(operation, answer);
}

interface Asked {
  readonly operation: ExchangeOperation;
  readonly request: PeerRequest<ExchangeOperation, unknown>;
  readonly height: string;
  readonly signal: AbortSignal;
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

async function exchange(parts: Parts, asked: Asked): Promise<Answered> {
  try {
    const incoming = await send(parts, asked);
    const status = incoming.statusCode ?? 0;
    const sizeMax = status === 200 ? parts.limits.answerBytesMax : REFUSAL_BYTES_MAX;
    return { status, headers: incoming.headers, body: await readBounded(incoming, sizeMax) };
  } catch (cause) {
    if (cause instanceof RecordsError || cause instanceof LedgerError) throw cause;
    throw unreachable(parts, 'did not answer', cause);
  }
}

/** Resolves with the answer's head. Whatever fails on the way rejects, once. */
function send(parts: Parts, { operation, request, height, signal }: Asked): Promise<IncomingMessage> {
  const body = Buffer.from(JSON.stringify(request));
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(new URL(`${EXCHANGE_PATH}/${operation}`, parts.url), {
      method: 'POST',
      agent: parts.agent,
      signal,
      headers: { 'content-type': 'application/json', 'content-length': body.length, [HEIGHT_HEADER]: height },
    });
    outgoing.on('error', reject);
    outgoing.once('response', resolve);
    outgoing.once('socket', (socket) => {
      whenSecure(socket, parts.limits.connectMs)
        .then(() => demandPeer(parts, socket as TLSSocket))
        .then(
          () => outgoing.end(body),
          (error: Error) => outgoing.destroy(error),
        );
    });
  });
}

/** Connections whose handshake is over: `secureConnect` comes once, and whoever waited for a connection may come later. */
const secured = new WeakSet<Socket>();

function whenSecure(socket: Socket, connectMs: number): Promise<void> {
  if (secured.has(socket)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the connection takes too long')), connectMs);
    const settle = (act: () => void) => (): void => {
      clearTimeout(timer);
      act();
    };
    const secure = (): void => {
      secured.add(socket);
      resolve();
    };
    socket.once('secureConnect', settle(secure));
    socket.once(
      'close',
      settle(() => reject(new Error('the connection was closed'))),
    );
  });
}

/** What stood at the other end when a connection was made: Node forgets it once the connection was used. */
const shown = new WeakMap<TLSSocket, string>();

/** Asked before every request, on a new connection and on an old one: a node that was revoked gets nothing more. */
async function demandPeer({ ledger, organisation, nowMs }: Parts, socket: TLSSocket): Promise<void> {
  const certificate = shown.get(socket) ?? socket.getPeerX509Certificate()?.raw.toString('base64url');
  if (certificate !== undefined) shown.set(socket, certificate);
  const peer = certificate === undefined ? undefined : await findPeerNode(ledger, certificate, nowMs());
  if (peer?.organisation !== organisation) {
    throw new RecordsError('peer-untrusted', `what answers for ${organisation} is not an enrolled node of it`);
  }
}

async function readBounded(incoming: IncomingMessage, sizeMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > sizeMax) {
      incoming.destroy();
      throw new RecordsError('too-large', `the other node's answer is larger than ${sizeMax} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

function parseBody(body: Buffer): Json {
  try {
    return parseJson(body, { sizeMax: ANSWER_BYTES_MAX, depthMax: ANSWER_DEPTH_MAX });
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new RecordsError('proof-invalid', 'the other node sent a malformed answer', { cause });
  }
}

/** A refusal before the gateway was asked: by the connection's own rules. */
function refusalOf(answer: Json): PeerAnswer<never> {
  const { code } = (answer ?? {}) as { readonly code?: unknown };
  if (typeof code === 'string' && CODE.test(code)) return { kind: 'refused', code };
  throw new RecordsError('proof-invalid', 'the other node refused without a code');
}

function unreachable({ organisation }: Parts, what: string, cause?: unknown): RecordsError {
  return new RecordsError('peer-unreachable', `the node of ${organisation} ${what}`, { cause });
}
