import { connect, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { staffCall } from '@salus/wallet';
import { certifyFeed, type FeedClient } from '../src/hl7/feed-client.ts';
import { frame, MllpReader } from '../src/hl7/mllp.ts';
import type { TestServer } from './hospital.ts';

/** A feed that its organisation's administrator has enrolled. */
export async function enrolFeed(server: TestServer, slug: string, name: string): Promise<FeedClient> {
  const client = await certifyFeed(server.node.organisations.get(slug)!, name, server.occasion().nowMs);
  const { call } = await staffCall(server.wallet(`${slug}.admin`), server.occasion(), {
    contract: 'membership',
    transaction: 'enrol',
    args: { certificates: [{ chain: [...client.chain] }] },
  });
  const outcome = await server.node.ledger.submit(call);
  if (outcome.kind !== 'committed') throw new Error(outcome.code);
  return client;
}

/** Segments of a message, each a line; `\r` between them. */
export function er7(...segments: readonly string[]): Buffer {
  return Buffer.from(`${segments.join('\r')}\r`);
}

/** A sender: one connection, one message at a time. */
export interface Sender {
  readonly socket: Socket;
  /** The acknowledgement's segments by name. */
  send(message: Uint8Array): Promise<Acknowledgement>;
  close(): void;
}

export interface Acknowledgement {
  readonly code: string;
  readonly controlId: string;
  readonly text: string;
  /** HL7 table 0357. */
  readonly condition: string | undefined;
}

const ANSWER_BYTES_MAX = 64 * 1024;

export async function openSender(port: number, tls?: ConnectionOptions): Promise<Sender> {
  const socket = tls === undefined ? connect(port, '127.0.0.1') : connectTls({ ...tls, port, host: '127.0.0.1' });
  await new Promise<void>((resolve, reject) => {
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => resolve());
    socket.once('error', reject);
  });
  const reader = new MllpReader(ANSWER_BYTES_MAX);
  const waiting: { resolve(text: string): void; reject(error: Error): void }[] = [];
  socket.on('data', (chunk: Buffer) => {
    for (const block of reader.push(chunk).blocks) waiting.shift()?.resolve(block.toString('latin1'));
  });
  const fail = (): void => {
    for (const { reject } of waiting.splice(0)) reject(new Error('the connection ended before the answer'));
  };
  socket.on('error', fail);
  socket.on('close', fail);
  return {
    socket,
    send: async (message) => {
      const answer = new Promise<string>((resolve, reject) => waiting.push({ resolve, reject }));
      socket.write(frame(message));
      return parseAcknowledgement(await answer);
    },
    close: () => socket.destroy(),
  };
}

function parseAcknowledgement(text: string): Acknowledgement {
  const segments = text.split('\r').map((line) => line.split('|'));
  const msa = segments.find(([name]) => name === 'MSA') ?? [];
  const err = segments.find(([name]) => name === 'ERR');
  return { code: msa[1] ?? '', controlId: msa[2] ?? '', text, condition: err?.[3]?.split('^')[0] };
}
