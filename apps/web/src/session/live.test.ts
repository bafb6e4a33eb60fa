import { apiClient, type NodeSession } from '@salus/client';
import { describe, expect, it } from 'vitest';
import { followEvents, type LiveEvent } from './live.ts';

const TOKEN = 'a-token-of-a-test';
const session: NodeSession = {
  api: apiClient('http://127.0.0.1:1', fetch),
  organisation: 'hospital-a',
  token: TOKEN,
};

/** Follows streams with the given bodies, one after another, until `untilMs` calls of fetch were answered. */
async function follow(answers: readonly Response[]) {
  const leaving = new AbortController();
  const told: LiveEvent[] = [];
  const asked: { readonly url: string; readonly authorization: string | null }[] = [];
  let gaps = 0;
  await followEvents(
    () => Promise.resolve(session),
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
const refused = (): Response => new Response(null, { status: 401 });

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

  it('go on after a stream that is no stream of events', async () => {
    const { told } = await follow([streamOf('data: not json\n\n'), streamOf('event: ready\ndata: {}\n\n')]);
    expect(told).toEqual([{ kind: 'ready' }]);
  });

  it('are given up when the node goes on refusing', async () => {
    const { asked, told } = await follow(Array.from({ length: 50 }, refused));
    expect(asked.length).toBeLessThan(10);
    expect(told).toEqual([]);
  });
});
