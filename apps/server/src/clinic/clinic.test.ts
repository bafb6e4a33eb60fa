import { accessRequest } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, bodyOf, claimPatient, openTestServer, type TestServer } from '../../test/hospital.ts';

const HOME = '/api/v1/orgs/hospital-a';
const DAY_MS = 86_400_000;
/** A loaded machine founds a network first. */
const FOUNDING_MS = 120_000;
let server: TestServer;
let clinician: string;
let stranger: string;
let known: { readonly pid: string; readonly fhirId: string };
let other: { readonly pid: string; readonly fhirId: string };
let patientToken: string;

interface Person {
  readonly family: string;
  readonly given: string;
  readonly birthDate: string;
  readonly phone: string;
  readonly number: string;
}
const HANA: Person = {
  family: 'Jovanović',
  given: 'Hana',
  birthDate: '1961-04-09',
  phone: '+99 555 123456',
  number: 'A-17',
};
const NOBODYS: Person = { ...HANA, given: 'Hanna', birthDate: '1988-01-02', phone: '+99 555 654321', number: 'A-18' };

beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const practitioner = await addPractitioner();
  const { id } = server.wallet('a.rossi');
  const admin = await server.logIn('hospital-a.admin');
  await server.send('POST', `${HOME}/practitioners`, { token: admin, body: { practitioner, person: id } });
  known = await register(HANA, practitioner);
  other = await register(NOBODYS, null);
  patientToken = (await claimPatient(server, 'hospital-a', known.fhirId)).token;
  clinician = await server.logIn('a.rossi');
  stranger = await server.logIn('a.mehta');
}, FOUNDING_MS);
afterAll(() => server[Symbol.asyncDispose]());

async function addPractitioner(): Promise<string> {
  const raw = JSON.stringify({ resourceType: 'Practitioner', name: [{ family: 'Rossi', given: ['Chiara'] }] });
  const answer = await server.send('POST', '/hospital-a/fhir/R4/Practitioner', {
    token: await server.logIn('a.rossi', { writing: true }),
    raw,
    type: 'application/fhir+json',
  });
  expect(answer.status, answer.text).toBe(201);
  return answer.json.id as string;
}

/** At the desk, with an encounter of today where a practitioner is named. */
async function register(person: Person, practitioner: string | null) {
  const patient = 'urn:uuid:00000000-0000-4000-8000-000000000001';
  const entries = [
    {
      fullUrl: patient,
      resource: {
        resourceType: 'Patient',
        identifier: [{ system: 'urn:test', value: person.number }],
        name: [{ family: person.family, given: [person.given] }],
        telecom: [{ system: 'phone', value: person.phone }],
        birthDate: person.birthDate,
      },
      request: { method: 'POST', url: 'Patient' },
    },
    ...(practitioner === null
      ? []
      : [
          {
            resource: {
              resourceType: 'Encounter',
              status: 'in-progress',
              class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
              subject: { reference: patient },
              participant: [{ individual: { reference: `Practitioner/${practitioner}` } }],
              period: { start: new Date(server.occasion().nowMs - 3_600_000).toISOString() },
              reasonCode: [{ text: 'Follow-up' }],
            },
            request: { method: 'POST', url: 'Encounter' },
          },
        ]),
  ];
  const token = await server.logIn('a.desk', { writing: true });
  const answer = await server.send('POST', '/hospital-a/fhir/R4', {
    token,
    raw: JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: entries }),
    type: 'application/fhir+json',
  });
  expect(answer.status, answer.text).toBe(200);
  const fhirId = (answer.json.entry[0].response.location as string).split('/')[1]!;
  const { json } = await server.send('GET', `${HOME}/patients/${fhirId}`, { token });
  return { fhirId, pid: json.pid as string };
}

const search = (token: string, body: object): Promise<Answer> =>
  server.send('POST', `${HOME}/patients/search`, { token, body });
