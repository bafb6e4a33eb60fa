import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Above what services take and below what the fixed networks of tests take; and below the ports that a system gives to
 * whoever connects (from 32,768 on Linux, 49,152 elsewhere): one of those is gone again while a node restarts.
 */
const [FROM, TO] = [10_000, 21_000];
const TRIES_MAX = 100;

/** A port of loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(FROM, TO);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port was found from ${FROM} to ${TO}`);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
