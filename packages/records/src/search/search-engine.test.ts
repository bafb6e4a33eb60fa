import { parseSearch, type ResourceType } from '@salus/fhir';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bundleOf } from '../../test/bundle.ts';
import { makePlace, type Place } from '../../test/place.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { openRecords } from '../compartment.ts';
import type { Sight } from '../sight.ts';
import { SearchEngine } from './search-engine.ts';
import { SearchIndex } from './search-index.ts';
import type { SearchPosition } from './search-types.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const workers = new BundleWorkers(1);
let place: Place;
let patientId: string;
let ids: readonly string[];

const narrative = { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Text</div>' };
const subject = { reference: 'urn:uuid:p' };
const RESOURCES = [
  {
    id: 'p',
    resourceType: 'Patient',
    text: narrative,
    name: [{ family: 'Schmidt', given: ['Katharina'] }],
    generalPractitioner: [{ reference: 'urn:uuid:d' }],
  },
  { id: 'd', resourceType: 'Practitioner', text: narrative, name: [{ family: 'Weiß' }] },
  {
    id: 'e',
    resourceType: 'Encounter',
    text: narrative,
    status: 'finished',
    class: { code: 'AMB' },
    subject,
    participant: [{ individual: { reference: 'urn:uuid:d' } }],
  },
  ...['1.50', '2', '3'].map((value, at) => ({
    id: `o${at}`,
    resourceType: 'Observation',
    text: narrative,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: at === 0 ? '8302-2' : '29463-7' }] },
    subject,
    encounter: { reference: 'urn:uuid:e' },
    effectiveDateTime: `202${at}-01-01`,
    valueQuantity: { value: Number(value), system: 'http://unitsofmeasure.org', code: 'kg' },
    note: [{ text: `note ${at}` }],
  })),
] as const;

const seeing = (denied: (type: string) => boolean = () => false): Sight => ({
  who: { kind: 'member', id: 'tester', organisation: 'hospital-a', roles: [] },
  purpose: 'TREAT',
  grant: null,
  decide: async ({ type }) => (denied(type) ? { kind: 'denied', reason: 'test' } : { kind: 'allowed', reason: 'test' }),
  owners: async () => 'all',
});

function requestOf(type: ResourceType, query: string) {
  const parsed = parseSearch(type, [...new URLSearchParams(query)]);
  if (parsed.kind === 'refused') throw new Error(JSON.stringify(parsed.issues));
  return parsed.request;
}

async function find(type: ResourceType, query: string, sight = seeing(), position?: SearchPosition) {
  const search = { requests: [requestOf(type, query)], query };
  const page = await place.vault.search.find(sight, search, position);
  const names = (found: typeof page.matches) => found.map(({ record }) => record.meta.id);
  return { ...page, found: names(page.matches), brought: page.included.map(({ record }) => record.meta.type).sort() };
}

beforeAll(async () => {
  place = await makePlace({ workers });
  const result = await place.vault.repository.transaction(await place.writer(), bundleOf(RESOURCES));
  if (result.kind === 'refused') throw new Error(JSON.stringify(result));
  ids = result.outcomes.map(({ id }) => id);
  patientId = ids[0]!;
  const { registrar, clinician } = place.organisation;
  const { pid } = (await place.vault.patients.findByFhirId(patientId))!;
  const nowMs = Date.now();
  await place.vault.access.assign(
    { kind: 'member', id: registrar.id, organisation: 'hospital-a', roles: registrar.roles },
    { pid, actor: clinician.id, fromMs: nowMs - 1_000, untilMs: nowMs + 3_600_000 },
  );
});
afterAll(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
});

it('finds a name by how it sounds, in any order of its words', async () => {
  for (const name of ['Shmit', 'schmitt', 'Katarina', 'Catharina Schmid', 'Schmid Catharina']) {
    expect((await find('Patient', `phonetic=${name}`)).found, name).toEqual([patientId]);
  }
  expect((await find('Patient', 'phonetic=Miller')).found).toEqual([]);
});

it('includes what matches refer to and what refers to them, on and on where that is asked, and nothing that may not be seen', async () => {
  const once = await find('Observation', 'code=8302-2&_include=Observation:encounter');
  expect(once.brought).toEqual(['Encounter']);
  const on = '_include=Observation:encounter&_include:iterate=Encounter:participant&_include:iterate=Encounter:subject';
  expect((await find('Observation', `code=8302-2&${on}`)).brought).toEqual(['Encounter', 'Patient', 'Practitioner']);
  const back = await find(
    'Patient',
    `_id=${patientId}&_revinclude=Observation:patient&_revinclude:iterate=Encounter:patient`,
  );
  expect(back.brought).toEqual(['Encounter', 'Observation', 'Observation', 'Observation']);
  const blind = await find(
    'Observation',
    `code=8302-2&${on}`,
    seeing((type) => type === 'Encounter'),
  );
  expect([blind.found.length, blind.brought]).toEqual([1, []]);
  const all = await find('Observation', 'code=8302-2&_include=*');
  expect(all.brought).toEqual(['Encounter', 'Patient']);
});

