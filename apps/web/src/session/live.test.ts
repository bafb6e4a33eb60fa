import { type ApiClient, apiClient, ClientError, type NodeSession } from '@salus/client';
import { describe, expect, it } from 'vitest';
import { followEvents, type LiveEvent } from './live.ts';

const TOKEN = 'a-token-of-a-test';
const session: NodeSession = {
  api: apiClient('http://127.0.0.1:1', fetch),
  organisation: 'hospital-a',
  token: TOKEN,
};

/** Follows streams with the given bodies, one after another, until `untilMs` calls of fetch were answered. */
async function follow(answers: readonly Response[], open = () => Promise.resolve(session)) {
  const leaving = new AbortController();
  const told: LiveEvent[] = [];
  const asked: { readonly url: string; readonly authorization: string | null }[] = [];
  let gaps = 0;
  await followEvents(
    open,
    {
      onEvent: (event) => void told.push(event),
      onGap: () => {
        gaps += 1;
      },
    },
    {
      signal: leaving.signal,
      firstPauseMs: 1,
      fetchImpl: (url, init) => {
        const answer = answers[asked.length];
        asked.push({ url: String(url), authorization: new Headers(init?.headers).get('authorization') });
        if (answer === undefined) {
          leaving.abort();
          return Promise.reject(new TypeError('no connection'));
        }
        return Promise.resolve(answer);
      },
    },
  );
  return { told, asked, gaps };
}

const streamOf = (text: string): Response => new Response(text);
const answered = (status: number): Response => new Response(null, { status });

const refusal = (code: string, status: number): ClientError => new ClientError({ relayed: code, status }, 'No.');

/** Somebody whose session is over; the next request logs in again, and may be refused. */
function personOf(refused?: ClientError): () => Promise<NodeSession> {
  let logIns = 0;
  const api: ApiClient = {
    ...session.api,
    at: () => api,
    send: async () => {
      if (refused !== undefined) throw refused;
      logIns += 1;
      return Promise.resolve({} as never);
    },
  };
  return () => Promise.resolve({ ...session, api, token: `token-${logIns}` });
}

describe('live events', () => {
  it('are told with their kind and ids', async () => {
    const { told } = await follow([
      streamOf('event: ready\ndata: {"height":1}\n\nevent: revoked\ndata: {"grant":"g"}\n\n'),
    ]);
    expect(told).toEqual([
      { kind: 'ready', height: 1 },
      { kind: 'revoked', grant: 'g' },
    ]);
  });

  it('are asked for with the token in a header, and none in the address', async () => {
    const { asked } = await follow([]);
    expect(asked[0]).toEqual({
      url: 'http://127.0.0.1:1/api/v1/orgs/hospital-a/events',
      authorization: `Bearer ${TOKEN}`,
    });
  });

  it('say that there was a gap when a stream comes after another', async () => {
    const ready = 'event: ready\ndata: {}\n\n';
    expect((await follow([streamOf(ready)])).gaps).toBe(0);
    expect((await follow([streamOf(ready), streamOf(ready), streamOf(ready)])).gaps).toBe(2);
  });

  it('say so, too, when the first stream comes after an attempt in vain: the page was read before it', async () => {
    expect((await follow([answered(429), streamOf('event: ready\ndata: {}\n\n')])).gaps).toBe(1);
  });

  it('go on after a stream that is no stream of events', async () => {
    const { told } = await follow([streamOf('data: not json\n\n'), streamOf('event: ready\ndata: {}\n\n')]);
    expect(told).toEqual([{ kind: 'ready' }]);
  });

  it('are given up when the node lets the person in no more; the pages hear of that', async () => {
    const { asked, told, gaps } = await follow(
      Array.from({ length: 50 }, () => answered(401)),
      personOf(refusal('wrong-credentials', 401)),
    );
    expect(asked.length).toBeLessThan(10);
    expect(told).toEqual([]);
    expect(gaps).toBe(1);
  });

  it('go on with a new session where the old one is over: a quiet half-hour ends no page', async () => {
    const { asked, told } = await follow([answered(401), streamOf('event: ready\ndata: {}\n\n')], personOf());
    expect(told).toEqual([{ kind: 'ready' }]);
    expect(asked.map(({ authorization }) => authorization)).toEqual([
      'Bearer token-0',
      'Bearer token-1',
      'Bearer token-1',
    ]);
  });

  it('go on after a node that is overloaded, restarted, or has enough pages open', async () => {
    const busy = [429, 502, 503, 429, 502, 503, 429, 502].map(answered);
    const { told } = await follow([...busy, streamOf('event: ready\ndata: {}\n\n')]);
    expect(told).toEqual([{ kind: 'ready' }]);
    const late = await follow(
      [...Array.from({ length: 8 }, () => answered(401)), streamOf('event: ready\ndata: {}\n\n')],
      personOf(new ClientError('node-unreachable', 'No answer.')),
    );
    expect(late.told).toEqual([{ kind: 'ready' }]);
  });
});
