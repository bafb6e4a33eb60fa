import type { AuditEvent } from '@salus/records';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FHIR_JSON, JSON_PATCH, placesOf, transaction } from '../../test/fhir-place.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  registerService,
  type SmartHospital,
  serviceToken,
} from '../../test/smart-hospital.ts';

const A = '/api/v1/orgs/hospital-a';
const SECRET = 'code-that-nobody-else-has';
const DUAL = {
  account: 'a.dual',
  roles: ['registrar', 'clinician'],
  family: 'Example',
  given: 'Dual',
  licence: 'a-dual',
};
let hospital: SmartHospital;
let doctor: string;
let dual: string;
/** Of one feed: one that may only create and update, and one that its scope lets do everything. */
let feeds: readonly string[];
let practitioners: Readonly<Record<'a.rossi' | 'a.dual', string>>;
let patient: string;
let condition: string;

beforeAll(async () => {
  hospital = await openSmartHospital(['hospital-a'], [DUAL]);
  const { server } = hospital;
  doctor = await server.logIn('a.rossi', { writing: true });
  dual = await server.logIn('a.dual', { writing: true });
  const service = await registerService(hospital, { scope: 'system/*.cruds', purpose: 'TREAT', roles: ['feed'] });
  const tokenFor = async (scope: string) => (await serviceToken(hospital, service, scope)).json.access_token as string;
  feeds = [await tokenFor('system/*.cu'), await tokenFor('system/*.cruds')];
  practitioners = { 'a.rossi': await practitionerFor('a.rossi'), 'a.dual': await practitionerFor('a.dual') };
  const person = 'urn:uuid:00000000-0000-4000-8000-00000000000b';
  const of = (type: string, resource: object) => ({
    resource: { resourceType: type, ...resource },
    request: { method: 'POST', url: type },
  });
  const entries = [
    { fullUrl: person, ...of('Patient', { name: [{ family: 'Samplesen' }], birthDate: '1980-01-01' }) },
    of('Encounter', encounter(practitioners['a.rossi'], person)),
    of('Condition', { subject: { reference: person }, code: { coding: [{ system: 'urn:example', code: SECRET }] } }),
  ];
  const admitted = await send(doctor, 'POST', '', { body: transaction(...entries) });
  if (admitted.status !== 200) throw new Error(admitted.text);
  [patient = '', , condition = ''] = placesOf(admitted.json).map((place) => place.replace(`${hospital.base}/`, ''));
}, 180_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

interface Sent {
  readonly body: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function send(token: string, method: string, path: string, sent?: Sent): Promise<HttpAnswer> {
  const { body, type = FHIR_JSON, headers = {} } = sent ?? { body: undefined };
  return ask(path === '' ? hospital.base : `${hospital.base}/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function patch(token: string, path: string, body: readonly object[]): Promise<HttpAnswer> {
  return send(token, 'PATCH', path, { body, type: JSON_PATCH });
}

const tested = (value: string) => ({ op: 'test', path: '/code/coding/0/code', value });
const FAILS = { op: 'test', path: '/id', value: 'another' };

function encounter(practitioner: string, subject: string): object {
  return {
    ...{ resourceType: 'Encounter', status: 'in-progress', subject: { reference: subject } },
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    participant: [{ individual: { reference: practitioner } }],
  };
}

async function practitionerFor(account: string): Promise<string> {
  const { server } = hospital;
  const { json } = await send(doctor, 'POST', 'Practitioner', { body: { resourceType: 'Practitioner', active: true } });
  const token = await server.logIn('hospital-a.admin');
  const body = { practitioner: json.id, person: server.wallet(account).id };
  const { status, text } = await server.send('POST', `${A}/practitioners`, { token, body });
  if (status !== 204) throw new Error(text);
  return `Practitioner/${json.id}`;
}

/** What the audit log gained meanwhile, oldest first. */
async function eventsOf(act: () => Promise<unknown>): Promise<readonly AuditEvent[]> {
  const { audit } = hospital.server.node.organisations.get('hospital-a')!.vault;
  const [last] = await audit.list({ limit: 1 });
  await act();
  const lines = await audit.list({ limit: 100 });
  return lines
    .filter(({ seq }) => seq > (last?.seq ?? -1))
    .map(({ event }) => event)
    .reverse();
}

async function pidOf(place: string): Promise<string> {
  const { patients } = hospital.server.node.organisations.get('hospital-a')!.vault;
  return (await patients.findByFhirId(place.split('/')[1]!))!.pid;
}

describe('who may update and not read', () => {
  it('patches nothing: no test of a patch tells what a record holds, and each refusal is logged', async () => {
    for (const feed of feeds) {
      const answers: HttpAnswer[] = [];
      const events = await eventsOf(async () => {
        for (const operations of [[], [tested(SECRET)], [tested('another'), FAILS], [tested(SECRET), FAILS]])
          answers.push(await patch(feed, condition, operations));
        const data = Buffer.from(JSON.stringify([tested(SECRET)])).toString('base64');
        const resource = { resourceType: 'Binary', contentType: JSON_PATCH, data };
        const request = { method: 'PATCH', url: condition };
        answers.push(await send(feed, 'POST', '', { body: transaction({ resource, request }) }));
      });
      expect(answers.map(({ status, json }) => [status, json.issue[0].details.coding[0].code])).toEqual(
        answers.map(() => [403, 'denied']),
      );
      expect(answers.some(({ text }) => text.includes(SECRET))).toBe(false);
      expect(events.map(({ kind, records }) => [kind, records.length])).toEqual(answers.map(() => ['refusal', 1]));
    }
    expect((await send(doctor, 'GET', condition)).headers.get('etag')).toBe('W/"1"');
  });

  it('still writes what it sends, and is answered with that', async () => {
    const body = { resourceType: 'Condition', subject: { reference: patient }, code: { text: 'sent' } };
    for (const feed of feeds) {
      const made = await send(feed, 'POST', 'Condition', { body });
      expect([made.status, made.json.code.text], made.text).toEqual([201, 'sent']);
      const place = `Condition/${made.json.id}`;
      const changed = { ...body, id: made.json.id, code: { text: 'sent again' } };
      const updated = await send(feed, 'PUT', place, { body: changed });
      expect([updated.status, updated.json.code.text], updated.text).toEqual([200, 'sent again']);
    }
  });
});

describe('who learns something by a write', () => {
  it('stands in the log as a reader when the patch fails', async () => {
    let answer: HttpAnswer | undefined;
    const events = await eventsOf(async () => {
      answer = await patch(doctor, condition, [tested(SECRET), FAILS]);
    });
    expect(answer?.status).toBe(422);
    const who = { kind: 'member', id: hospital.server.wallet('a.rossi').id };
    expect(events).toMatchObject([{ kind: 'read', outcome: 'ok', pid: await pidOf(patient), who, records: [{}] }]);
  });

  it('stands in the log as a searcher when If-None-Exist finds somebody, by name or by identifier', async () => {
    const identifier = [{ system: 'urn:example:number', value: 'number-1' }];
    const body = { resourceType: 'Patient', identifier, name: [{ family: 'Numbersen' }] };
    const made = await send(dual, 'POST', 'Patient', { body });
    expect(made.status, made.text).toBe(201);
    for (const [condition, found] of [
      ['family=Samplesen&birthdate=1980-01-01', patient],
      ['identifier=urn:example:number|number-1', `Patient/${made.json.id}`],
    ] as const) {
      const headers = { 'if-none-exist': condition, prefer: 'return=minimal' };
      let answer: HttpAnswer | undefined;
      const events = await eventsOf(async () => {
        answer = await send(dual, 'POST', 'Patient', { body, headers });
      });
      expect([answer?.status, answer?.headers.get('location')?.includes(found)]).toEqual([200, true]);
      const query = `Patient?${new URLSearchParams(condition).toString()}`;
      const [event, ...others] = events.map((one) => ({ ...one, query: decoded(one.query) }));
      expect([event, others]).toMatchObject([{ kind: 'search', pid: await pidOf(found), records: [{}] }, []]);
      expect(event?.query).toBe(decoded(query));
    }
  });

  it('stands in the log as a searcher when a conditional patch fails, found or not', async () => {
    const answers: number[] = [];
    const events = await eventsOf(async () => {
      for (const code of [SECRET, 'another'])
        answers.push((await patch(doctor, `Condition?patient=${patient}&code=${code}`, [FAILS])).status);
    });
    expect(answers).toEqual([422, 412]);
    const pid = await pidOf(patient);
    expect(events.map((event) => ({ ...event, query: decoded(event.query) }))).toMatchObject([
      { kind: 'search', pid, records: [{}], query: `Condition?patient=${patient}&code=${SECRET}` },
      { kind: 'read', pid, records: [{}] },
      { kind: 'search', pid: null, records: [], query: `Condition?patient=${patient}&code=another` },
    ]);
  });
});

describe('a registrar who is a clinician too', () => {
  it('puts nobody into their own care, by an encounter or an episode, alone or in a transaction', async () => {
    expect((await send(dual, 'GET', condition)).status).toBe(403);
    const own = encounter(practitioners['a.dual'], patient);
    const episode = {
      ...{ resourceType: 'EpisodeOfCare', status: 'active', patient: { reference: patient } },
      careManager: { reference: practitioners['a.dual'] },
    };
    const entry = { resource: own, request: { method: 'POST', url: 'Encounter' } };
    const answers: HttpAnswer[] = [];
    const events = await eventsOf(async () => {
      answers.push(await send(dual, 'POST', 'Encounter', { body: own }));
      answers.push(await send(dual, 'POST', 'EpisodeOfCare', { body: episode }));
      answers.push(await send(dual, 'POST', '', { body: transaction(entry) }));
    });
    expect(answers.map(({ status, json }) => [status, json.issue[0].details.coding[0].code])).toEqual(
      answers.map(() => [403, 'denied']),
    );
    expect(events.map(({ kind, outcome }) => [kind, outcome])).toEqual(
      answers.map(() => ['refusal', 'self-admission']),
    );
    expect((await send(dual, 'GET', condition)).status).toBe(403);
  });

  it('puts patients into a colleague’s care, and states their own once a colleague put the patient into it', async () => {
    const { server } = hospital;
    const others = await send(dual, 'POST', 'Encounter', { body: encounter(practitioners['a.rossi'], patient) });
    expect(others.status, others.text).toBe(201);
    const body = {
      ...{ pid: await pidOf(patient), person: server.wallet('a.dual').id },
      untilMs: server.occasion().nowMs + 3_600_000,
    };
    const assigned = await server.send('POST', `${A}/assignments`, { token: await server.logIn('a.desk'), body });
    expect(assigned.status, assigned.text).toBe(204);
    const own = await send(dual, 'POST', 'Encounter', { body: encounter(practitioners['a.dual'], patient) });
    expect(own.status, own.text).toBe(201);
    expect((await send(dual, 'GET', condition)).status).toBe(200);
  });
});

function decoded(query: string | undefined): string {
  return decodeURIComponent(query ?? '');
}
