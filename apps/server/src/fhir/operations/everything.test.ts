import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdmittedPatient, admitPatient, firstWritten, linkPractitioner } from '../../../test/admitted.ts';
import { type Answer, chapterAt, importChapter, openTestServer, type TestServer } from '../../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let doctor: string;
let patient: AdmittedPatient;
let stranger: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  const other = await importChapter(server, 'hospital-a', chapterAt('hospital-a', 21));
  stranger = other.fhirId;
  doctor = await server.logIn('a.rossi', { writing: true });
  await linkPractitioner(server, { account: 'a.rossi', practitioner: firstWritten(patient, 'Practitioner') });
});
afterAll(() => server[Symbol.asyncDispose]());

type Entry = { fullUrl: string; resource: { resourceType: string; id: string }; search: { mode: string } };
const entriesOf = ({ json }: Answer): readonly Entry[] => json.entry ?? [];
const namesOf = (entries: readonly Entry[], mode = 'match') =>
  entries.filter(({ search }) => search.mode === mode).map(({ resource }) => `${resource.resourceType}/${resource.id}`);
const nextOf = ({ json }: Answer): string | undefined =>
  (json.link as { relation: string; url: string }[])
    .find(({ relation }) => relation === 'next')
    ?.url.replace('http://127.0.0.1:8470', '');

async function allPages(url: string, token: string): Promise<{ entries: readonly Entry[]; pages: readonly Answer[] }> {
  const pages: Answer[] = [];
  for (let next: string | undefined = url; next !== undefined; next = nextOf(pages.at(-1)!)) {
    const page = await server.send('GET', next, { token });
    expect(page.status, page.text).toBe(200);
    pages.push(page);
  }
  return { entries: pages.flatMap(entriesOf), pages };
}

const DIRECTORY = /^(Practitioner|PractitionerRole|Organization|Location|Medication)\//;

describe('$everything', () => {
  it('gives all records of the patient and the directory entries that they name, and nobody else’s', async () => {
    const { entries } = await allPages(`${BASE}/Patient/${patient.fhirId}/$everything`, doctor);
    const own = patient.written.filter((name) => !DIRECTORY.test(name));
    expect(own.length).toBeGreaterThan(5);
    expect(namesOf(entries).toSorted()).toEqual(own.toSorted());
    expect(namesOf(entries, 'include').some((name) => name.startsWith('Practitioner/'))).toBe(true);
    expect(entries[0]?.resource.resourceType).toBe('Patient');
  });

  it('gives the same by pages of any size, whose links hold neither pid nor key of the ledger', async () => {
    const whole = await allPages(`${BASE}/Patient/${patient.fhirId}/$everything`, doctor);
    for (const count of [1, 3]) {
      const { entries, pages } = await allPages(
        `${BASE}/Patient/${patient.fhirId}/$everything?_count=${count}`,
        doctor,
      );
      expect(pages.length).toBeGreaterThan(2);
      expect(namesOf(entries).toSorted()).toEqual(namesOf(whole.entries).toSorted());
      for (const page of pages) expect(page.text).not.toContain(patient.pid);
    }
  });

  it('keeps to the asked types and times', async () => {
    const url = `${BASE}/Patient/${patient.fhirId}/$everything`;
    const typed = await allPages(`${url}?_type=Observation,Condition`, doctor);
    expect(typed.entries.length).toBeGreaterThan(0);
    expect(namesOf(typed.entries).every((name) => /^(Observation|Condition)\//.test(name))).toBe(true);
    const future = new Date(server.occasion().nowMs + 86_400_000).toISOString();
    expect((await allPages(`${url}?_since=${future}`, doctor)).entries).toEqual([]);
    const dated = await allPages(`${url}?_type=Observation&end=1990`, doctor);
    expect(namesOf(dated.entries)).toEqual([]);
  });

  it('lets the patient see the same, and logs it to the patient', async () => {
    const own = await allPages(`${BASE}/Patient/${patient.fhirId}/$everything`, patient.token);
    expect(namesOf(own.entries).length).toBeGreaterThan(5);
    const { json } = await server.send('GET', `${A}/patient/audit?limit=1`, { token: patient.token });
    expect(json.lines[0].event).toMatchObject({ kind: 'search', purpose: 'PATRQT', outcome: 'ok' });
  });

  it('refuses who may not read the Patient, and another patient’s record to the patient', async () => {
    const colleague = await server.logIn('a.mehta');
    const url = `${BASE}/Patient/${patient.fhirId}/$everything`;
    expect((await server.send('GET', url, { token: colleague })).status).toBe(403);
    expect((await server.send('GET', url)).status).toBe(401);
    expect((await server.send('GET', `${BASE}/Patient/${stranger}/$everything`, { token: patient.token })).status).toBe(
      403,
    );
    expect((await server.send('GET', `${BASE}/Patient/nobody/$everything`, { token: doctor })).status).toBe(404);
  });

  it('gives a registrar what identifies the patient and nothing clinical', async () => {
    const desk = await server.logIn('a.desk');
    const { entries } = await allPages(`${BASE}/Patient/${patient.fhirId}/$everything`, desk);
    expect(namesOf(entries)).toContain(`Patient/${patient.fhirId}`);
    expect(namesOf(entries).some((name) => /^(Observation|Condition|MedicationRequest)\//.test(name))).toBe(false);
  });

  it('refuses unknown parameters, and a page token of another question or person', async () => {
    const url = `${BASE}/Patient/${patient.fhirId}/$everything`;
    expect((await server.send('GET', `${url}?_elements=id`, { token: doctor })).status).toBe(400);
    expect((await server.send('GET', `${url}?_type=Horse`, { token: doctor })).status).toBe(400);
    const next = nextOf(await server.send('GET', `${url}?_count=2`, { token: doctor }))!;
    expect((await server.send('GET', next, { token: doctor })).status).toBe(200);
    expect((await server.send('GET', next, { token: patient.token })).status).toBe(400);
    const widened = next.replace('_count=2', '_count=3');
    expect((await server.send('GET', widened, { token: doctor })).status).toBe(400);
  });
});

describe('metadata', () => {
  it('is public, in both formats', async () => {
    const json = await server.send('GET', `${BASE}/metadata`);
    expect(json.json).toMatchObject({ resourceType: 'CapabilityStatement', fhirVersion: '4.0.1' });
    const xml = await server.send('GET', `${BASE}/metadata?_format=xml`);
    expect(xml.text).toContain('<CapabilityStatement xmlns="http://hl7.org/fhir">');
  });

  it('names no operation that is not registered', async () => {
    const { json } = await server.send('GET', `${BASE}/metadata`);
    type Named = { readonly name: string };
    const [rest] = json.rest as [{ operation: Named[]; resource: { type: string; operation?: Named[] }[] }];
    const paths = [
      ...rest.operation.map(({ name }) => [`/:org/fhir/R4/$${name}`]),
      ...rest.resource.flatMap(({ type, operation = [] }) =>
        operation.map(({ name }) =>
          [`/${type}`, `/${type}/:id`, '/:type', '/:type/:id'].map((place) => `/:org/fhir/R4${place}/$${name}`),
        ),
      ),
    ];
    expect(paths.length).toBeGreaterThan(100);
    const isRegistered = (url: string): boolean =>
      server.app.hasRoute({ method: 'GET', url }) || server.app.hasRoute({ method: 'POST', url });
    for (const places of paths) expect(places.some(isRegistered), places[0]).toBe(true);
  });
});
