import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Counter, Gauge, type Registry } from 'prom-client';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import type { EndpointRules } from './endpoint-guard.ts';
import { SubscriptionEngine } from './engine.ts';
import type { AppRecall } from './requester.ts';

/** A binding token serves once, within this time. */
export const BINDING_TOKEN_MS = 60_000;
const BINDING_TOKENS_MAX = 10_000;
const TOKEN_BYTES = 32;
export const WEBSOCKETS_MAX = 1_000;
/** Subscriptions that one websocket listens to. */
const BOUND_MAX = 50;
/** What a client says is a command and a token. */
const COMMAND_BYTES_MAX = 1_024;
/** A connection that does not bind in time is closed. */
const BIND_WITHIN_MS = 30_000;
/** What a slow reader may leave unread. */
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;
const WEBSOCKET_PATH = /^\/([a-z][a-z0-9-]{1,31})\/fhir\/R4\/\$subscriptions$/;
const BIND = /^bind-with-token ([A-Za-z0-9_-]{43})$/;

export interface SubscriptionParts {
  readonly endpoints: EndpointRules;
  readonly recallApp: AppRecall;
  readonly registry: Registry;
  readonly onFailure: (error: unknown) => void;
}

type Binding = { readonly organisation: string; readonly subscription: string; readonly expiresMs: number };

/** The subscriptions of every organisation of a node, and the websockets bound to them. */
export class Subscriptions implements AsyncDisposable {
  readonly endpoints: EndpointRules;
  readonly #node: Node;
  readonly #engines: ReadonlyMap<string, SubscriptionEngine>;
  readonly #bindings = new Map<string, Binding>();
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: COMMAND_BYTES_MAX });

  private constructor(node: Node, engines: ReadonlyMap<string, SubscriptionEngine>, endpoints: EndpointRules) {
    this.#node = node;
    this.#engines = engines;
    this.endpoints = endpoints;
  }

  static async open(node: Node, parts: SubscriptionParts): Promise<Subscriptions> {
    const { endpoints, recallApp, registry, onFailure } = parts;
    const engines = new Map<string, SubscriptionEngine>();
    const sent = new Counter({
      name: 'salus_notifications_total',
      help: 'Notifications to subscribers, by kind and whether they were taken.',
      labelNames: ['kind', 'outcome'],
      registers: [registry],
    });
    new Gauge({
      name: 'salus_subscriptions',
      help: 'Subscriptions of all states.',
      registers: [registry],
      collect() {
        this.set([...engines.values()].reduce((sum, { size }) => sum + size, 0));
      },
    });
    for (const [slug, organisation] of node.organisations) {
      const onSent = (kind: string, outcome: string): void => sent.inc({ kind, outcome });
      const engine = { organisation, endpoints, recallApp, nowMs: node.nowMs, onFailure, onSent };
      engines.set(slug, await SubscriptionEngine.open(engine));
    }
    return new Subscriptions(node, engines, endpoints);
  }

  /** @throws ServerError `not-found` for an organisation that this node does not host */
  of(slug: string): SubscriptionEngine {
    readHosted(this.#node, slug);
    const engine = this.#engines.get(slug);
    if (engine === undefined) throw new ServerError('not-found', 'This node hosts no such organisation.');
    return engine;
  }

  /** Lets the holder of the token bind one websocket, once. */
  async bindingToken(organisation: string, subscription: string) {
    const nowMs = this.#node.nowMs();
    for (const [token, { expiresMs }] of this.#bindings) if (expiresMs < nowMs) this.#bindings.delete(token);
    if (this.#bindings.size >= BINDING_TOKENS_MAX)
      throw new ServerError('overloaded', 'Too many sockets are to be bound.');
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const expiresMs = nowMs + BINDING_TOKEN_MS;
    this.#bindings.set(token, { organisation, subscription, expiresMs });
    return { token, expiresMs };
  }

  /** Takes upgrades of this path on the node's own port. What is asked for comes from anybody: nothing here may throw. */
  listen(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const [path = ''] = (request.url ?? '').split('?', 1);
      const [, organisation] = WEBSOCKET_PATH.exec(path) ?? [];
      if (organisation === undefined || !this.#engines.has(organisation)) return refuseUpgrade(socket, '404 Not Found');
      if (this.#sockets.clients.size >= WEBSOCKETS_MAX) return refuseUpgrade(socket, '503 Service Unavailable');
      this.#sockets.handleUpgrade(request, socket, head, (connected) => this.#serve(connected, organisation));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    await new Promise<void>((resolve) => this.#sockets.close(() => resolve()));
    for (const engine of this.#engines.values()) await engine[Symbol.asyncDispose]();
  }

  #serve(socket: WebSocket, organisation: string): void {
    const unbind: (() => void)[] = [];
    const idle = setTimeout(() => socket.terminate(), BIND_WITHIN_MS);
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      clearTimeout(idle);
      for (const end of unbind) end();
    });
    socket.on('message', (data) => {
      const [, token] = Buffer.isBuffer(data) ? (BIND.exec(data.toString()) ?? []) : [];
      const binding = token === undefined ? undefined : this.#bindings.get(token);
      if (token !== undefined) this.#bindings.delete(token);
      const isGood = binding?.organisation === organisation && binding.expiresMs >= this.#node.nowMs();
      if (binding === undefined || !isGood || unbind.length >= BOUND_MAX) {
        socket.close(1008, 'no such binding token');
        return;
      }
      clearTimeout(idle);
      this.of(organisation)
        .bind(binding.subscription, { send: (text) => sendTo(socket, text) })
        .then((end) => {
          if (end === undefined) socket.close(1008, 'no such subscription');
          else if (socket.readyState === socket.OPEN) unbind.push(end);
          else end();
        })
        .catch(() => socket.terminate());
    });
  }
}

/** The HTTP server listens to an upgraded socket no longer, to its errors neither. */
function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function sendTo(socket: WebSocket, text: string): Promise<boolean> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve(false);
  if (socket.bufferedAmount > BUFFERED_BYTES_MAX) {
    socket.terminate();
    return Promise.resolve(false);
  }
  return new Promise((resolve) => socket.send(text, (error) => resolve(error === undefined || error === null)));
}
