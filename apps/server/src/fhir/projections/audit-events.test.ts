import { type FhirTree, validateForWrite } from '@salus/fhir';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, firstWritten } from '../../../test/admitted.ts';
import { type Answer, chapterAt, openTestServer, type TestPatient, type TestServer } from '../../../test/hospital.ts';

const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
let observation: string;
let officer: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const admitted = await admitPatient(server, 'hospital-a');
  patient = admitted;
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 21));
  observation = firstWritten(admitted, 'Observation');
  for (let reads = 0; reads < 3; reads += 1)
    await server.send('GET', `${BASE}/${observation}`, { token: patient.token });
  await server.send('GET', `${BASE}/${observation}`, { token: await server.logIn('a.mehta') });
  officer = await server.logIn('hospital-a.admin');
});
afterAll(() => server[Symbol.asyncDispose]());

const search = (query: string, token: string): Promise<Answer> =>
  server.send('GET', `${BASE}/AuditEvent${query}`, { token });
const resourcesOf = ({ json, status, text }: Answer): readonly FhirTree[] => {
  expect(status, text).toBe(200);
  return ((json.entry ?? []) as { resource: FhirTree }[]).map(({ resource }) => resource);
};

describe('AuditEvent', () => {
  it('shows patients who read them, as valid resources without a pid', async () => {
    const answer = await search('', patient.token);
    const events = resourcesOf(answer);
    expect(events.length).toBeGreaterThan(3);
    for (const event of events) expect(validateForWrite(event)).toEqual([]);
    expect(answer.text).not.toContain(patient.pid);
    const [refused, read] = events as unknown as Record<string, never>[];
    expect(refused).toMatchObject({ outcome: '4', outcomeDesc: 'relationship' });
    expect(read).toMatchObject({
      meta: { profile: ['https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PatientRead'] },
      action: 'R',
      outcome: '0',
    });
  });

  it('is searched by patient, date, agent, entity and outcome', async () => {
    const count = async (query: string) => resourcesOf(await search(query, patient.token)).length;
    const all = await count('');
    expect(await count(`?patient=Patient/${patient.fhirId}`)).toBe(all);
    // One writing, three readings, one refusal.
    expect(await count(`?entity=${observation}`)).toBe(5);
    expect(await count(`?entity=${observation}&outcome=4`)).toBe(1);
    expect(await count('?date=lt2020')).toBe(0);
    expect(await count('?date=ge2020')).toBe(all);
    const who = server.wallet('a.mehta').id;
    expect(await count(`?agent:identifier=urn:salus:member|${who}`)).toBe(1);
  });

  it('comes by pages that leave nothing out, with links bound to who asks', async () => {
    const seen: string[] = [];
    let next: string | undefined = `${BASE}/AuditEvent?_count=2`;
    for (; next !== undefined; ) {
      const page: Answer = await server.send('GET', next, { token: patient.token });
      seen.push(...resourcesOf(page).map(({ id }) => id as string));
      const link = (page.json.link as { relation: string; url: string }[]).find(({ relation }) => relation === 'next');
      next = link?.url.replace('http://127.0.0.1:8470', '');
      if (next !== undefined) expect((await server.send('GET', next, { token: other.token })).status).toBe(400);
    }
    expect(new Set(seen).size).toBe(seen.length);
    const whole = resourcesOf(await search('?_count=200', patient.token)).map(({ id }) => id as string);
    expect(whole.filter((id) => seen.includes(id))).toEqual(seen);
  });

  it('shows nobody another’s log: not by search, not by id, not by total', async () => {
    const own = resourcesOf(await search('', patient.token));
    const foreign = await search(`?patient=${patient.fhirId}`, other.token);
    expect(resourcesOf(foreign)).toEqual([]);
    expect(foreign.json.total).toBeUndefined();
    expect((await search(`/${own[0]?.id as string}`, other.token)).status).toBe(404);
    expect((await search(`/${own[0]?.id as string}`, patient.token)).status).toBe(200);
    for (const account of ['a.rossi', 'a.mehta', 'a.desk'])
      expect((await search('', await server.logIn(account))).status, account).toBe(403);
  });

  it('shows the privacy officer all, and notes that', async () => {
    const events = resourcesOf(await search(`?patient=${patient.fhirId}`, officer));
    expect(events.length).toBeGreaterThan(3);
    const [newest] = resourcesOf(await search('?_count=1', patient.token)) as unknown as [
      { purposeOfEvent: [{ coding: [{ code: string }] }] },
    ];
    expect(newest.purposeOfEvent[0].coding[0].code).toBe('HCOMPL');
  });

  it('notes in the patient’s log that the privacy officer opened one event of it', async () => {
    const [event] = resourcesOf(await search(`?patient=${patient.fhirId}&_count=1`, officer));
    const before = resourcesOf(await search('?_count=200', patient.token)).length;
    expect((await search(`/${event!.id as string}`, officer)).status).toBe(200);
    const after = resourcesOf(await search('?_count=200', patient.token));
    expect(after).toHaveLength(before + 1);
    expect(after[0]).toMatchObject({ purposeOfEvent: [{ coding: [{ code: 'HCOMPL' }] }] });
  });

  it('refuses what it cannot filter by, and every write', async () => {
    for (const query of ['?policy=x', '?_has:Patient:x:y=1', '?subtype=read', '?patient.name=x'])
      expect((await search(query, patient.token)).status, query).toBe(400);
    const doctor = await server.logIn('a.rossi', { writing: true });
    const body = JSON.stringify({ resourceType: 'AuditEvent' });
    for (const [method, path] of [
      ['POST', ''],
      ['PUT', '/audit-1'],
      ['DELETE', '/audit-1'],
    ] as const) {
      const answer = await server.send(method, `${BASE}/AuditEvent${path}`, {
        token: doctor,
        raw: body,
        type: 'application/fhir+json',
      });
      expect(answer.status, method).toBeGreaterThanOrEqual(400);
    }
  });
});
