import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { sightOf } from './sight.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const workers = new BundleWorkers(1);
let place: Place;
beforeAll(async () => {
  place = await makePlace({ workers });
});
afterAll(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
});

const sight = (role: 'clinician' | 'registrar' | 'administrator') => {
  const { id, roles } = place.organisation[role];
  const who = { kind: 'member', id, organisation: 'hospital-a', roles } as const;
  return sightOf(place.vault, { kind: 'member', who, purpose: 'TREAT' });
};
let registered = 0;
const register = async (): Promise<string> => {
  const patient = { id: 'p', resourceType: 'Patient', name: [{ family: `Example ${++registered}` }] };
  const result = await place.vault.repository.transaction(await place.writer(), bundleOf([patient]));
  if (result.kind === 'refused') throw new Error(result.code);
  return (await place.vault.patients.findByFhirId(result.outcomes[0]!.id))!.pid;
};
const assign = async (pid: string): Promise<void> => {
  const { id, roles } = place.organisation.registrar;
  const nowMs = Date.now();
  await place.vault.access.assign(
    { kind: 'member', id, organisation: 'hospital-a', roles },
    { pid, actor: place.organisation.clinician.id, fromMs: nowMs - 1_000, untilMs: nowMs + 60_000 },
  );
};

it('cuts a clinician’s searches down to the patients in care and the organisation, as that changes', async () => {
  const [first, second] = [await register(), await register()];
  expect(await sight('clinician').owners()).toEqual(new Set(['org:hospital-a']));
  await assign(first);
  expect(await sight('clinician').owners()).toEqual(new Set(['org:hospital-a', `pid:${first}`]));
  await assign(second);
  expect(await sight('clinician').owners()).toEqual(new Set(['org:hospital-a', `pid:${first}`, `pid:${second}`]));
  await place.restart();
  expect(await sight('clinician').owners()).toEqual(new Set(['org:hospital-a', `pid:${first}`, `pid:${second}`]));
});

it('leaves a registrar everybody, whose identity it may see, and an administrator nobody', async () => {
  expect(await sight('registrar').owners()).toBe('all');
  expect(await sight('administrator').owners()).toEqual(new Set(['org:hospital-a']));
});
