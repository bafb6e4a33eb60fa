import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { toPem } from '@salus/crypto';

/** What some client at the exchange of a node got. */
export interface PeerReply {
  readonly status: number;
  readonly body: { readonly kind?: string; readonly code?: string };
}

/** The TLS half of an identity: whatever certificate with its key. */
export function tlsOf(chain: readonly string[], privateKey: Uint8Array): Pick<RequestOptions, 'key' | 'cert'> {
  return {
    key: toPem('PRIVATE KEY', Buffer.from(privateKey).toString('base64url')),
    cert: chain.map((certificate) => toPem('CERTIFICATE', certificate)).join(''),
  };
}

/** Sends anything to a node's exchange, by whatever connection; rejects when no answer comes. */
export function post(
  url: string,
  { body, ...tls }: RequestOptions & { readonly body: string | Buffer },
): Promise<PeerReply> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const outgoing = httpsRequest(url, { method: 'POST', headers, rejectUnauthorized: false, agent: false, ...tls });
    outgoing.on('error', reject);
    outgoing.once('response', (incoming) => {
      readText(incoming).then((text) => {
        resolve({ status: incoming.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) });
      }, reject);
    });
    outgoing.end(body);
  });
}

async function readText(incoming: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text;
}
