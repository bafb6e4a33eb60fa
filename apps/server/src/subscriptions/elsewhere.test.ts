import { parseSearch } from '@salus/fhir';
import type { FoundNews, VaultCaller } from '@salus/records';
import { expect, it } from 'vitest';
import { Elsewhere } from './elsewhere.ts';

const CALLER = {} as VaultCaller;
const RETRIED_MS = 3_600_000;
const NOBODY: ReadonlySet<string> = new Set();
const [A, C] = ['a pa', 'c pc'] as const;
const match = { recordId: 'r1', version: 1, author: 'a', type: 'Observation', id: 'local', patient: 'p1' };

/** A subscription, with what others hold; `known`: what an earlier process kept of it. */
function openElsewhere({ query = 'patient=p1', known }: { query?: string; known?: ReadonlyMap<string, number> } = {}) {
  const parsed = parseSearch('Observation', new URLSearchParams(query), { strict: true });
  if (parsed.kind === 'refused') throw new Error('the search of the test is refused');
  const world = {
    nowMs: 0,
    mark: new Map([[A, 'first']]) as Map<string, string>,
    found: { matches: [], looked: new Map(), unanswered: NOBODY } as FoundNews,
    seen: known,
    asked: [] as { readonly isFirst: boolean; readonly at: readonly string[]; readonly open: boolean }[],
    queued: [] as unknown[],
  };
  const news = {
    mark: async () => new Map(world.mark),
    find: async (
      _caller: unknown,
      _search: unknown,
      { seen, at, open }: { seen: unknown; at: ReadonlySet<string>; open: boolean },
    ) => {
      world.asked.push({ isFirst: seen === undefined, at: [...at], open });
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
    const wanted = await elsewhere.wants(CALLER);
    if (wanted !== undefined) await elsewhere.look(CALLER, wanted);
    await elsewhere.queue();
    return wanted !== undefined;
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
  world.mark.set(A, 'second');
  world.found = { matches: [match], looked: new Map([['a r1', 1]]), unanswered: NOBODY };
  world.queued.length = 0;
  expect(await look()).toBe(true);
  const { recordId, version, ...elsewhereOf } = match;
  expect(world.queued).toEqual([
    { eventNumber: 3, atMs: 0, kind: 'create', recordId, version, elsewhere: elsewhereOf },
    { seq: 7, events: 3 },
  ]);
  expect(world.asked).toEqual([
    { isFirst: true, at: [A], open: true },
    { isFirst: false, at: [A], open: true },
  ]);
});

it('asks whoever did not answer again in a while, and nobody else with it', async () => {
  const { elsewhere, world, look } = openElsewhere();
  world.mark.set(C, 'first');
  world.found = { matches: [], looked: new Map([['c r1', 1]]), unanswered: new Set([A]) };
  expect(await look()).toBe(true);
  // Nobody who waits for the own changes, or another’s, waits for one who is silent.
  expect(elsewhere.isReady).toBe(true);
  expect(world.seen).toEqual(new Map([['c r1', 1]]));
  expect(await look()).toBe(false);
  world.nowMs = RETRIED_MS;
  expect(await look()).toBe(true);
  expect(await look()).toBe(false);
  world.mark.set(C, 'second').set(A, 'second');
  expect(await look()).toBe(true);
  world.found = { matches: [], looked: new Map(), unanswered: NOBODY };
  world.nowMs += RETRIED_MS;
  expect(await look()).toBe(true);
  expect(await look()).toBe(false);
  expect(world.asked.map(({ at }) => at)).toEqual([[A, C], [A], [C], [A]]);
});

it('leaves alone for longer and longer whoever goes on to be silent, for an hour at most', async () => {
  const { world, look } = openElsewhere();
  world.found = { matches: [], looked: new Map(), unanswered: new Set([A]) };
  const MINUTE_MS = 60_000;
  const asked: number[] = [];
  for (let minute = 0; minute < 6 * 60; minute += 1) {
    if (await look()) asked.push(minute);
    world.nowMs += MINUTE_MS;
  }
  expect(asked).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303]);
});

it('opens nobody’s sessions because the node was started anew', async () => {
  const { world, look } = openElsewhere({ known: new Map([['a r1', 1]]) });
  expect(await look()).toBe(true);
  world.mark.set(A, 'second');
  expect(await look()).toBe(true);
  expect(world.asked.map(({ open }) => open)).toEqual([false, true]);
});

it('asks for nothing where no patient is named, and is ready where there is nothing', async () => {
  const unnamed = openElsewhere({ query: 'status=final' });
  expect(unnamed.elsewhere.isReady).toBe(true);
  expect(await unnamed.look()).toBe(false);
  const nothing = openElsewhere();
  nothing.world.mark.clear();
  expect(await nothing.look()).toBe(true);
  expect(nothing.elsewhere.isReady).toBe(true);
  expect(await nothing.look()).toBe(false);
});

it('asks nobody of whom it is too early to ask, but everybody else', async () => {
  const { world, look } = openElsewhere({ known: new Map() });
  world.mark.set(A, '').set(C, 'first');
  expect(await look()).toBe(true);
  expect(await look()).toBe(false);
  world.mark.set(C, 'second');
  expect(await look()).toBe(true);
  world.mark.set(A, 'first');
  expect(await look()).toBe(true);
  world.mark.set(A, '');
  expect(await look()).toBe(false);
  world.mark.set(A, 'first');
  expect(await look()).toBe(false);
  expect(world.asked.map(({ at }) => at)).toEqual([[A, C], [C], [A]]);
});
