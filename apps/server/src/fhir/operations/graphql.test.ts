import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, firstWritten, putInCare } from '../../../test/admitted.ts';
import { type Answer, chapterAt, openTestServer, type TestPatient, type TestServer } from '../../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
const BASE = '/hospital-a/fhir/R4';
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
let nurse: string;
let observation: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  const second = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 21));
  other = second;
  observation = firstWritten(second, 'Observation').split('/')[1]!;
  nurse = await server.logIn('a.nurse');
  await putInCare(server, { pid: patient.pid, account: 'a.nurse' });
});
afterAll(() => server[Symbol.asyncDispose]());

const ask = (query: string, token: string, place = ''): Promise<Answer> =>
  server.send('POST', `${BASE}${place}/$graphql`, { token, raw: JSON.stringify({ query }), type: 'application/json' });
const codeOf = ({ json }: Answer): string => json.issue[0].details.coding[0].code;

describe('$graphql', () => {
  it('reads resources, follows references and searches by arguments', async () => {
    const query = `{
      Patient(id: "${patient.fhirId}") { id name { family } ObservationList(_reference: "subject", _count: 3) { id subject { reference resource { ... on Patient { id } } } } }
      ConditionList(patient: "${patient.fhirId}") { id code { coding { code } } }
    }`;
    const { status, text, json } = await ask(query, nurse);
    expect(status, text).toBe(200);
    expect(json.errors).toBeUndefined();
    expect(json.data.Patient.id).toBe(patient.fhirId);
    expect(json.data.Patient.ObservationList.length).toBeGreaterThan(0);
    for (const found of json.data.Patient.ObservationList) expect(found.subject.resource.id).toBe(patient.fhirId);
    expect(json.data.ConditionList.length).toBeGreaterThan(0);
  });

  it('is asked of one resource, and by GET', async () => {
    const query = encodeURIComponent('{ id birthDate }');
    const { status, json } = await server.send('GET', `${BASE}/Patient/${patient.fhirId}/$graphql?query=${query}`, {
      token: nurse,
    });
    expect([status, json.data.id]).toEqual([200, patient.fhirId]);
  });

  it('shows nothing that may not be seen: not by id, list, reference, nor by what refers to it', async () => {
    const queries = [
      `{ Patient(id: "${other.fhirId}") { id name { family } } }`,
      `{ Observation(id: "${observation}") { id } }`,
      `{ PatientList(_id: "${other.fhirId}") { id } }`,
      `{ ObservationList(patient: "${other.fhirId}") { id } }`,
      `{ ObservationList(_id: "${observation}") { subject { resource { ... on Patient { id } } } } }`,
      `{ EncounterList(patient: "${other.fhirId}") { ObservationList(_reference: "encounter") { id } } }`,
    ];
    for (const query of queries) {
      for (const token of [nurse, patient.token]) {
        const { status, json, text } = await ask(query, token);
        expect(status, text).toBe(200);
        const found = Object.values(json.data as object).filter(
          (value) => value !== null && (value as unknown[]).length !== 0,
        );
        expect(found, query).toEqual([]);
      }
    }
    expect((await ask('{ id }', nurse, `/Patient/${other.fhirId}`)).status).toBe(404);
    expect((await ask('{ id }', nurse, '/Patient/nobody')).status).toBe(404);
    expect((await server.send('POST', `${BASE}/$graphql`, { raw: '{}', type: 'application/json' })).status).toBe(401);
  });

  it('refuses what is too deep or too much, before it runs', async () => {
    const step = (inner: string): string => `partOf { resource { ... on Organization { ${inner} } } }`;
    const deep = `{ OrganizationList(_count: 1) { ${Array.from({ length: 7 }).reduce<string>(step, 'id')} } }`;
    const wide = '{ PatientList(_count: 100) { ObservationList(_reference: "subject", _count: 100) { id status } } }';
    const bombs = `{ PatientList { ...a0 } } ${Array.from({ length: 30 }, (_, at) => `fragment a${at} on Patient { ${at === 29 ? 'id' : `...a${at + 1} x: id ...a${at + 1}`} }`).join(' ')}`;
    for (const query of [deep, wide, bombs, '{ __schema { types { name } } }']) {
      const answer = await ask(query, nurse);
      expect([answer.status, codeOf(answer)], query.slice(0, 60)).toEqual([400, 'too-costly']);
    }
    const long = `{ ${'a: PatientList { id } '.repeat(400)} }`;
    expect((await ask(long, nurse)).status).toBe(400);
  });

  it('counts a list with what its variable is, given or by default', async () => {
    const inner = 'ObservationList(_reference: "subject", _count: 100) { id status }';
    const byDefault = `query ($n: Int = 100) { PatientList(_count: $n) { ${inner} } }`;
    const given = `query ($n: Int) { PatientList(_count: $n) { ${inner} } }`;
    for (const [query, variables] of [
      [byDefault, {}],
      [given, { n: 100 }],
    ] as const) {
      const raw = JSON.stringify({ query, variables });
      const answer = await server.send('POST', `${BASE}/$graphql`, { token: nurse, raw, type: 'application/json' });
      expect([answer.status, codeOf(answer)], query).toEqual([400, 'too-costly']);
    }
    const raw = JSON.stringify({ query: byDefault, variables: { n: 1 } });
    const few = await server.send('POST', `${BASE}/$graphql`, { token: nurse, raw, type: 'application/json' });
    expect(few.status, few.text).toBe(200);
  });

  it('ends a query that opens too much before it has searched for all of it', async () => {
    const { vault } = server.node.organisations.get('hospital-a')!;
    const [before] = await vault.audit.list({ limit: 1 });
    const fields = Array.from(
      { length: 60 },
      (_, at) => `a${at}: ConditionList(_reference: "subject", _count: 1) { id }`,
    );
    const query = `{ ${Array.from({ length: 40 }, (_, at) => `p${at}: PatientList(_id: "${patient.fhirId}", _count: 1) { ...few }`).join(' ')} } fragment few on Patient { ${fields.join(' ')} }`;
    const answer = await ask(query, nurse);
    expect([answer.status, codeOf(answer)]).toEqual([400, 'too-costly']);
    const [after] = await vault.audit.list({ limit: 1 });
    expect(after!.seq - before!.seq).toBeLessThan(500);
  });

  it('reads only, and refuses what R4 does not have', async () => {
    for (const query of [
      'mutation { PatientDelete(id: "1") { id } }',
      'subscription { x }',
      '{ Patient(id: "1") { pid } }',
      '{ Horse(id: "1") { id } }',
      '{',
      '',
    ])
      expect((await ask(query, nurse)).status, query).toBe(400);
    const echoed = await ask('{ PatientList(_count: "Lindqvist") { id } }', nurse);
    expect([echoed.status, echoed.text.includes('Lindqvist')]).toEqual([400, false]);
    const badValue = await ask('{ ObservationList(date: "yesterday") { id } }', nurse);
    expect(badValue.json.data.ObservationList).toBeNull();
    expect(badValue.json.errors[0].message).not.toContain('yesterday');
    expect(
      (await ask('{ __type(name: "HumanName") { fields { name } } }', nurse)).json.data.__type.fields.length,
    ).toBeGreaterThan(5);
  });

  it('logs each patient whose resources it showed', async () => {
    await ask(`{ ConditionList(patient: "${patient.fhirId}") { id } }`, nurse);
    const { json } = await server.send('GET', `${A}/patient/audit?limit=1`, { token: patient.token });
    expect(json.lines[0].event).toMatchObject({ kind: 'search', who: { id: server.wallet('a.nurse').id } });
  });
});
