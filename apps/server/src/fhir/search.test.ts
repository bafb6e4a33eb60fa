import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type AdmittedPatient, admitPatient, firstWritten, linkPractitioner } from '../../test/admitted.ts';
import { importChapter, openTestServer, type TestServer } from '../../test/hospital.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const BASE = '/hospital-a/fhir/R4';
const A = '/api/v1/orgs/hospital-a';
const FORM = 'application/x-www-form-urlencoded';

interface Entry {
  readonly fullUrl?: string;
  readonly resource: { readonly resourceType: string; readonly id: string; readonly [element: string]: unknown };
  readonly search: { readonly mode: string };
}

let server: TestServer;
let doctor: string;
let patient: AdmittedPatient;
let fhirId: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b', 'laboratory']);
  patient = await admitPatient(server, 'hospital-a');
  ({ fhirId } = patient);
  doctor = await server.logIn('a.rossi', { writing: true });
  await linkPractitioner(server, { account: 'a.rossi', practitioner: firstWritten(patient, 'Practitioner') });
});
afterAll(() => server[Symbol.asyncDispose]());

const search = (query: string, token = doctor) => server.send('GET', `${BASE}/${query}`, { token });
const entriesOf = (answer: { readonly json: { readonly entry?: readonly Entry[] } }, mode = 'match') =>
  (answer.json.entry ?? []).filter((entry) => entry.search.mode === mode);

it('finds a patient’s resources by patient and code, with a total and links', async () => {
  const all = await search(`Observation?patient=Patient/${fhirId}`);
  expect(all.status, all.text).toBe(200);
  const found = entriesOf(all);
  expect(found.length).toBeGreaterThan(2);
  expect(all.json).toMatchObject({ resourceType: 'Bundle', type: 'searchset', total: found.length });
  const { code } = found[0]!.resource as unknown as { code: { coding: [{ system: string; code: string }] } };
  const [{ system, code: value }] = code.coding;
  const one = await search(`Observation?patient=${fhirId}&code=${encodeURIComponent(`${system}|${value}`)}`);
  expect(entriesOf(one).map((entry) => entry.fullUrl)).toContain(found[0]!.fullUrl);
  expect(entriesOf(one).length).toBeLessThan(found.length);
  expect(found[0]!.fullUrl).toMatch(/\/hospital-a\/fhir\/R4\/Observation\//);
  expect(all.json.link[0]).toMatchObject({ relation: 'self' });
});

it('answers a form posted to _search as it answers the query', async () => {
  const posted = await server.send('POST', `${BASE}/Observation/_search`, {
    token: doctor,
    raw: `patient=${fhirId}&_count=2`,
    type: FORM,
  });
  expect(posted.status, posted.text).toBe(200);
  expect(entriesOf(posted)).toHaveLength(2);
});

it('leads through all pages by links that stay right while others write, and open to no other session', async () => {
  const whole = entriesOf(await search(`Observation?patient=${fhirId}`)).map((entry) => entry.resource.id);
  const seen: string[] = [];
  let next: string | undefined = `Observation?patient=${fhirId}&_count=1`;
  for (let page = 0; next !== undefined && page < 100; page += 1) {
    const answer = await search(next);
    expect(answer.status, answer.text).toBe(200);
    seen.push(...entriesOf(answer).map((entry) => entry.resource.id));
    if (page === 0) await importChapter(server, 'hospital-a').catch(() => undefined);
    const link = (answer.json.link as { relation: string; url: string }[]).find(({ relation }) => relation === 'next');
    next = link === undefined ? undefined : link.url.slice(link.url.indexOf(`${BASE}/`) + BASE.length + 1);
    if (next !== undefined) expect(next).not.toContain(fhirId);
  }
  expect(seen).toEqual(whole);
  const first = await search(`Observation?patient=${fhirId}&_count=1`);
  const { url } = (first.json.link as { relation: string; url: string }[]).find(({ relation }) => relation === 'next')!;
  const other = await server.logIn('a.rossi');
  const stolen = await search(url.slice(url.indexOf(`${BASE}/`) + BASE.length + 1), other);
  expect(stolen.status).toBe(404);
});

it('shows and counts nothing to a clinician without care relationship', async () => {
  const colleague = await server.logIn('a.mehta');
  for (const query of [
    'Observation',
    `Observation?patient=${fhirId}`,
    `Patient?_id=${fhirId}`,
    'Observation?_summary=count',
  ]) {
    const answer = await search(query, colleague);
    expect(answer.status, answer.text).toBe(200);
    expect(entriesOf(answer)).toEqual([]);
    expect(answer.json.total).toBe(0);
  }
});

it('neither matches nor counts nor includes what the patient denies', async () => {
  const before = await search(`Patient?_id=${fhirId}&_revinclude=Observation:patient`);
  expect(entriesOf(before, 'include').length).toBeGreaterThan(2);
  const denied = await server.send('POST', `${A}/patient/denials`, {
    token: patient.token,
    body: { persons: [], labelClasses: ['N'] },
  });
  expect(denied.status, denied.text).toBe(200);
  expect((await search(`Observation?patient=${fhirId}`)).json.total).toBe(0);
  expect(entriesOf(await search(`Patient?_id=${fhirId}&_revinclude=Observation:patient`), 'include')).toEqual([]);
  const { denialId } = denied.json as { denialId: string };
  await server.send('DELETE', `${A}/patient/denials/${denialId}`, { token: patient.token });
  expect((await search(`Observation?patient=${fhirId}`)).json.total).toBeGreaterThan(2);
});

it('searches in a patient’s compartment and at the base', async () => {
  const inside = await search(`Patient/${fhirId}/Observation`);
  expect(inside.status, inside.text).toBe(200);
  expect(entriesOf(inside).length).toBe(entriesOf(await search(`Observation?patient=${fhirId}`)).length);
  const base = await server.send('GET', `${BASE}?_type=Patient,Observation&_count=500`, { token: doctor });
  expect(base.status, base.text).toBe(200);
  expect(new Set(entriesOf(base).map((entry) => entry.resource.resourceType))).toEqual(
    new Set(['Patient', 'Observation']),
  );
  expect((await server.send('GET', BASE, { token: doctor })).status).toBe(400);
  expect((await search('Encounter/x/Observation')).status).toBe(404);
});

it('ignores an unknown parameter with a warning, and refuses it under strict handling', async () => {
  const lenient = await search('Observation?colour=blue');
  expect(lenient.status).toBe(200);
  expect(entriesOf(lenient, 'outcome')).toHaveLength(1);
  const strict = await server.send('GET', `${BASE}/Observation?colour=blue`, {
    token: doctor,
    headers: { prefer: 'handling=strict' },
  });
  expect(strict.status, strict.text).toBe(400);
  for (const refused of ['_text=x', '_content=x', '_filter=x', 'code:in=x', 'patient=']) {
    expect((await search(`Observation?${refused}`)).status, refused).toBe(400);
  }
});
