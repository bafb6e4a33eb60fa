import { randomBytes } from 'node:crypto';
import { request } from 'node:https';
import { NetworkError } from '../network-error.ts';
import { type NodeAddress, REQUEST_TIMEOUT_MS } from './connection.ts';

/**
 * The administration listener of an orderer (`Admin.ListenAddress`): HTTPS that asks for a client certificate of the
 * authorities in `Admin.TLS.ClientRootCAs`. Certificate and key are PEM.
 */
export type OrdererAdministration = NodeAddress & { readonly certificate: string; readonly privateKey: string };

export type OrdererChannel = {
  readonly name: string;
  readonly status: 'active' | 'onboarding' | 'inactive' | 'failed';
  readonly consensusRelation: 'consenter' | 'follower' | 'config-tracker' | 'other';
  readonly height: number;
};

type Answer = { readonly status: number; readonly body: Buffer };

const CHANNELS = '/participation/v1/channels';
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const HTTP = { ok: 200, created: 201, noContent: 204, notFound: 404, exists: 405 } as const;

/**
 * Has an orderer join a channel, as `osnadmin channel join` does: with the genesis block, or with the newest
 * configuration block when the channel runs. Throws `refused`, `unavailable`, `timeout`.
 */
export async function joinOrderer(
  orderer: OrdererAdministration,
  channel: string,
  block: Uint8Array,
): Promise<'joined' | 'already'> {
  if ((await listOrdererChannels(orderer)).includes(channel)) return 'already';
  const boundary = `salus-${randomBytes(12).toString('hex')}`;
  const body = Buffer.concat([
    Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="config-block"; filename="config.block"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    ),
    block,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  const answer = await ask(orderer, 'POST', CHANNELS, { body, type: `multipart/form-data; boundary=${boundary}` });
  if (answer.status === HTTP.exists) return 'already';
  requireStatus(orderer, answer, HTTP.created);
  return 'joined';
}

/** Names of the channels that an orderer takes part in, in byte order. */
export async function listOrdererChannels(orderer: OrdererAdministration): Promise<readonly string[]> {
  const answer = await ask(orderer, 'GET', CHANNELS);
  requireStatus(orderer, answer, HTTP.ok);
  const listed = parseJson(orderer, answer) as { readonly channels?: readonly { readonly name: string }[] | null };
  return (listed.channels ?? []).map(({ name }) => name).sort();
}

/** How far an orderer is on a channel. Throws `not-found`. */
export async function readOrdererChannel(orderer: OrdererAdministration, channel: string): Promise<OrdererChannel> {
  const answer = await ask(orderer, 'GET', `${CHANNELS}/${encodeURIComponent(channel)}`);
  requireStatus(orderer, answer, HTTP.ok);
  return parseJson(orderer, answer) as OrdererChannel;
}

/** Removes a channel and its blocks from an orderer that is no longer a consenter of it. */
export async function leaveOrderer(orderer: OrdererAdministration, channel: string): Promise<void> {
  const answer = await ask(orderer, 'DELETE', `${CHANNELS}/${encodeURIComponent(channel)}`);
  requireStatus(orderer, answer, HTTP.noContent);
}

function requireStatus(orderer: OrdererAdministration, answer: Answer, expected: number): void {
  if (answer.status === expected) return;
  const code = answer.status === HTTP.notFound ? 'not-found' : 'refused';
  throw new NetworkError(code, `orderer ${orderer.endpoint} answers ${answer.status}: ${wordsOf(answer)}`);
}

/** The orderer's own explanation, cut. */
function wordsOf(answer: Answer): string {
  const text = answer.body.toString('utf8').slice(0, 1000);
  try {
    const parsed = JSON.parse(text) as { readonly error?: unknown };
    return typeof parsed.error === 'string' ? parsed.error : text.trim();
  } catch {
    return text.trim();
  }
}

function parseJson(orderer: OrdererAdministration, answer: Answer): unknown {
  try {
    return JSON.parse(answer.body.toString('utf8'));
  } catch (cause) {
    throw new NetworkError('malformed', `orderer ${orderer.endpoint} answered with something else than JSON`, {
      cause,
    });
  }
}

function ask(
  orderer: OrdererAdministration,
  method: string,
  path: string,
  content?: { readonly body: Buffer; readonly type: string },
): Promise<Answer> {
  const url = new URL(path, `https://${orderer.endpoint}`);
  const headers =
    content === undefined ? {} : { 'Content-Type': content.type, 'Content-Length': content.body.length.toString() };
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method,
        ca: orderer.tlsAuthorities,
        cert: orderer.certificate,
        key: orderer.privateKey,
        minVersion: 'TLSv1.2',
        agent: false,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        headers,
      },
      (incoming) => {
        const parts: Buffer[] = [];
        let size = 0;
        incoming.on('data', (part: Buffer) => {
          size += part.length;
          if (size > ANSWER_BYTES_MAX) incoming.destroy(new Error('the answer is too large'));
          else parts.push(part);
        });
        incoming.on('error', (cause) => reject(failed(orderer, cause)));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts) }));
      },
    );
    outgoing.on('error', (cause) => reject(failed(orderer, cause)));
    outgoing.end(content?.body);
  });
}

function failed(orderer: OrdererAdministration, cause: Error): NetworkError {
  const code = cause.name === 'TimeoutError' || cause.name === 'AbortError' ? 'timeout' : 'unavailable';
  return new NetworkError(code, `orderer ${orderer.endpoint} does not answer: ${cause.message}`, { cause });
}
