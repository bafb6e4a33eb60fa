import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { postgresServer } from './postgres-server.ts';

const TIMEOUT_MS = 120_000;

/** Whether somebody listens there. */
function isOpen(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

test(
  'runs a server until it is disposed, also as root, and again after it was killed',
  async () => {
    const server = await postgresServer();
    expect(await isOpen(server.url)).toBe(true);
    await server.kill();
    expect(await isOpen(server.url)).toBe(false);
    await server.start();
    expect(await isOpen(server.url)).toBe(true);
    await server[Symbol.asyncDispose]();
    expect(await isOpen(server.url)).toBe(false);
  },
  TIMEOUT_MS,
);
