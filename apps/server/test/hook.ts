import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A subscriber's endpoint on this machine, with everything that it was told. */
export interface Hook extends AsyncDisposable {
  readonly url: string;
  readonly received: { readonly headers: NodeJS.Dict<string | string[]>; readonly body: string }[];
  /** What it answers from now on; null: nothing. */
  status: number | null;
  /** Calls that are open without an answer. */
  waiting: number;
}

export async function openHook(): Promise<Hook> {
  const received: Hook['received'] = [];
  const hook: Pick<Hook, 'received' | 'status' | 'waiting'> & { url: string } = {
    received,
    status: 200,
    waiting: 0,
    url: '',
  };
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (hook.status === null) {
        hook.waiting += 1;
        response.on('close', () => {
          hook.waiting -= 1;
        });
        return;
      }
      if (hook.status === 200) received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(hook.status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  hook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/told`;
  return Object.assign(hook, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
