import { SESSION_MS } from '@salus/contracts';
import { generateSigningKeySync, type Json, signerFromPkcs8 } from '@salus/crypto';
import { LedgerError } from '@salus/ledger';
import { expect, it, vi } from 'vitest';
import type { Documents } from '../documents.ts';
import type { AppUse } from '../exchange/app-reading.ts';
import type { GrantToken } from '../exchange/grant-tokens.ts';
import { APP_READINGS_MAX } from '../exchange/open-readings.ts';
import type { ReadingRequest } from '../exchange/reading.ts';
import { RecordsError } from '../records-error.ts';
import { FOREIGN_GRANTS_MAX, ForeignGrants } from './foreign-grants.ts';
import { ForeignSessions, SESSIONS_PER_APP_MAX } from './foreign-sessions.ts';

const signer = signerFromPkcs8(generateSigningKeySync().privateKey);
const OWN = 'hospital-b';

const useOf = (client: string, pid: string): AppUse => ({
  ...{ client: { id: client, signer }, chain: [], pid, grant: 'at home', purpose: 'PATRQT' },
});

/** Grants of hospital-a and others, each to one app, and what is asked of their nodes. */
function openWorld() {
  const kept = new Map<string, Json>();
  const documents: Documents = {
    find: async (_kind, name) => structuredClone(kept.get(name)),
    put: async (_kind, name, value) => void kept.set(name, structuredClone(value)),
    delete: async (_kind, name) => void kept.delete(name),
    list: async () => [],
  };
  const tokens = new Map<string, GrantToken>();
  const listeners: ((token: GrantToken) => void)[] = [];
  const world = {
    nowMs: 0,
    asked: [] as string[],
    closed: [] as string[],
    /** What asking fails with, by grant. */
    failing: new Map<string, Error>(),
    /** Before it answers. */
    answers: Promise.resolve(),
    isActive: async (_token: GrantToken): Promise<boolean> => true,
  };
  const sessions = new ForeignSessions({
    ...{ network: 'network', organisation: OWN, clock: () => world.nowMs, grants: new ForeignGrants(documents) },
    tokens: {
      find: async (_pid, grant) => tokens.get(grant),
      isActive: (token) => world.isActive(token),
      listen: (listener) => {
        listeners.push(listener);
        return () => undefined;
      },
    },
    reader: {
      open: async ({ token }: ReadingRequest) => {
        const { grant = '' } = token?.terms ?? {};
        world.asked.push(grant);
        await world.answers;
        const error = world.failing.get(grant);
        if (error !== undefined) throw error;
        return { session: `session of ${grant}`, untilMs: world.nowMs + SESSION_MS };
      },
      close: (session) => void world.closed.push(session),
    },
  });
  const handOver = async (
    ownPid: string,
    { grant, client = 'app', author = 'hospital-a' }: { grant: string; client?: string; author?: string },
  ): Promise<void> => {
    const pid = `${ownPid} elsewhere`;
    const grantee = { kind: 'client', organisation: OWN, id: client };
    const terms = { pid, grant, kind: 'access', grantee, exceptActors: [], purposes: ['PATRQT'], categories: ['all'] };
    const token = { terms, salt: '', authorOrganisation: author } as unknown as GrantToken;
    tokens.set(grant, token);
    for (const listener of listeners) listener(token);
    await sessions.handOver(ownPid, { author, pid, grant });
  };
  return { world, sessions, handOver };
}

it('a patient’s grants to other apps fill no table: theirs open when they ask, and nothing before', async () => {
  const { world, sessions, handOver } = openWorld();
  const patients = Math.ceil(APP_READINGS_MAX / FOREIGN_GRANTS_MAX) + 1;
  for (let patient = 0; patient < patients; patient += 1) {
    for (let at = 0; at < FOREIGN_GRANTS_MAX; at += 1) {
      await handOver(`patient ${patient}`, { grant: `${patient}/${at}`, client: 'another app' });
    }
    expect(await sessions.open(useOf('app', `patient ${patient}`))).toBe(true);
  }
  expect(world.asked).toEqual([]);
  await handOver('last', { grant: 'of the last' });
  expect(await sessions.open(useOf('app', 'last'))).toBe(true);
  expect(world.asked).toEqual(['of the last']);
});

