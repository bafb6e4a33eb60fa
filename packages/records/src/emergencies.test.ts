import type { SignedCall } from '@salus/contracts';
import { type Json, newNonce } from '@salus/crypto';
import { expect, it } from 'vitest';
import type { Documents } from './documents.ts';
import { EmergencyBook, type OpenedEmergency } from './emergencies.ts';

const pid = newNonce();

function openBook(): EmergencyBook {
  const documents = new Map<string, Json>();
  return new EmergencyBook({
    find: async (_kind, name) => structuredClone(documents.get(name)),
    put: async (_kind, name, value) => void documents.set(name, structuredClone(value)),
    delete: async (_kind, name) => void documents.delete(name),
    list: async () => [],
  } satisfies Documents);
}

const openedAt = (openedMs: number): OpenedEmergency => ({
  ...{ pid, emergency: newNonce(), openedMs, reader: { id: 'doctor', organisation: 'a', roles: [] } },
  request: {} as SignedCall,
});

async function listed(book: EmergencyBook): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { emergency } of book.list()) found.push(emergency);
  return found;
}

it('lists every emergency access, newest first, however many there are', async () => {
  const book = openBook();
  const all = Array.from({ length: 2_100 }, (_, at) => openedAt(at));
  for (const opened of all) await book.add(opened);
  expect(await listed(book)).toEqual(all.map(({ emergency }) => emergency).reverse());
  expect(await book.find(pid, all[0]!.emergency)).toEqual(all[0]);
});

it('lists what comes twice once, and nothing of what was refused', async () => {
  const book = openBook();
  const [first, second] = [openedAt(1), openedAt(2)];
  await Promise.all([book.add(first), book.add(second), book.add(first)]);
  await book.remove(pid, first.emergency);
  expect(await listed(book)).toEqual([second.emergency]);
  expect(await book.find(pid, first.emergency)).toBeUndefined();
});
