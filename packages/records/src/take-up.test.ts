import { pairIndex } from '@salus/fhir';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { ASSIGNMENT_MAX_MS } from './care.ts';
import { newId } from './index-rows.ts';
import type { Who } from './vault-types.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const HOUR_MS = 3_600_000;
const PAIR = pairIndex('laboratory', 'N');
const workers = new BundleWorkers(1);
let place: Place;
beforeAll(async () => {
  place = await makePlace({ workers });
});
afterAll(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
});

function member(roles: readonly string[], organisation = 'hospital-a'): Who & { readonly kind: 'member' } {
  return { kind: 'member', id: newId(), organisation, roles };
}

it('puts the patient of an order into the care of who takes it up, of nobody else, and not for ever', async () => {
  const { access } = place.vault;
  const pid = newId();
  const [taker, colleague] = [member(['laboratory']), member(['laboratory'])];
  await access.takeUp(taker, { pid, untilMs: Date.now() + HOUR_MS });
  const meta = { owner: `pid:${pid}`, pair: PAIR } as const;
  expect(await access.decide(taker, meta)).toEqual({ kind: 'allowed', reason: 'order' });
  expect(await access.decide(colleague, meta)).toEqual({ kind: 'denied', reason: 'relationship' });
  const other = { owner: `pid:${newId()}`, pair: PAIR } as const;
  expect(await access.decide(taker, other)).toEqual({ kind: 'denied', reason: 'relationship' });
});

it('ends with the order that was sent back, and ends no care of another kind', async () => {
  const { access } = place.vault;
  const [desk, taker] = [member(['registrar']), member(['laboratory'])];
  const pid = newId();
  const fromMs = Date.now() - HOUR_MS;
  const meta = { owner: `pid:${pid}`, pair: PAIR } as const;
  const relationship = await access.takeUp(taker, { pid, untilMs: Date.now() + HOUR_MS });
  await access.letGo(taker, relationship);
  expect(await access.decide(taker, meta)).toEqual({ kind: 'denied', reason: 'relationship' });
  await access.letGo(taker, relationship);
  const ids = async (): Promise<readonly string[]> => {
    const rows = await place.vault.store.read.selectFrom('careRelationship').select('relationshipId').execute();
    return rows.map((row) => row.relationshipId);
  };
  const before = await ids();
  await access.assign(desk, { pid, actor: taker.id, fromMs, untilMs: Date.now() + HOUR_MS });
  const [assigned] = (await ids()).filter((id) => !before.includes(id));
  await expect(access.letGo(taker, assigned!)).rejects.toMatchObject({ code: 'denied' });
  expect(await access.decide(taker, meta)).toEqual({ kind: 'allowed', reason: 'assignment' });
});

it('refuses roles that open no records, people of other organisations, and care without an end', async () => {
  const { access } = place.vault;
  const pid = newId();
  const soon = Date.now() + HOUR_MS;
  for (const by of [member(['registrar']), member(['administrator']), member(['laboratory'], 'hospital-b')]) {
    await expect(access.takeUp(by, { pid, untilMs: soon })).rejects.toMatchObject({ code: 'denied' });
  }
  for (const untilMs of [Date.now() - HOUR_MS, Date.now() + ASSIGNMENT_MAX_MS + HOUR_MS]) {
    await expect(access.takeUp(member(['pharmacist']), { pid, untilMs })).rejects.toMatchObject({ code: 'bad-input' });
  }
});