it('follows a chain only through what may be seen', async () => {
  expect((await find('Observation', 'patient.name=schmidt')).found).toHaveLength(3);
  expect(
    (
      await find(
        'Observation',
        'patient.name=schmidt',
        seeing((type) => type === 'Patient'),
      )
    ).found,
  ).toEqual([]);
  expect(
    (
      await find(
        'Patient',
        '_has:Observation:patient:code=8302-2',
        seeing((type) => type === 'Observation'),
      )
    ).found,
  ).toEqual([]);
});

it('refuses what would open too many records, and leaves out an estimate of them', async () => {
  const { vault } = place;
  const { store, rows, ciphertext, attachments, patients, audit, guard, organisation, clock } = vault;
  const searchIndex = new SearchIndex(vault);
  const engine = new SearchEngine({
    ...{ store, searchIndex, rows, ciphertext, attachments, patients, audit, guard, organisation, clock },
    candidatesMax: 2,
  });
  const costly = { code: 'too-costly' };
  const search = (query: string) => engine.find(seeing(), { requests: [requestOf('Observation', query)], query });
  await expect(search('_sort=date')).rejects.toMatchObject(costly);
  await expect(search('value-quantity=gt5')).rejects.toMatchObject(costly);
  await expect(search('_summary=count')).rejects.toMatchObject(costly);
  await expect(search('_count=1&_total=accurate')).rejects.toMatchObject(costly);
  expect((await search('_count=1&_total=estimate')).total).toBeUndefined();
  expect((await search('code=8302-2&_sort=date')).matches).toHaveLength(1);
});

it('keeps pages as they were when what they show is corrected meanwhile', async () => {
  const first = await find('Observation', `patient=${patientId}&_count=1`);
  const [shown = ''] = first.found;
  const others = ids.slice(3).filter((id) => id !== shown);
  const corrected = others[0]!;
  const read = await place.vault.rows.findResource('Observation', corrected);
  const text = new TextDecoder().decode(await place.vault.ciphertext.readPlaintext(read!));
  const amended = text.replace('"final"', '"amended"');
  const target = { type: 'Observation', id: corrected } as const;
  const result = await place.vault.repository.update(await place.writer(), target, {
    bytes: new TextEncoder().encode(amended),
    format: 'json',
  });
  expect(result.kind, JSON.stringify(result)).toBe('committed');
  const second = await find('Observation', `patient=${patientId}&_count=1`, seeing(), first.next);
  const third = await find('Observation', `patient=${patientId}&_count=1`, seeing(), second.next);
  expect([...second.found, ...third.found].sort()).toEqual([...others].sort());
  expect((await find('Observation', 'status=amended')).found).toEqual([corrected]);
  expect((await find('Observation', 'status=final')).found.sort()).toEqual(
    ids
      .slice(3)
      .filter((id) => id !== corrected)
      .sort(),
  );
});

it('goes from type to type, page by page, sorted or not, and shows each match once', async () => {
  for (const sort of ['', '&_sort=_id']) {
    const requests = (['Encounter', 'Observation', 'Patient'] as const).map((type) =>
      requestOf(type, `_count=1${sort}`),
    );
    const seen: string[] = [];
    let position: SearchPosition | undefined;
    do {
      const page = await place.vault.search.find(seeing(), { requests, query: '' }, position);
      seen.push(...page.matches.map(({ record }) => record.meta.type));
      position = page.next;
    } while (position !== undefined && seen.length < 20);
    expect(seen, sort).toEqual(['Encounter', 'Observation', 'Observation', 'Observation', 'Patient']);
  }
});

it('writes one event for the patient with the query, before anything is shown', async () => {
  await find('Observation', `patient=${patientId}&code=8302-2`);
  const [line] = await place.vault.audit.list({ limit: 1 });
  const { pid } = (await place.vault.patients.findByFhirId(patientId))!;
  expect(line!.event).toMatchObject({ kind: 'search', pid, query: `patient=${patientId}&code=8302-2` });
  expect(line!.event.records).toHaveLength(1);
});

it('leaves no row of a hidden resource in the index', async () => {
  const gone = ids.at(-1)!;
  const record = await place.vault.rows.findResource('Observation', gone);
  const rowsOf = () =>
    place.vault.store.read.selectFrom('searchEntry').selectAll().where('recordId', '=', record!.recordId).execute();
  const [entry] = await rowsOf();
  await place.vault.repository.remove(await place.writer(), { type: 'Observation', id: gone });
  expect(await rowsOf()).toEqual([]);
  const left = await place.vault.store.read
    .selectFrom('searchToken')
    .selectAll()
    .where('entry', '=', entry!.entry)
    .execute();
  expect(left).toEqual([]);
  expect((await find('Observation', `patient=${patientId}`)).found).not.toContain(gone);
});

it('neither matches nor opens anything while a rollback of the ledger has no name', async () => {
  const { vault } = place;
  const request = requestOf('Patient', `_id=${patientId}`);
  const matches = await vault.search.match(seeing(), request, 2);
  expect(matches).toHaveLength(1);
  const opening = { records: matches.map(({ record }) => record), kind: 'search' } as const;
  vault.guard.demandReplay();
  const refusal = { code: 'rollback-unnamed' };
  await expect(vault.search.match(seeing(), request, 2)).rejects.toMatchObject(refusal);
  await expect(openRecords(vault, seeing(), opening)).rejects.toMatchObject(refusal);
  vault.guard.revocationsReplayed();
  expect(await openRecords(vault, seeing(), opening)).toHaveLength(1);
});
