import { type Json, newNonce } from '@salus/crypto';
import type { Documents, Vault } from '@salus/records';
import { expect, it, vi } from 'vitest';
import { HealthLinks, LINKS_PER_PATIENT_MAX, PASSCODE_TRIES, REFUSED_LOGGED_MAX } from './health-links.ts';

vi.setConfig({ testTimeout: 240_000 });

const PASSCODE = 'a code';
const DAY_MS = 86_400_000;

function openLinks(): HealthLinks {
  const kept = new Map<string, Json>();
  const documents: Documents = {
    find: async (_kind, name) => structuredClone(kept.get(name)),
    put: async (_kind, name, value) => void kept.set(name, structuredClone(value)),
    delete: async (_kind, name) => void kept.delete(name),
    list: async () => [],
  };
  const ledger = { get: async () => undefined };
  return new HealthLinks({ documents, ledger, clock: () => Date.now() } as unknown as Vault);
}

it('a node that is too busy to look at a passcode counts no try', async () => {
  const links = openLinks();
  const pid = newNonce();
  const ids: string[] = [];
  for (let number = 0; number < LINKS_PER_PATIENT_MAX; number += 1) {
    const given = { files: [], expiresMs: Date.now() + DAY_MS, flags: 'P', passcode: PASSCODE };
    ids.push((await links.create({ pid }, given)).id);
  }
  const openings = await Promise.allSettled(ids.map((id) => links.open(id, PASSCODE)));
  const refused = openings.filter(({ status }) => status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  expect((await links.list(pid)).map(({ tries }) => tries)).toEqual(ids.map(() => 0));
  const wrong = await links.open(ids[0]!, 'another code');
  expect(wrong).toMatchObject({ kind: 'passcode', remainingAttempts: PASSCODE_TRIES - 1 });
});

it('who comes with a link that has ended is told of so often and no more, and with one that never was not at all', async () => {
  const links = openLinks();
  const pid = newNonce();
  const given = { files: [], expiresMs: Date.now() + DAY_MS, flags: '', passcode: null };
  const { id } = await links.create({ pid }, given);
  await links.revoke(pid, id);
  const openings = await Promise.all(Array.from({ length: REFUSED_LOGGED_MAX + 5 }, () => links.open(id, undefined)));
  const told = openings.flatMap((opening) => (opening.kind === 'none' ? [opening.refused] : []));
  expect(told.slice(0, REFUSED_LOGGED_MAX)).toEqual(Array(REFUSED_LOGGED_MAX).fill({ pid, state: 'revoked' }));
  expect(told.slice(REFUSED_LOGGED_MAX)).toEqual(Array(5).fill(null));
  expect(await links.open('A'.repeat(43), undefined)).toEqual({ kind: 'none', refused: null });
});
