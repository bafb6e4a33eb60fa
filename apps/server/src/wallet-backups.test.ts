import { type DeviceFact, deviceKey } from '@salus/contracts';
import { generateHpkeKey, type Json, newNonce, type SealedEnvelope, sealHpke, utf8 } from '@salus/crypto';
import type { Documents, Vault } from '@salus/records';
import { beforeAll, expect, it } from 'vitest';
import { BACKUPS_PER_PID_MAX, type FoundBackup, WalletBackups } from './wallet-backups.ts';

const pid = newNonce();
let publicKey: string;
beforeAll(async () => {
  ({ publicKey } = await generateHpkeKey());
});

const sealed = (text: string): Promise<SealedEnvelope> =>
  sealHpke({ publicKey, info: ['test'], plaintext: utf8(text) });

function openBackups() {
  const kept = new Map<string, Json>();
  const documents: Documents = {
    find: async (_kind, name) => structuredClone(kept.get(name)),
    put: async (_kind, name, value) => void kept.set(name, structuredClone(value)),
    delete: async (_kind, name) => void kept.delete(name),
    list: async () => [],
  };
  const removed = new Set<string>();
  const ledger = {
    get: async (key: string) =>
      ({
        status: [...removed].some((kid) => key === deviceKey(pid, kid)) ? 'removed' : 'active',
        addedMs: Number(/\d+$/.exec(key)?.[0] ?? 0),
      }) as DeviceFact,
  };
  let nowMs = 0;
  const clock = (): number => {
    nowMs += 1;
    return nowMs;
  };
  return { backups: new WalletBackups({ documents, ledger, clock } as unknown as Vault), kept, removed };
}

async function allOf(backups: WalletBackups): Promise<readonly FoundBackup[]> {
  const found: FoundBackup[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const one: FoundBackup | undefined = await backups.find(pid, after);
    if (one === undefined) throw new Error(`nothing is behind ${after}`);
    found.push(one);
    after = one.next;
  }
  return found;
}

it('two devices of one patient keep a backup each, and a newer one takes its own place alone', async () => {
  const { backups } = openBackups();
  const [phone, tablet, again] = await Promise.all(['phone', 'tablet', 'phone again'].map(sealed));
  await backups.put(pid, 'phone', phone!);
  await backups.put(pid, 'tablet', tablet!);
  expect((await allOf(backups)).map(({ backup }) => backup)).toEqual([phone, tablet]);
  await backups.put(pid, 'phone', again!);
  expect((await allOf(backups)).map(({ backup }) => backup)).toEqual([again, tablet]);
  expect(await backups.find(newNonce())).toBeUndefined();
});

it('whoever looks through them while devices save finds each, whether one saves, comes or goes', async () => {
  const { backups, removed } = openBackups();
  const kids = Array.from({ length: BACKUPS_PER_PID_MAX }, (_, number) => `device-${number}`);
  for (const kid of kids) await backups.put(pid, kid, await sealed(kid));
  const first = await backups.find(pid);
  // Whoever went by places in a list would now read the first again, and pass the last one over.
  const newest = await sealed('the last one again');
  await backups.put(pid, kids.at(-1)!, newest);
  removed.add(kids[1]!);
  await backups.put(pid, 'device-9', await sealed('one more'));
  const found: FoundBackup[] = [];
  for (let after = first?.next ?? null; after !== null; ) {
    const one: FoundBackup | undefined = await backups.find(pid, after);
    found.push(one!);
    after = one?.next ?? null;
  }
  expect(found).toHaveLength(BACKUPS_PER_PID_MAX - 1);
  expect(found.map(({ backup }) => backup)).toContainEqual(newest);
  expect(await backups.find(pid, 'device-9')).toBeUndefined();
});

it('one that was kept for all devices before is still found, after the others', async () => {
  const { backups, kept } = openBackups();
  const [old, phone] = await Promise.all(['old', 'phone'].map(sealed));
  kept.set(pid, { backup: old, savedMs: 0 } as unknown as Json);
  expect((await allOf(backups)).map(({ backup }) => backup)).toEqual([old]);
  await backups.put(pid, 'phone', phone!);
  expect((await allOf(backups)).map(({ backup }) => backup)).toEqual([phone, old]);
});

it('there are so many and no more: a removed device’s gives way before one that is used', async () => {
  const { backups, kept, removed } = openBackups();
  const kids = Array.from({ length: BACKUPS_PER_PID_MAX }, (_, number) => `device-${number}`);
  for (const kid of kids) await backups.put(pid, kid, await sealed(kid));
  removed.add(kids[3]!);
  await backups.put(pid, 'another', await sealed('another'));
  expect(kept.has(`${pid}/${kids[3]}`)).toBe(false);
  expect(await allOf(backups)).toHaveLength(BACKUPS_PER_PID_MAX);
});

it('what the oldest device left is not pushed out by those that somebody adds later, however many', async () => {
  const { backups, kept } = openBackups();
  for (let number = 0; number < BACKUPS_PER_PID_MAX * 2; number += 1) {
    await backups.put(pid, `device-${number}`, await sealed(`device-${number}`));
  }
  expect(kept.has(`${pid}/device-0`)).toBe(true);
  expect(kept.has(`${pid}/device-${BACKUPS_PER_PID_MAX * 2 - 1}`)).toBe(true);
  expect(await allOf(backups)).toHaveLength(BACKUPS_PER_PID_MAX);
});