const namesOf = ({ json, status, text }: Answer): readonly string[] => {
  expect(status, text).toBe(200);
  return (json.patients as { card: { name: string }; grade: string }[]).map(
    ({ card, grade }) => `${card.name} ${grade}`,
  );
};

describe('finding a patient', () => {
  it.each([
    [{ name: 'hana jovanovic' }, 'exact'],
    [{ name: 'Yovanovic, Hanna' }, 'alike'],
    [{ name: 'Jovanowitsch' }, 'remote'],
    [{ name: 'jovnaovic' }, 'alike'],
    [{ name: 'jov' }, 'alike'],
    [{ birthDate: '1961-04-09' }, 'exact'],
    [{ name: 'Jovanović', birthDate: '1961-09-04' }, 'alike'],
    [{ phone: '0099555123456' }, 'exact'],
    [{ phone: '+99 555 123456', name: 'hana' }, 'exact'],
    [{ identifier: 'A-17' }, 'exact'],
  ])('finds the one in care by %o', async (asked, grade) => {
    expect(namesOf(await search(clinician, asked))).toEqual([`Hana Jovanović ${grade}`]);
  });

  it('shows what tells people apart, and no more', async () => {
    const { json } = await search(clinician, { pid: known.pid });
    expect(json.patients[0].card).toEqual({
      ...known,
      name: 'Hana Jovanović',
      birthDate: '1961-04-09',
      gender: null,
      city: null,
      phoneEnd: '456',
      identifiers: ['A-17'],
    });
  });

  it('answers for a person in nobody’s care that the asker shares as for one who does not exist', async () => {
    const asked = [{ name: 'Hanna Jovanović', birthDate: '1988-01-02' }, { identifier: 'A-18' }, { pid: other.pid }];
    for (const body of asked) {
      expect((await search(stranger, body)).text).toBe((await search(stranger, { name: 'Nobody Atall' })).text);
    }
    expect(namesOf(await search(clinician, { pid: other.pid }))).toEqual([]);
    expect(namesOf(await search(await server.logIn('a.desk'), { name: 'hanna jovanovic' }))).toHaveLength(2);
  });

  it('refuses what describes nobody: it would list people', async () => {
    for (const body of [{}, { name: 'h' }, { name: '   ' }, { birthDate: '1961' }, { phone: '12' }]) {
      expect((await search(clinician, body)).status, JSON.stringify(body)).toBe(400);
    }
    expect((await search(patientToken, { name: 'hana' })).status).toBe(403);
    const foreign = await server.logIn('b.novak');
    expect((await search(foreign, { name: 'hana' })).status).toBe(403);
  });

  it('stands in the log of whoever was found, and in the organisation’s with what was asked', async () => {
    await search(clinician, { name: 'Yovanovic' });
    const own = await server.send('GET', `${HOME}/patient/audit?limit=1`, { token: patientToken });
    expect(own.json.lines[0].event).toMatchObject({ kind: 'search', who: { id: server.wallet('a.rossi').id } });
    expect(own.text).not.toContain('Yovanovic');
    const officer = await server.logIn('hospital-a.admin');
    const log = await server.send('GET', `${HOME}/audit?limit=5`, { token: officer });
    expect(log.text).toContain('name=Yovanovic');
    await search(stranger, { name: 'Nobody Atall' });
    expect((await server.send('GET', `${HOME}/audit?limit=1`, { token: officer })).text).toContain('Nobody');
  });
});

describe('my patients today', () => {
  const visits = (token: string, fromMs: number, untilMs: number): Promise<Answer> =>
    server.send('GET', `${HOME}/patients/today?fromMs=${fromMs}&untilMs=${untilMs}`, { token });

  it('are those of the encounters that name the member of staff', async () => {
    const nowMs = server.occasion().nowMs;
    const { json } = await visits(clinician, nowMs - DAY_MS / 2, nowMs + DAY_MS / 2);
    expect(json.visits).toMatchObject([
      { kind: 'encounter', status: 'in-progress', reason: 'Follow-up', patient: { name: 'Hana Jovanović' } },
    ]);
    expect(json.practitioners).toHaveLength(1);
  });

  it('are nobody for a colleague, and none of a day before the encounter', async () => {
    const nowMs = server.occasion().nowMs;
    expect((await visits(stranger, nowMs - DAY_MS / 2, nowMs + DAY_MS / 2)).json.visits).toEqual([]);
    expect((await visits(clinician, nowMs - 3 * DAY_MS, nowMs - 2 * DAY_MS)).json.visits).toEqual([]);
    expect((await visits(clinician, nowMs, nowMs + 2 * DAY_MS)).status).toBe(400);
  });
});

