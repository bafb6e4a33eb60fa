import { describe, expect, it } from 'vitest';
import type { ApiClient } from './api-client.ts';
import { listGuardians } from './guardians.ts';

const actOf = (callId: string) => ({ callId, guardian: 'greta', transaction: 'consent.revoke', atMs: 1 });

function nodeOf(nextOf: (before: string | undefined) => string | null) {
  const asked: (string | undefined)[] = [];
  const send = async ({ query }: { readonly query?: { readonly before?: string } }) => {
    asked.push(query?.before);
    return { guardians: ['greta'], acts: [actOf(`after ${query?.before}`)], next: nextOf(query?.before) };
  };
  return { asked, session: { api: { send } as unknown as ApiClient, organisation: 'hospital-a', token: '' } };
}

describe('the acts of guardians', () => {
  it('are read to the oldest, page by page', async () => {
    const { asked, session } = nodeOf((before) => (before === undefined ? 'second' : null));
    const { guardians, acts } = await listGuardians(session);
    expect(asked).toEqual([undefined, 'second']);
    expect(guardians).toEqual(['greta']);
    expect(acts).toEqual([actOf('after undefined'), actOf('after second')]);
  });

  it('are not read for ever from a node whose pages have no end', async () => {
    const { asked, session } = nodeOf(() => 'again');
    await expect(listGuardians(session)).rejects.toMatchObject({ code: 'too-many-records' });
    expect(asked.length).toBe(500);
  });
});
