import { type ApiClient, ClientError, type NodeSession } from '@salus/client';
import { describe, expect, it } from 'vitest';
import { lastingSession } from './lasting-session.ts';

const over = (): ClientError => new ClientError({ relayed: 'not-authenticated', status: 401 }, 'The session is over.');

/** A node that knows only the newest token. */
function nodeWith(limit = Number.POSITIVE_INFINITY) {
  const node = { logIns: 0, valid: '', sent: [] as (string | undefined)[], over: [] as unknown[] };
  const answer = async (token: string | undefined): Promise<string> => {
    node.sent.push(token);
    if (token !== undefined && token !== node.valid) throw over();
    return 'done';
  };
  const api: ApiClient = {
    node: 'http://127.0.0.1',
    at: () => api,
    send: async <T>({ token }: { readonly token?: string }) => (await answer(token)) as T,
    sendText: async ({ token }) => answer(token),
  };
  const lasting = lastingSession<NodeSession>(
    async () => {
      node.logIns += 1;
      if (node.logIns > limit) throw new ClientError({ relayed: 'wrong-credentials', status: 401 }, 'Removed.');
      node.valid = `token-${node.logIns}`;
      return { api, organisation: 'hospital-a', token: node.valid };
    },
    (error) => node.over.push(error),
  );
  return { node, lasting };
}

const read = ({ api, token }: NodeSession) => api.send({ method: 'GET', path: '/', token });

describe('a session that lasts', () => {
  it('logs in once, however many pages ask for it at the same time', async () => {
    const { node, lasting } = nodeWith();
    const sessions = await Promise.all([lasting.open(), lasting.open(), lasting.open()]);
    await Promise.all(sessions.map(read));
    expect(node.logIns).toBe(1);
    expect(lasting.current()?.token).toBe('token-1');
  });

  it('logs in again when it is over, and a page that holds the old token does not notice', async () => {
    const { node, lasting } = nodeWith();
    const held = await lasting.open();
    node.valid = 'ended';
    expect(
      await Promise.all([read(held), read(held), held.api.sendText({ method: 'GET', path: '/', token: held.token })]),
    ).toEqual(['done', 'done', 'done']);
    expect(node.logIns).toBe(2);
    expect(await read(held)).toBe('done');
    expect(await held.api.at('hospital-a').send({ method: 'GET', path: '/' })).toBe('done');
  });

  it('says why when the device may log in no more, and tries again only when it is asked', async () => {
    const { node, lasting } = nodeWith(1);
    const held = await lasting.open();
    node.valid = 'ended';
    await expect(read(held)).rejects.toMatchObject({ code: 'wrong-credentials' });
    expect(node.over).toHaveLength(1);
    expect(node.logIns).toBe(2);
    await expect(lasting.open()).rejects.toMatchObject({ code: 'wrong-credentials' });
    expect(node.logIns).toBe(3);
  });
});
