import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { ServerError } from '../server-error.ts';
import type { Hl7ListenerSettings } from './hl7-configuration.ts';
import { MESSAGE_BYTES_MAX } from './message.ts';
import type { HandledMessage, MessageHandler } from './message-handler.ts';
import { frame, MllpReader } from './mllp.ts';

/** Connections of one listener. */
export const CONNECTIONS_MAX = 256;
/** Connections of one client: a sender has a few, not many. */
export const CONNECTIONS_OF_CLIENT_MAX = 32;
/** Messages of one connection that wait for their turn; beyond that nothing more is read from it. */
export const QUEUE_MAX = 64;
/** A connection that says nothing for so long is closed; senders open it again. */
const IDLE_MS = 30 * 60 * 1000;
const HANDSHAKE_MS = 10_000;

export interface Hl7Listener extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
}

export interface ListenerParts {
  readonly settings: Hl7ListenerSettings;
  readonly handler: Pick<MessageHandler, 'handle'>;
  readonly onHandled: (handled: HandledMessage) => void;
  /** Connections that were turned away; never with what they sent. */
  readonly onRefused: (reason: 'unknown-peer' | 'too-many' | 'too-large' | 'not-framed') => void;
  readonly onFailure: (error: unknown) => void;
}

/** Listens for HL7 v2 over MLLP; each connection is one client, told by its certificate or address. */
export async function openHl7Listener(parts: ListenerParts): Promise<Hl7Listener> {
  const { settings } = parts;
  const connections = new Map<Socket, string>();
  const accept = (socket: Socket): void => acceptConnection(parts, connections, socket);
  const server = serverOf(settings, accept);
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new ServerError('port-in-use', `Port ${settings.port} of SALUS_HL7 is in use.`)
          : error,
      );
    });
    server.listen(settings.port, settings.host, resolve);
  });
  server.on('error', parts.onFailure);
  const address = server.address();
  return {
    host: settings.host,
    port: typeof address === 'object' && address !== null ? address.port : settings.port,
    get connections() {
      return connections.size;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of connections.keys()) socket.destroy();
      await closed;
    },
  };
}

function serverOf({ tls }: Hl7ListenerSettings, accept: (socket: Socket) => void): Server {
  if (tls === null) return createServer({ noDelay: true }, accept);
  // Peers are told by the fingerprints that are listed: an authority could certify more than those.
  return createTlsServer(
    {
      cert: readFileSync(tls.certificateFile),
      key: readFileSync(tls.keyFile),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      handshakeTimeout: HANDSHAKE_MS,
    },
    (socket) => {
      socket.setNoDelay(true);
      accept(socket);
    },
  );
}

function acceptConnection(parts: ListenerParts, connections: Map<Socket, string>, socket: Socket): void {
  // A sender that goes away in the middle is no failure of the node.
  socket.on('error', () => undefined);
  const client = clientOf(parts.settings, socket);
  if (client === undefined) {
    parts.onRefused('unknown-peer');
    socket.destroy();
    return;
  }
  const open = [...connections.values()].filter((name) => name === client).length;
  if (open >= CONNECTIONS_OF_CLIENT_MAX) {
    parts.onRefused('too-many');
    socket.destroy();
    return;
  }
  connections.set(socket, client);
  socket.on('close', () => connections.delete(socket));
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  receive(parts, client, socket);
}

/** Undefined for whoever is not listed. */
function clientOf({ peers, tls }: Hl7ListenerSettings, socket: Socket): string | undefined {
  if (tls === null) {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    return peers.find((peer) => peer.address === address)?.client;
  }
  if (!(socket instanceof TLSSocket)) return undefined;
  const { fingerprint256 } = socket.getPeerCertificate();
  return fingerprint256 === undefined ? undefined : peers.find((peer) => peer.fingerprint === fingerprint256)?.client;
}

/** Messages of a connection are taken one after the other and answered in their order. */
function receive({ handler, onHandled, onRefused, onFailure }: ListenerParts, client: string, socket: Socket): void {
  const reader = new MllpReader(MESSAGE_BYTES_MAX);
  const queue: Buffer[] = [];
  let working = false;
  const work = async (): Promise<void> => {
    working = true;
    for (let bytes = queue.shift(); bytes !== undefined; bytes = queue.shift()) {
      const handled = await handler.handle(client, bytes);
      onHandled(handled);
      if (!socket.destroyed) socket.write(frame(handled.acknowledgement));
      if (queue.length < QUEUE_MAX) socket.resume();
    }
    working = false;
  };
  socket.on('data', (chunk: Buffer) => {
    const { blocks, failure } = reader.push(chunk);
    // Copied: a block is a view of what arrives, and waits.
    queue.push(...blocks.map((block) => Buffer.from(block)));
    if (queue.length >= QUEUE_MAX) socket.pause();
    if (!working && queue.length > 0) work().catch(onFailure);
    if (failure === undefined) return;
    onRefused(failure);
    socket.destroy();
  });
}