describe('what was asked of a patient in care', () => {
  const access = (token: string, fhirId: string): Promise<Answer> =>
    server.send('GET', `${HOME}/patients/${fhirId}/access`, { token });

  it('is told to who has the patient in care, with the requests, and stands in the patient’s log', async () => {
    const wallet = server.wallet('a.rossi');
    const asked = await accessRequest(wallet, server.occasion(), {
      pid: known.pid,
      grantee: { kind: 'person', organisation: 'hospital-a', id: wallet.id },
      categories: ['laboratory'],
      purposes: ['TREAT'],
      notAfterMs: null,
      text: 'Before surgery',
    });
    await server.send('POST', `${HOME}/requests`, { token: clinician, body: bodyOf(asked) });
    const { json } = await access(clinician, known.fhirId);
    expect(json).toMatchObject({
      pid: known.pid,
      grants: [],
      requests: [{ request: asked.request, requester: wallet.id, status: 'open', text: 'Before surgery' }],
    });
    const log = await server.send('GET', `${HOME}/patient/audit?limit=1`, { token: patientToken });
    expect(log.json.lines[0].event).toMatchObject({ kind: 'search', who: { id: wallet.id } });
  });

  it('is told to nobody else: not to a colleague, not to the desk that knows the patient by name', async () => {
    expect((await access(stranger, known.fhirId)).status).toBe(404);
    expect((await access(await server.logIn('a.desk'), known.fhirId)).status).toBe(404);
    expect((await access(clinician, other.fhirId)).status).toBe(404);
    expect((await access(clinician, 'nobody')).status).toBe(404);
  });
});

describe('locating somebody for an emergency', () => {
  const locate = (token: string, body: object): Promise<Answer> =>
    server.send('POST', `${HOME}/emergencies/locate`, { token, body: { reason: 'unconscious', ...body } });

  it('gives the pid of the one who is described, also to whom the patient is a stranger, and the patient sees it', async () => {
    const found = await locate(stranger, { name: 'jovanovic hana', birthDate: '1961-04-09' });
    expect(found.json).toEqual({ pid: known.pid });
    const { json } = await server.send('GET', `${HOME}/patient/audit?limit=1`, { token: patientToken });
    expect(json.lines[0].event).toMatchObject({ kind: 'search', purpose: 'ETREAT' });
    expect((await locate(stranger, { identifier: 'A-18' })).json).toEqual({ pid: other.pid });
  });

  it('wants all that names a person, a reason and a clinical role', async () => {
    expect((await locate(stranger, { name: 'jovanovic hana' })).status).toBe(400);
    expect((await locate(stranger, { name: 'jovanovic', birthDate: '1961-04-09' })).status).toBe(400);
    expect((await locate(stranger, { phone: '+99 555 123456' })).status).toBe(400);
    expect((await locate(stranger, { identifier: 'A-17', reason: 'curious' })).status).toBe(400);
    expect((await locate(await server.logIn('a.desk'), { identifier: 'A-17' })).status).toBe(403);
  });

  it('tells nothing of whom it does not find, and ends after ten in an hour', async () => {
    const nobody = await locate(clinician, { name: 'Nobody Atall', birthDate: '1961-04-09' });
    expect(nobody.status).toBe(404);
    for (let tries = 0; tries < 9; tries += 1) await locate(clinician, { identifier: `B-${tries}` });
    expect((await locate(clinician, { identifier: 'A-17' })).status).toBe(429);
  });
});
