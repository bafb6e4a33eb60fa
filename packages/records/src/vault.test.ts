import { randomBytes } from '@salus/crypto';
import { parseFhirJson, sameResource } from '@salus/fhir';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import type { VaultCaller } from './repository.ts';
import { openVault } from './vault.ts';
import type { Who } from './vault-types.ts';

/** A thread that reads the FHIR definitions, on a machine that may be busy. */
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

const HOUR_MS = 3_600_000;
let drawn = 0;

const patient = { id: 'p', resourceType: 'Patient', name: [{ family: 'Example' }] };
const observation = (extra: object = {}) => ({
  id: `o${++drawn}`,
  resourceType: 'Observation',
  status: 'final',
  subject: { reference: 'urn:uuid:p' },
  code: { text: `note ${drawn}` },
  category: [
    { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
  ],
  ...extra,
});

/** Writes resources; returns `[type, id]` of each. */
async function write(resources: readonly { readonly [name: string]: unknown }[] | string) {
  const text = typeof resources === 'string' ? resources : bundleOf(resources);
  const result = await place.vault.repository.transaction(await place.writer(), text);
  if (result.kind === 'refused') throw new Error(`${result.code} ${JSON.stringify(result.issues)}`);
  return result.outcomes.map(({ type, id }) => [type, id] as const);
}

const staff = (person: { readonly id: string; readonly roles: readonly string[] }): VaultCaller => ({
  kind: 'member',
  purpose: 'TREAT',
  who: { kind: 'member', id: person.id, organisation: 'hospital-a', roles: person.roles },
});

async function assign(
  fhirId: string,
  actor: string = place.organisation.clinician.id,
  { id, roles }: { readonly id: string; readonly roles: readonly string[] } = place.organisation.registrar,
): Promise<string> {
  const found = await place.vault.patients.findByFhirId(fhirId);
  if (found === undefined) throw new Error('the patient was registered');
  const by: Who & { readonly kind: 'member' } = { kind: 'member', id, organisation: 'hospital-a', roles };
  const nowMs = Date.now();
  await place.vault.access.assign(by, { pid: found.pid, actor, fromMs: nowMs - HOUR_MS, untilMs: nowMs + HOUR_MS });
  return found.pid;
}

test('gives back the JSON that was written, number literals kept and references resolved', async () => {
  const value = (literal: string) => `"valueQuantity":{"value":${literal},"unit":"mmol/L"}`;
  for (const literal of ['1.50', '0.010', '12345678901234567890', '1e5']) {
    drawn += 1;
    const text = `{"resourceType":"Bundle","type":"transaction","entry":[
      {"fullUrl":"urn:uuid:p","request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient"}},
      {"request":{"method":"POST","url":"Observation"},"resource":{"resourceType":"Observation","status":"final",
        "subject":{"reference":"urn:uuid:p"},"code":{"text":"x"},${value(literal)}}}]}`;
    const [[, patientId], [type, id]] = (await write(text)) as [[string, string], ['Observation', string]];
    await assign(patientId);
    const read = await place.vault.repository.read(staff(place.organisation.clinician), type, id);
    if (read.kind !== 'found') throw new Error(read.kind);
    expect(read.text).toContain(`"value":${literal},`);
    expect(read.text).toContain(`"reference":"Patient/${patientId}"`);
    expect(read).toMatchObject({ versionId: '1' });
    const sent = parseFhirJson(text.slice(text.lastIndexOf('{"resourceType":"Observation"'), text.lastIndexOf('}]}')));
    const referenceMap = new Map([['urn:uuid:p', `Patient/${patientId}`]]);
    expect(sameResource(sent, parseFhirJson(read.text), { referenceMap })).toBe(true);
  }
});

test('opens a record at home by role and care relationship, and by neither alone', async () => {
  const [[, patientId], [, id]] = (await write([patient, observation()])) as [[string, string], [string, string]];
  const read = (person: Parameters<typeof staff>[0]) => place.vault.repository.read(staff(person), 'Observation', id);
  const { clinician, registrar, administrator } = place.organisation;
  expect(await read(clinician)).toEqual({ kind: 'refused', code: 'denied' });
  await assign(patientId);
  expect(await read(clinician)).toMatchObject({ kind: 'found' });
  for (const person of [registrar, administrator]) {
    await assign(patientId, person.id, clinician);
    expect(await read(person)).toEqual({ kind: 'refused', code: 'denied' });
  }
  expect(await place.vault.repository.read(staff(registrar), 'Patient', patientId)).toMatchObject({ kind: 'found' });
  expect(await place.vault.repository.read(staff(administrator), 'Patient', patientId)).toMatchObject({
    kind: 'refused',
  });
});

test('lets nobody assign a patient to themselves, whatever their role', async () => {
  const [[, patientId], [, id]] = (await write([patient, observation()])) as [[string, string], [string, string]];
  const { clinician, registrar } = place.organisation;
  for (const person of [clinician, registrar]) {
    await expect(assign(patientId, person.id, person)).rejects.toMatchObject({ code: 'denied' });
    expect(await place.vault.repository.read(staff(person), 'Observation', id)).toMatchObject({ kind: 'refused' });
  }
  await assign(patientId, clinician.id, registrar);
  expect(await place.vault.repository.read(staff(clinician), 'Observation', id)).toMatchObject({ kind: 'found' });
});

test('closes a record again to the practitioner of an encounter that was tombstoned', async () => {
  const doctor = { id: randomBytes(16).toString(), roles: ['clinician'] };
  const practitioner = { id: 'd', resourceType: 'Practitioner', identifier: [{ value: `d${++drawn}` }] };
  const encounter = {
    id: 'e',
    resourceType: 'Encounter',
    status: 'in-progress',
    class: { code: 'AMB' },
    subject: { reference: 'urn:uuid:p' },
    participant: [{ individual: { reference: 'urn:uuid:d' } }],
  };
  const written = await write([patient, practitioner, encounter, observation()]);
  const [, [, doctorId], [, encounterId], [, id]] = written as unknown as [
    [string, string],
    [string, string],
    [string, string],
    [string, string],
  ];
  const read = () => place.vault.repository.read(staff(doctor), 'Observation', id);
  await place.vault.access.linkPractitioner(doctor.id, `Practitioner/${doctorId}`);
  expect(await read()).toMatchObject({ kind: 'found' });
  await assign(written[0]![1]);
  const hidden = await place.vault.repository.remove(await place.writer(), { type: 'Encounter', id: encounterId });
  expect(hidden).toMatchObject({ kind: 'committed' });
  expect(await read()).toEqual({ kind: 'refused', code: 'denied' });
});

test('opens a record to the practitioner of an open encounter, until it is finished', async () => {
  const practitioner = {
    id: 'd',
    resourceType: 'Practitioner',
    identifier: [{ system: 'urn:x', value: `d${++drawn}` }],
  };
  const encounter = {
    id: 'e',
    resourceType: 'Encounter',
    status: 'in-progress',
    class: { code: 'AMB' },
    subject: { reference: 'urn:uuid:p' },
    participant: [{ individual: { reference: 'urn:uuid:d' } }],
  };
  const [, [, doctorId], [, encounterId], [, id]] = (await write([
    patient,
    practitioner,
    encounter,
    observation(),
  ])) as [[string, string], [string, string], [string, string], [string, string]];
  const doctor = { id: randomBytes(16).toString(), roles: ['clinician'] };
  const read = () => place.vault.repository.read(staff(doctor), 'Observation', id);
  expect(await read()).toMatchObject({ kind: 'refused' });
  await place.vault.access.linkPractitioner(doctor.id, `Practitioner/${doctorId}`);
  expect(await read()).toMatchObject({ kind: 'found' });

  const current = await place.vault.repository.read(staff(doctor), 'Encounter', encounterId);
  if (current.kind !== 'found') throw new Error(current.kind);
  const finished = current.text.replace('"in-progress"', '"finished"');
  const writer = await place.writer();
  const caller = { ...writer, writer: { ...writer.writer, who: { ...writer.writer.who, id: doctor.id } } };
  const target = { type: 'Encounter', id: encounterId } as const;
  const body = { bytes: finished, format: 'json' } as const;
  expect(await place.vault.repository.update(caller, target, body)).toMatchObject({ kind: 'committed' });
  expect(await read()).toEqual({ kind: 'refused', code: 'denied' });
});

test('follows what the patient denies: persons, label classes, and both together', async () => {
  const [[, patientId], [, id]] = (await write([patient, observation()])) as [[string, string], [string, string]];
  const pid = await assign(patientId);
  const who = { kind: 'patient', pid, kid: 'k' } as const;
  const { clinician } = place.organisation;
  const read = () => place.vault.repository.read(staff(clinician), 'Observation', id);
  for (const denial of [
    { persons: [clinician.id], labelClasses: [] },
    { persons: [], labelClasses: ['N'] },
    { persons: [clinician.id], labelClasses: ['N', 'PSY'] },
  ]) {
    const { denialId } = await place.vault.access.denials.deny(who, denial);
    expect(await read()).toEqual({ kind: 'refused', code: 'denied' });
    await expect(place.vault.access.denials.withdraw({ ...who, pid: 'another' }, denialId)).rejects.toMatchObject({
      code: 'not-found',
    });
    await place.vault.access.denials.withdraw(who, denialId);
    expect(await read()).toMatchObject({ kind: 'found' });
  }
  await place.vault.access.denials.deny(who, { persons: ['someone-else'], labelClasses: ['N'] });
  expect(await read()).toMatchObject({ kind: 'found' });
});

test('lets a patient read the own records and no other patient’s, and logs both', async () => {
  const [[, patientId], [, id]] = (await write([patient, observation()])) as [[string, string], [string, string]];
  const own = await place.vault.patients.findByFhirId(patientId);
  const as = (pid: string): VaultCaller => ({ kind: 'patient', who: { kind: 'patient', pid, kid: 'phone' } });
  expect(await place.vault.repository.read(as(own!.pid), 'Observation', id)).toMatchObject({ kind: 'found' });
  expect(await place.vault.repository.read(as('x'.repeat(22)), 'Observation', id)).toMatchObject({ kind: 'refused' });
  const lines = await place.vault.audit.listOfPid(own!.pid, { limit: 10 });
  expect(lines.map(({ event }) => [event.kind, event.outcome])).toEqual([
    ['refusal', 'owner'],
    ['read', 'ok'],
    ['write', 'ok'],
  ]);
});

test('refuses the same bundle again, whatever its white space, unless told', async () => {
  const resources = [patient, observation()];
  const text = bundleOf(resources);
  await write(text);
  const caller = await place.writer();
  const spaced = JSON.stringify(JSON.parse(text), null, 2);
  const again = (options: object) => place.vault.repository.transaction(caller, spaced, options);
  expect(await again({})).toMatchObject({ kind: 'refused', code: 'already-imported' });
  expect(await again({ again: true })).toMatchObject({ kind: 'committed' });
});

test('recognises providers by identifier instead of doubling them, also in bundles that arrive together', async () => {
  const provider = {
    id: 'h',
    resourceType: 'Organization',
    name: 'H',
    identifier: [{ system: 'urn:h', value: `h${++drawn}` }],
  };
  const bundles = Array.from({ length: 6 }, () => bundleOf([provider, patient, observation()]));
  const caller = await place.writer();
  const options = { matchDirectoryByIdentifier: true };
  const results = await Promise.all(bundles.map((text) => place.vault.repository.transaction(caller, text, options)));
  const outcomes = results.flatMap((result) => (result.kind === 'committed' ? [result.outcomes[0]!] : []));
  expect(outcomes).toHaveLength(6);
  expect(new Set(outcomes.map(({ id }) => id)).size).toBe(1);
  expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
});

test('writes nothing of a bundle that holds one invalid resource or names an unknown patient', async () => {
  const before = await place.vault.store.read.selectFrom('record').select('leafHash').execute();
  const caller = await place.writer();
  for (const [resources, code] of [
    [[patient, { resourceType: 'Observation', status: 'final' }], 'structure-invalid'],
    [[patient, observation({ subject: { reference: 'Patient/none' } })], 'owner-unknown'],
    [[observation({ subject: undefined })], 'owner-unknown'],
    [[patient, observation({ subject: { reference: 'Patient?identifier=urn:none|1' } })], 'no-match'],
  ] as const) {
    const result = await place.vault.repository.transaction(caller, bundleOf(resources));
    expect(result).toMatchObject({ kind: 'refused', code });
  }
  expect(await place.vault.store.read.selectFrom('record').select('leafHash').execute()).toEqual(before);
});

test('lets one of two concurrent updates of a version commit, and keeps both versions readable', async () => {
  const [[, patientId], [, id]] = (await write([patient, observation()])) as [[string, string], [string, string]];
  await assign(patientId);
  const caller = await place.writer();
  const update = (note: string, ifMatch = '1') => {
    const subject = { reference: `Patient/${patientId}` };
    const bytes = JSON.stringify({ ...observation(), id, subject, note: [{ text: note }] });
    return place.vault.repository.update(caller, { type: 'Observation', id }, { bytes, format: 'json' }, { ifMatch });
  };
  const results = await Promise.all(['one', 'two'].map((note) => update(note)));
  expect(results.map(({ kind }) => kind).sort()).toEqual(['committed', 'refused']);
  expect(results.find(({ kind }) => kind === 'refused')).toMatchObject({ code: 'version-mismatch' });
  const { repository } = place.vault;
  expect(await repository.read(caller, 'Observation', id)).toMatchObject({ kind: 'found', versionId: '2' });
  expect(await repository.vread(caller, 'Observation', id, '1')).toMatchObject({ kind: 'found', versionId: '1' });
  expect(await repository.vread(caller, 'Observation', id, '3')).toEqual({ kind: 'not-found' });
  expect(await repository.vread(caller, 'Observation', id, '01')).toEqual({ kind: 'not-found' });
  expect(await update('late')).toMatchObject({ kind: 'refused', code: 'version-mismatch' });
});

test('hides a deleted record, and refuses to update it', async () => {
  const [[, patientId], [, id]] = (await write([patient, observation()])) as [[string, string], [string, string]];
  await assign(patientId);
  const caller = await place.writer();
  const { repository } = place.vault;
  const target = { type: 'Observation', id } as const;
  expect(await repository.remove(caller, target)).toMatchObject({ outcome: { kind: 'deleted', versionId: '1' } });
  expect(await repository.read(caller, 'Observation', id)).toEqual({ kind: 'gone' });
  const bytes = JSON.stringify({ ...observation(), id, subject: { reference: `Patient/${patientId}` } });
  expect(await repository.update(caller, target, { bytes, format: 'json' })).toMatchObject({ code: 'resource-gone' });
});

test('issues slips only to writers whose role the contract accepts, each with a new seed', async () => {
  const [[, patientId]] = (await write([patient])) as [[string, string]];
  const { writer } = await place.writer();
  const first = await place.vault.patients.issueSlip(writer, patientId);
  const second = await place.vault.patients.issueSlip(writer, patientId);
  expect(second.pid).toBe(first.pid);
  expect(second.seed).not.toEqual(first.seed);
  const { writer: administrator } = await place.writer(place.organisation.administrator);
  await expect(place.vault.patients.issueSlip(administrator, patientId)).rejects.toMatchObject({
    code: 'ledger-refused',
    detail: 'role-missing',
  });
  await expect(place.vault.patients.issueSlip(writer, 'none')).rejects.toMatchObject({ code: 'not-found' });
});

test('refuses a write that nobody delegated, with the contract’s code, and leaves nothing of it', async () => {
  const caller = await place.writer();
  const { onBehalfOf: _none, ...undelegated } = caller.writer;
  const before = await place.vault.store.read.selectFrom('batch').select('batchId').execute();
  const result = await place.vault.repository.transaction(
    { ...caller, writer: undelegated },
    bundleOf([patient, observation()]),
  );
  expect(result).toMatchObject({ kind: 'refused', code: 'delegation-required' });
  const [line] = await place.vault.audit.list({ limit: 1 });
  expect(line!.event).toMatchObject({ kind: 'refusal', outcome: 'delegation-required', who: caller.writer.who });
  expect(await place.vault.store.read.selectFrom('batch').select('batchId').execute()).toEqual(before);
  expect(await place.vault.store.read.selectFrom('batch').where('state', '=', 'pending').selectAll().execute()).toEqual(
    [],
  );
});

test('does not open with another master key, for another organisation, or on another network', async () => {
  const { ledger, clock } = place.consortium;
  const { directory } = place.vault;
  const options = { ...place.database, directory, organisation: 'hospital-a', ledger, clock, workers };
  // A database lets one process in at a time.
  await place.vault[Symbol.asyncDispose]();
  const other = { ...options, masterKey: randomBytes(32) };
  await expect(openVault(other)).rejects.toMatchObject({ code: 'master-key' });
  const elsewhere = { ...options, organisation: 'hospital-b', masterKey: place.masterKey };
  await expect(openVault(elsewhere)).rejects.toMatchObject({ code: 'corrupt' });
  await expect(openVault({ ...options, masterKey: randomBytes(31) })).rejects.toMatchObject({ code: 'master-key' });
  place.vault = await openVault({ ...options, masterKey: place.masterKey });
});

test('gives each record of a bundle to its own patient, and refuses one that names two', async () => {
  const second = { ...patient, id: 'q' };
  const [[, one], [, two], [, first], [, other]] = (await write([
    patient,
    second,
    observation(),
    observation({ subject: { reference: 'urn:uuid:q' } }),
  ])) as [[string, string], [string, string], [string, string], [string, string]];
  const owners = await Promise.all([first, other].map((id) => place.vault.rows.findResource('Observation', id)));
  const pids = await Promise.all([one, two].map((id) => place.vault.patients.findByFhirId(id)));
  expect(owners.map((record) => record!.meta.owner)).toEqual(pids.map((known) => `pid:${known!.pid}`));
  expect(pids[0]!.pid).not.toBe(pids[1]!.pid);
  const caller = await place.writer();
  const both = {
    resourceType: 'Appointment',
    status: 'proposed',
    participant: [
      { actor: { reference: 'urn:uuid:p' }, status: 'accepted' },
      { actor: { reference: 'urn:uuid:q' }, status: 'accepted' },
    ],
  };
  const result = await place.vault.repository.transaction(caller, bundleOf([patient, second, both]));
  expect(result).toMatchObject({ kind: 'refused', code: 'owner-unknown' });
});