it('one app opens a few sessions of one patient at once, and says that there is more', async () => {
  const { world, sessions, handOver } = openWorld();
  for (let at = 0; at < FOREIGN_GRANTS_MAX; at += 1) await handOver('patient', { grant: `grant ${at}` });
  const use = useOf('app', 'patient');
  expect(await sessions.open(use)).toBe(false);
  expect(await sessions.open(use)).toBe(false);
  expect(world.asked).toHaveLength(SESSIONS_PER_APP_MAX);
});

it('what was refused leaves its place to others, and is asked again after a minute', async () => {
  const { world, sessions, handOver } = openWorld();
  const spent = Array.from({ length: SESSIONS_PER_APP_MAX }, (_, at) => `spent ${at}`);
  for (const grant of spent) {
    await handOver('patient', { grant });
    world.failing.set(grant, new RecordsError('ledger-refused', 'refused', { detail: 'grant-spent' }));
  }
  await handOver('patient', { grant: 'good' });
  const use = useOf('app', 'patient');
  await sessions.open(use);
  expect(await sessions.open(use)).toBe(true);
  expect(world.asked).toEqual([...spent, 'good']);
  world.nowMs = 60_000;
  await sessions.open(use);
  expect(world.asked).toHaveLength(2 * SESSIONS_PER_APP_MAX);
});

it.each([
  ['the author’s node is silent', new RecordsError('peer-unreachable', 'silent')],
  ['too much is open', new RecordsError('overloaded', 'too many sessions are open')],
])('an answer is not whole where %s, and does not fail', async (_case, error) => {
  const { world, sessions, handOver } = openWorld();
  await handOver('patient', { grant: 'silent' });
  await handOver('patient', { grant: 'good', author: 'hospital-c' });
  world.failing.set('silent', error);
  const use = useOf('app', 'patient');
  expect(await sessions.open(use)).toBe(false);
  expect(await sessions.open(use)).toBe(false);
  expect(await sessions.open(use, { author: 'hospital-c' })).toBe(true);
  expect(await sessions.open(use, { author: 'hospital-a', pid: 'of nobody' })).toBe(true);
  expect(world.asked).toEqual(['silent', 'good']);
});

it('a grant of which the ledger’s word cannot be trusted takes no search at home away', async () => {
  const { world, sessions, handOver } = openWorld();
  await handOver('patient', { grant: 'spoilt' });
  await handOver('patient', { grant: 'good' });
  world.isActive = async ({ terms }) => {
    if (terms.grant === 'spoilt') throw new LedgerError('distrusted', 'not endorsed as it should be');
    return true;
  };
  expect(await sessions.open(useOf('app', 'patient'))).toBe(false);
  expect(world.asked).toEqual(['good']);
});

it('sessions end with what was handed over, and one that was opening ends when it is open', async () => {
  const { world, sessions, handOver } = openWorld();
  await handOver('patient', { grant: 'first' });
  await handOver('patient', { grant: 'second' });
  const use = useOf('app', 'patient');
  expect(await sessions.open(use)).toBe(true);
  // Narrower terms: opened anew.
  await handOver('patient', { grant: 'first' });
  expect(world.closed).toEqual(['session of first']);
  await sessions.takeBack('patient', { author: 'hospital-a', pid: 'patient elsewhere', grant: 'second' });
  expect(world.closed).toEqual(['session of first', 'session of second']);
  const { promise, resolve } = Promise.withResolvers<void>();
  world.answers = promise;
  const opening = sessions.open(use);
  await vi.waitFor(() => expect(world.asked).toEqual(['first', 'second', 'first']), { timeout: 60_000, interval: 5 });
  await sessions.forget('patient');
  resolve();
  await opening;
  expect(world.closed).toEqual(['session of first', 'session of second', 'session of first']);
  expect(await sessions.open(use)).toBe(true);
  expect(world.asked).toEqual(['first', 'second', 'first']);
});
