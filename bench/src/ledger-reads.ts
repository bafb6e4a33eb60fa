import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { EmbeddedLedger } from '@salus/ledger';

/** Times of single reads, in µs. */
export type ReadTimes = { readonly p50Us: number; readonly p95Us: number };

/** Reads through the port itself, one after the other, in this process. */
export async function timePortReads(ledger: EmbeddedLedger, keys: readonly string[]): Promise<ReadTimes> {
  const times: number[] = [];
  for (const key of keys) {
    const start = performance.now();
    const value = await ledger.get(key);
    times.push((performance.now() - start) * 1_000);
    if (value === undefined) throw new Error('a committed call must be readable');
  }
  return summarise(times);
}

/** Reads over HTTP by a second process, one after the other: what a node adds to a read is in both times alike. */
export async function timeHttpReads(ledger: EmbeddedLedger, keys: readonly string[]): Promise<ReadTimes> {
  const server = createServer((request, response) => {
    ledger.get(decodeURIComponent((request.url ?? '/').slice(1))).then(
      (value) => response.writeHead(value === undefined ? 404 : 200).end(JSON.stringify(value ?? null)),
      () => response.writeHead(500).end(),
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    return await runClient(port, keys);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

export function summarise(times: readonly number[]): ReadTimes {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50Us: at(0.5), p95Us: at(0.95) };
}

async function runClient(port: number, keys: readonly string[]): Promise<ReadTimes> {
  const script = fileURLToPath(new URL('./ledger-read-client.ts', import.meta.url));
  const client = spawn(process.execPath, [script, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  client.stdin.end(keys.join('\n'));
  let said = '';
  client.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = (await once(client, 'close')) as [number];
  if (code !== 0) throw new Error('the reading process failed');
  return JSON.parse(said) as ReadTimes;
}
