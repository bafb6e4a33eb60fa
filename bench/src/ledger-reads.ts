import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { EmbeddedLedger } from '@salus/ledger';

/** Times of single reads, in µs. */
export type ReadTimes = { readonly p50Us: number; readonly p95Us: number };

/** One after the other; the time of each in µs. */
type TimeReads = (ledger: EmbeddedLedger, keys: readonly string[]) => Promise<readonly number[]>;

/** Stretches of keys into which each side's are divided. */
const TURNS = 5;

/** Reads the keys of every side, a stretch of one after a stretch of the other, so that all meet the machine in the same state. */
export async function timeReadsInTurns(
  sides: readonly { readonly ledger: EmbeddedLedger; readonly keys: readonly string[] }[],
  time: TimeReads,
): Promise<readonly ReadTimes[]> {
  const times: number[][] = sides.map(() => []);
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (const [side, { ledger, keys }] of sides.entries()) {
      const [from, to] = [turn, turn + 1].map((at) => Math.floor((at * keys.length) / TURNS));
      times[side]!.push(...(await time(ledger, keys.slice(from, to))));
    }
  }
  return times.map(summarise);
}

/** Reads through the port itself, in this process. */
export async function timePortReads(ledger: EmbeddedLedger, keys: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const key of keys) {
    const start = performance.now();
    const value = await ledger.get(key);
    times.push((performance.now() - start) * 1_000);
    if (value === undefined) throw new Error('a committed call must be readable');
  }
  return times;
}

/** Reads over HTTP by a second process: what a node adds to a read is in all times alike. */
export async function timeHttpReads(ledger: EmbeddedLedger, keys: readonly string[]): Promise<readonly number[]> {
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

function summarise(times: readonly number[]): ReadTimes {
  const sorted = [...times].sort((left, right) => left - right);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50Us: at(0.5), p95Us: at(0.95) };
}

async function runClient(port: number, keys: readonly string[]): Promise<readonly number[]> {
  const script = fileURLToPath(new URL('./ledger-read-client.ts', import.meta.url));
  const client = spawn(process.execPath, [script, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
  client.stdin.end(keys.join('\n'));
  let said = '';
  client.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = (await once(client, 'close')) as [number];
  if (code !== 0) throw new Error('the reading process failed');
  return JSON.parse(said) as readonly number[];
}
