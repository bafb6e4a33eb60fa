import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';

/** Reads over a connection before the times count. */
const WARM_UP = 200;

const port = Number(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function read(key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, agent, path: `/${encodeURIComponent(key)}` }, (response) => {
      response.resume();
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`status ${response.statusCode}`));
      });
    }).on('error', reject);
  });
}

/** Keys come on stdin, one a line; the first few only warm the connection up. The times of the others in µs go to stdout. */
const keys = (await text(process.stdin)).split('\n');
const times: number[] = [];
for (const [at, key] of keys.entries()) {
  const start = performance.now();
  await read(key);
  if (at >= WARM_UP) times.push((performance.now() - start) * 1_000);
}
agent.destroy();
process.stdout.write(JSON.stringify(times));
