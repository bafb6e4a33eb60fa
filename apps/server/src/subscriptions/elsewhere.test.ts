import { parseSearch } from '@salus/fhir';
import type { FoundNews, VaultCaller } from '@salus/records';
import { expect, it } from 'vitest';
import { Elsewhere } from './elsewhere.ts';

const CALLER = {} as VaultCaller;
const RETRIED_MS = 3_600_000;
const match = { recordId: 'r1', version: 1, type: 'Observation', id: 'local', patient: 'p1' };

/** A subscription, with what others hold; `known`: what an earlier process kept of it. */
function openElsewhere({ query = 'patient=p1', known }: { query?: string; known?: ReadonlyMap<string, number> } = {}) {
  const parsed = parseSearch('Observation', new URLSearchParams(query), { strict: true });
  if (parsed.kind === 'refused') throw new Error('the search of the test is refused');
  const world = {
    nowMs: 0,
    mark: 'first' as string | undefined,
    found: { matches: [], looked: new Map(), isWhole: true } as FoundNews,
    seen: known,
    asked: [] as { readonly isFirst: boolean; readonly open: boolean }[],
    queued: [] as unknown[],
  };
  const news = {
    mark: async () => world.mark,
    find: async (_caller: unknown, _search: unknown, { seen, open }: { seen: unknown; open: boolean }) => {
      world.asked.push({ isFirst: seen === undefined, open });
      return world.found;
    },
  };
  const notifications = {
    seen: async () => world.seen,
    position: async () => ({ seq: 7, events: 2 }),
    advance: async (_id: string, place: unknown, added: readonly object[], looked: ReadonlyMap<string, number>) => {
      world.seen = new Map([...(world.seen ?? []), ...looked]);
      world.queued.push(...added, place);
    },
  };
  const organisation = { exchange: { foreign: { news } }, vault: { notifications } };
  const parts = { organisation, stored: { id: 's', fromSeq: 1 }, search: parsed.request, nowMs: () => world.nowMs };
  const elsewhere = new Elsewhere(parts as unknown as ConstructorParameters<typeof Elsewhere>[0]);
  const look = async (): Promise<boolean> => {
    const mark = await elsewhere.wants(CALLER);
    if (mark !== undefined) await elsewhere.look(CALLER, mark);
    await elsewhere.queue();
    return mark !== undefined;
  };
  return { elsewhere, world, look };
}

it('looks once for what there is, and again once there is news, which is numbered behind what is queued', async () => {
  const { elsewhere, world, look } = openElsewhere();
  expect(elsewhere.isReady).toBe(false);
  expect(await look()).toBe(true);
  expect(elsewhere.isReady).toBe(true);
  expect(world.seen).toEqual(new Map());
  expect(await look()).toBe(false);
  world.mark = 'second';
  world.found = { matches: [match], looked: new Map([['r1', 1]]), isWhole: true };
  world.queued.length = 0;
  expect(await look()).toBe(true);
  const { recordId, version, ...elsewhereOf } = match;
  expect(world.queued).toEqual([
    { eventNumber: 3, atMs: 0, kind: 'create', recordId, version, elsewhere: elsewhereOf },
    { seq: 7, events: 3 },
  ]);
  expect(world.asked).toEqual([
    { isFirst: true, open: true },
    { isFirst: false, open: true },
  ]);
});

it('takes nothing as known before every organisation has answered, and asks again in a while', async () => {
  const { elsewhere, world, look } = openElsewhere();
  world.found = { matches: [], looked: new Map([['r1', 1]]), isWhole: false };
  expect(await look()).toBe(true);
  // Nobody who waits for the own changes waits for others.
  expect(elsewhere.isReady).toBe(true);
  expect(world.seen).toBeUndefined();
  expect(await look()).toBe(false);
  world.nowMs = RETRIED_MS;
  world.found = {
    matches: [],
    looked: new Map([
      ['r1', 1],
      ['r2', 1],
    ]),
    isWhole: true,
  };
  expect(await look()).toBe(true);
  expect(world.seen).toEqual(
    new Map([
      ['r1', 1],
      ['r2', 1],
    ]),
  );
  expect(world.asked.map(({ isFirst }) => isFirst)).toEqual([true, true]);
});

it('opens nobody’s sessions because the node was started anew', async () => {
  const { world, look } = openElsewhere({ known: new Map([['r1', 1]]) });
  expect(await look()).toBe(true);
  world.mark = 'second';
  expect(await look()).toBe(true);
  expect(world.asked.map(({ open }) => open)).toEqual([false, true]);
});

it('asks for nothing while it is too early, nor where no patient is named', async () => {
  const { world, look } = openElsewhere({ known: new Map() });
  expect(await look()).toBe(true);
  world.mark = undefined;
  expect(await look()).toBe(false);
  const unnamed = openElsewhere({ query: 'status=final' });
  expect(unnamed.elsewhere.isReady).toBe(true);
  expect(await unnamed.look()).toBe(false);
});
