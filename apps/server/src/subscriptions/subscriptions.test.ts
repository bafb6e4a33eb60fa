import { once } from 'node:events';
import { connect } from 'node:net';
import { staffCall } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type AdmittedPatient, admitPatient, firstWritten, linkPractitioner } from '../../test/admitted.ts';
import { enrolFeed } from '../../test/feed.ts';
import { type Hook, openHook } from '../../test/hook.ts';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import { findFeedWriter } from '../hl7/feed-client.ts';
import { type EngineParts, SubscriptionEngine } from './engine.ts';
import { SubscriptionStore } from './subscription-store.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const BASE = '/hospital-a/fhir/R4';
const A = '/api/v1/orgs/hospital-a';
const FHIR = 'application/fhir+json';
const WAIT = { timeout: 60_000, interval: 50 };

let server: TestServer;
let hook: Hook;
let patient: AdmittedPatient;
let doctor: string;
let stranger: string;
let written = 0;

beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  hook = await openHook();
  patient = await admitPatient(server, 'hospital-a');
  doctor = await server.logIn('a.rossi', { writing: true });
  stranger = await server.logIn('a.mehta');
  await linkPractitioner(server, { account: 'a.rossi', practitioner: firstWritten(patient, 'Practitioner') });
});

afterAll(async () => {
  await hook[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

function observation(code: string): object {
  written += 1;
  const system = 'http://terminology.hl7.org/CodeSystem/observation-category';
  return {
    resourceType: 'Observation',
    status: 'final',
    category: [{ coding: [{ system, code: 'laboratory' }] }],
    code: { coding: [{ system: 'http://loinc.org', code }] },
    subject: { reference: `Patient/${patient.fhirId}` },
    valueQuantity: { value: written },
  };
}

function bundleOf(resource: object): object {
  const fullUrl = `urn:uuid:${crypto.randomUUID()}`;
  const entry = [{ fullUrl, resource, request: { method: 'POST', url: 'Observation' } }];
  return { resourceType: 'Bundle', type: 'transaction', entry };
}

/** Writes one Observation of the patient and tells its reference. */
async function write(code = '2345-7'): Promise<string> {
  const answer = await server.send('POST', BASE, {
    token: doctor,
    raw: JSON.stringify(bundleOf(observation(code))),
    type: FHIR,
  });
  expect(answer.status, answer.text).toBe(200);
  return answer.json.entry[0].response.location.split('/_history')[0];
}

const subscription = (overrides: object = {}, channel: object = {}): object => ({
  resourceType: 'Subscription',
  status: 'requested',
  reason: 'to be told',
  criteria: `Observation?patient=Patient/${patient.fhirId}&code=http://loinc.org|2345-7`,
  channel: { type: 'rest-hook', endpoint: hook.url, payload: FHIR, header: ['X-Secret: of the hook'], ...channel },
  ...overrides,
});

const post = (body: object, token = doctor) =>
  server.send('POST', `${BASE}/Subscription`, { token, raw: JSON.stringify(body), type: FHIR });

async function subscribe(body: object, token = doctor): Promise<string> {
  const answer = await post(body, token);
  expect(answer.status, answer.text).toBe(201);
  return answer.json.id;
}

async function statusOf(id: string, token = doctor): Promise<string> {
  return (await server.send('GET', `${BASE}/Subscription/${id}`, { token })).json.status;
}

/** What was told of one subscription, by kind. */
function told(id: string, kind: string): readonly ReturnType<typeof JSON.parse>[] {
  return hook.received
    .map(({ body }) => (body === '' ? undefined : JSON.parse(body)))
    .filter((bundle) => {
      const parameters = bundle?.entry[0].resource.parameter ?? [];
      const of = (name: string) => parameters.find((parameter: { name: string }) => parameter.name === name);
      return of('subscription')?.valueReference.reference.endsWith(`/${id}`) && of('type')?.valueCode === kind;
    });
}

const references = (id: string): readonly string[] =>
  told(id, 'event-notification').flatMap((bundle) =>
    bundle.entry.slice(1).map(({ fullUrl }: { fullUrl: string }) => fullUrl.split('/R4/')[1]),
  );

describe('a subscription', () => {
  it('shakes hands, tells what happened by id alone, and numbers it', async () => {
    const id = await subscribe(subscription());
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    expect(told(id, 'handshake')).toHaveLength(1);
    const reference = await write();
    await write('718-7');
    const second = await write();
    await vi.waitFor(() => expect(references(id)).toEqual([reference, second]), WAIT);
    const bodies = hook.received.map(({ body }) => body).join('');
    expect(bodies).not.toContain('valueQuantity');
    expect(bodies).not.toContain(patient.pid);
    expect(hook.received[0]?.headers['x-secret']).toBe('of the hook');
    const status = await server.send('GET', `${BASE}/Subscription/${id}/$status`, { token: doctor });
    expect(status.json.entry[0].resource.parameter).toContainEqual({
      name: 'events-since-subscription-start',
      valueString: '2',
    });
  });

  it('takes the topic with a filter, as the backport guide has it', async () => {
    const { baseUrl } = server.node.organisations.get('hospital-a')!;
    const url = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-filter-criteria';
    const id = await subscribe(
      subscription({
        criteria: `${baseUrl}/SubscriptionTopic/resource-change`,
        _criteria: { extension: [{ url, valueString: 'Observation?code=http://loinc.org|2345-7' }] },
      }),
    );
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    const reference = await write();
    await vi.waitFor(() => expect(references(id)).toEqual([reference]), WAIT);
  });

  it('tells nobody what they may not see, and stops when the patient denies it', async () => {
    const unseen = await subscribe(subscription(), stranger);
    const id = await subscribe(subscription());
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    await vi.waitFor(async () => expect(await statusOf(unseen, stranger)).toBe('active'), WAIT);
    const reference = await write();
    await vi.waitFor(() => expect(references(id)).toEqual([reference]), WAIT);
    const denied = await server.send('POST', `${A}/patient/denials`, {
      token: patient.token,
      body: { persons: [server.wallet('a.rossi').id], labelClasses: [] },
    });
    expect(denied.status, denied.text).toBe(200);
    const own = await subscribe(subscription(), patient.token);
    await vi.waitFor(async () => expect(await statusOf(own, patient.token)).toBe('active'), WAIT);
    const after = await writeAsFeed();
    await vi.waitFor(() => expect(references(own)).toEqual([after]), WAIT);
    expect(references(id)).toEqual([reference]);
    expect(references(unseen)).toEqual([]);
    const events = await server.send('GET', `${BASE}/Subscription/${unseen}/$status`, { token: stranger });
    expect(JSON.stringify(events.json)).toContain('"valueString":"0"');
    await server.send('DELETE', `${A}/patient/denials/${denied.json.denialId}`, { token: patient.token });
  });

  it('tells one subscriber while the endpoint of another does not answer', async () => {
    await using silent = await openHook();
    const stuck = await subscribe(subscription({}, { endpoint: silent.url }));
    const own = await subscribe(subscription(), patient.token);
    await vi.waitFor(async () => expect(await statusOf(stuck)).toBe('active'), WAIT);
    await vi.waitFor(async () => expect(await statusOf(own, patient.token)).toBe('active'), WAIT);
    silent.status = null;
    const reference = await write();
    await vi.waitFor(() => expect(silent.waiting).toBe(1), WAIT);
    await vi.waitFor(() => expect(references(own)).toEqual([reference]), WAIT);
    expect(silent.waiting).toBe(1);
    expect((await server.send('DELETE', `${BASE}/Subscription/${stuck}`, { token: doctor })).status).toBe(204);
  });

  it('tells nothing while a rollback of the ledger has no name, and what waited afterwards', async () => {
    const id = await subscribe(subscription());
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    const { guard } = server.node.organisations.get('hospital-a')!.vault;
    const asked = vi.spyOn(guard, 'isClosed', 'get').mockReturnValue(true);
    const reference = await write();
    const before = asked.mock.calls.length;
    await vi.waitFor(() => expect(asked.mock.calls.length).toBeGreaterThan(before + 2), WAIT);
    expect(references(id)).toEqual([]);
    asked.mockRestore();
    await vi.waitFor(() => expect(references(id)).toEqual([reference]), WAIT);
    expect((await server.send('DELETE', `${BASE}/Subscription/${id}`, { token: doctor })).status).toBe(204);
  });

  it('is its requester’s own', async () => {
    const id = await subscribe(subscription());
    for (const method of ['GET', 'DELETE'] as const) {
      expect((await server.send(method, `${BASE}/Subscription/${id}`, { token: stranger })).status).toBe(404);
    }
    const list = await server.send('GET', `${BASE}/Subscription`, { token: stranger });
    expect(JSON.stringify(list.json)).not.toContain(id);
    expect((await server.send('DELETE', `${BASE}/Subscription/${id}`, { token: doctor })).status).toBe(204);
    expect((await server.send('GET', `${BASE}/Subscription/${id}`, { token: doctor })).status).toBe(404);
  });

  it('goes nowhere that is not public, and promises nothing that it does not do', async () => {
    const endpoints = [
      ...['http://example.org/hook', 'https://10.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/latest'],
      ...['https://user:secret@example.org/', 'ftp://example.org/', 'https://[::ffff:10.0.0.1]/', 'nowhere'],
    ];
    for (const endpoint of endpoints) expect((await post(subscription({}, { endpoint }))).status, endpoint).toBe(400);
    const refused = [
      subscription({ criteria: 'Observation?subject:Patient.name=x' }),
      subscription({ criteria: 'Observation?_include=Observation:subject' }),
      subscription({ criteria: 'Nonsense?x=y' }),
      subscription({ criteria: 'Observation?nonsense=y' }),
      subscription({}, { type: 'email' }),
      subscription({}, { header: ['Host: elsewhere'] }),
    ];
    for (const body of refused) expect((await post(body)).status, JSON.stringify(body)).toBe(400);
    const url = 'http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content';
    const whole = { extension: [{ url, valueCode: 'full-resource' }] };
    expect((await post(subscription({}, { _payload: whole }))).status).toBe(400);
  });

  it('keeps what waits sealed over a restart, sends it in order, and gives up after its last attempt', async () => {
    const offset = { ms: 0 };
    const parts = engineParts({ nowMs: () => Date.now() + offset.ms });
    const { organisation } = parts;
    const id = crypto.randomUUID();
    const stored = {
      ...({ id, versionId: 1, status: 'requested', error: null, updatedMs: 0 } as const),
      requester: { kind: 'member', account: 'a.rossi', id: server.wallet('a.rossi').id, purpose: 'TREAT' } as const,
      fromSeq: await organisation.vault.changes.head(),
      resource: subscription() as never,
    };
    const first = await SubscriptionEngine.open(parts);
    await first.put(stored);
    await vi.waitFor(async () => expect((await first.store.find(id))?.status).toBe('active'), WAIT);
    hook.status = 503;
    const expected = [await write(), await write()];
    await vi.waitFor(async () => expect(await first.events(id)).toBe(2), WAIT);
    await first[Symbol.asyncDispose]();
    expected.push(await write());
    hook.status = 200;
    const second = await SubscriptionEngine.open(parts);
    await vi.waitFor(() => expect(references(id)).toEqual(expected), WAIT);
    hook.status = 503;
    await write();
    await vi.waitFor(async () => {
      offset.ms += 3_600_000;
      second.wake();
      expect((await second.store.find(id))?.status).toBe('error');
    }, WAIT);
    hook.status = 200;
    await second.delete(id);
    await second[Symbol.asyncDispose]();
  });

  it('reaches a websocket that was bound with a token, once', async () => {
    const port = await listen();
    const id = await subscribe(subscription({}, { type: 'websocket', endpoint: undefined, header: undefined }));
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    const answer = await server.send('GET', `${BASE}/Subscription/${id}/$get-ws-binding-token`, { token: doctor });
    const token = answer.json.parameter.find(({ name }: { name: string }) => name === 'token').valueString;
    const url = `ws://127.0.0.1:${port}${BASE}/$subscriptions`;
    const received: string[] = [];
    const socket = new WebSocket(url);
    socket.on('message', (data) => received.push(String(data)));
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(`bind-with-token ${token}`);
    await vi.waitFor(() => expect(received.join('')).toContain('"handshake"'), WAIT);
    const reference = await write();
    await vi.waitFor(() => expect(received.join('')).toContain(`/R4/${reference}`), WAIT);
    const thief = new WebSocket(url);
    const closed = new Promise<number>((resolve) => thief.on('close', resolve));
    await new Promise((resolve) => thief.on('open', resolve));
    thief.send(`bind-with-token ${token}`);
    expect(await closed).toBe(1008);
    socket.terminate();
  });

  it('takes no other upgrade, and answers what asks for one as it would without', async () => {
    const port = await listen();
    const ask = async (path: string, protocol: string): Promise<string> => {
      const socket = connect(port, '127.0.0.1');
      const host = `Host: 127.0.0.1:${port}`;
      socket.write(`GET ${path} HTTP/1.1\r\n${host}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
      const [answer] = await once(socket, 'data');
      socket.destroy();
      return String(answer).split('\r\n', 1)[0]!;
    };
    const elsewhere = ['//', '/%', '*', 'http://[', '/hospital-a/fhir/R4', '/unknown/fhir/R4/$subscriptions'];
    for (const path of elsewhere) expect(await ask(path, 'websocket'), path).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(await ask(`${BASE}/metadata`, 'h2c')).toBe('HTTP/1.1 200 OK');
    expect(await ask('//', 'h2c')).toBe('HTTP/1.1 404 Not Found');
  });

  it('is in error, and keeps no node from starting, where today’s settings refuse it', async () => {
    const id = await subscribe(subscription());
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    const endpoints = { listed: new Set<string>(), demonstration: false };
    await using engine = await SubscriptionEngine.open(engineParts({ endpoints }));
    expect(await engine.store.find(id)).toMatchObject({ status: 'error', error: expect.stringContaining('any more') });
    expect(
      (
        await server.send('PUT', `${BASE}/Subscription/${id}`, {
          ...{ token: doctor, raw: JSON.stringify({ ...subscription(), id }), type: FHIR },
        })
      ).status,
    ).toBe(200);
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
  });

  it('ends with the requester’s account', async () => {
    const id = await subscribe(subscription(), stranger);
    await vi.waitFor(async () => expect(await statusOf(id, stranger)).toBe('active'), WAIT);
    const admin = await server.logIn('hospital-a.admin');
    expect((await server.send('DELETE', `${A}/staff/a.mehta`, { token: admin })).status).toBe(204);
    const store = new SubscriptionStore(server.node.organisations.get('hospital-a')!.vault.documents);
    await vi.waitFor(async () => expect((await store.find(id))?.status).toBe('off'), WAIT);
  });

  it('ends with the requester’s enrolment', async () => {
    const id = await subscribe(subscription());
    await vi.waitFor(async () => expect(await statusOf(id)).toBe('active'), WAIT);
    const { call } = await staffCall(server.wallet('hospital-a.admin'), server.occasion(), {
      contract: 'membership',
      transaction: 'revoke',
      args: { id: server.wallet('a.rossi').id, reason: 'left' },
    });
    expect(await server.node.ledger.submit(call)).toMatchObject({ kind: 'committed' });
    const store = new SubscriptionStore(server.node.organisations.get('hospital-a')!.vault.documents);
    await vi.waitFor(async () => expect((await store.find(id))?.status).toBe('off'), WAIT);
  });
});

/** Of an engine beside the server's own. */
function engineParts(change: Partial<EngineParts>): EngineParts {
  return {
    organisation: server.node.organisations.get('hospital-a')!,
    endpoints: { listed: new Set(['127.0.0.1']), demonstration: false },
    recallApp: async () => undefined,
    nowMs: Date.now,
    onFailure: (error: unknown) => {
      throw error;
    },
    onSent: () => {},
    ...change,
  };
}

async function listen(): Promise<number> {
  const { server: http } = server.app;
  if (!http.listening) await server.app.listen({ host: '127.0.0.1', port: 0 });
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}

/** The patient's denial keeps the doctor out; a feed's result still comes. */
async function writeAsFeed(): Promise<string> {
  await enrolFeed(server, 'hospital-a', 'results');
  const organisation = server.node.organisations.get('hospital-a')!;
  const writer = (await findFeedWriter(organisation, 'results'))!;
  const caller = { kind: 'writer', writer, purpose: 'TREAT' } as const;
  const bundle = JSON.stringify(bundleOf(observation('2345-7')));
  const result = await organisation.vault.repository.transaction(caller, bundle, { again: true });
  if (result.kind !== 'committed') throw new Error(result.code);
  return `Observation/${result.outcomes[0]!.id}`;
}
