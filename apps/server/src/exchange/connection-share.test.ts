import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sampled, shareConnections } from './connection-share.ts';

const MAX = 2;

let server: Server;
const held: Socket[] = [];

beforeEach(async () => {
  server = createServer((socket) => {
    // What is refused may be reset while it asks.
    socket.on('error', () => undefined).on('data', (asked) => socket.write(asked));
  });
  // As in a TLS server, whose own listener comes first: what is refused is destroyed all the same.
  shareConnections(server, MAX);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const socket of held.splice(0)) socket.destroy();
  server.close();
  await once(server, 'close');
});

/** A connection from a loopback address; whether it stays. */
async function open(localAddress: string): Promise<{ readonly socket: Socket; readonly stays: boolean }> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  held.push(socket);
  await once(socket, 'connect');
  socket.on('error', () => socket.destroy());
  const gone = once(socket, 'close').then(() => false);
  // Only one that stays is answered.
  const answered = new Promise<boolean>((settle) => socket.once('data', () => settle(true)));
  socket.write('?');
  return { socket, stays: await Promise.race([gone, answered]) };
}

describe('connections of one address', () => {
  it('are bounded, and one that ends makes room again', async () => {
    const first = await open('127.0.0.1');
    expect(first.stays).toBe(true);
    expect((await open('127.0.0.1')).stays).toBe(true);
    expect((await open('127.0.0.1')).stays).toBe(false);
    const left = once(first.socket, 'close');
    first.socket.destroy();
    await left;
    await expect.poll(async () => (await open('127.0.0.1')).stays).toBe(true);
  });

  it.runIf(process.platform === 'linux')('take nothing from another address', async () => {
    for (let count = 0; count < MAX; count += 1) await open('127.0.0.1');
    expect((await open('127.0.0.1')).stays).toBe(false);
    expect((await open('127.0.0.2')).stays).toBe(true);
  });
});

describe('a sampled report', () => {
  it('comes through once in an interval and tells how many were left out', () => {
    let nowMs = 0;
    const reports: (readonly [object, number])[] = [];
    const report = sampled(
      1_000,
      () => nowMs,
      (facts, omitted) => reports.push([facts, omitted]),
    );
    for (const at of [0, 1, 999, 1_000, 1_001, 2_500]) {
      nowMs = at;
      report({ at });
    }
    expect(reports).toEqual([
      [{ at: 0 }, 0],
      [{ at: 1_000 }, 2],
      [{ at: 2_500 }, 1],
    ]);
  });
});
