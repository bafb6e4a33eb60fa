import { emergencyRequest, grant, type ListedKey, locateRequest, reviewEmergency, sealPlaces } from '@salus/wallet';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { bodyOf, openTestServer, type TestPatient, type TestServer } from '../../test/hospital.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const A = '/api/v1/orgs/hospital-a';
const B = '/api/v1/orgs/hospital-b';
const DAY_MS = 86_400_000;
let server: TestServer;
let patient: TestPatient;
let novak: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  novak = await server.logIn('b.novak', { writing: true });
});
afterAll(() => server[Symbol.asyncDispose]());

it('tells whom the patient let where else there is something, for one signed request each time', async () => {
  const { json: network } = await server.send('GET', '/api/v1/network');
  const [recipient] = network.organisations.find(
    (entry: { organisation: string }) => entry.organisation === 'hospital-b',
  ).hpke as ListedKey[];
  const { nowMs } = server.occasion();
  const { id } = server.wallet('b.novak');
  const made = await grant(patient.wallet, server.occasion(), {
    choice: {
      ...{ pid: patient.pid, kind: 'locate', grantee: { kind: 'person', organisation: 'hospital-b', id } },
      ...{ categories: [], labelClasses: [], purposes: ['TREAT'], notBeforeMs: nowMs, notAfterMs: nowMs + DAY_MS },
    },
    ...{ envelopes: [], recipients: [recipient!] },
  });
  const place = { organisation: 'laboratory', pid: 'p'.repeat(22), categories: ['laboratory'], fromMs: 1, toMs: null };
  const sealed = await sealPlaces(made.wallet, made.terms.grant, recipient!, [place]);
  const body = { ...bodyOf(made), seals: [], places: sealed };
  const given = await server.send('POST', `${A}/patient/grants`, { token: patient.token, body });
  expect(given.status, given.text).toBe(200);
  const { terms, salt } = made;
  const ask = async (account: string, token: string) => {
    const asked = await locateRequest(server.wallet(account), server.occasion(), { token: terms, purpose: 'TREAT' });
    return server.send('POST', `${B}/places`, {
      token,
      body: { author: 'hospital-a', ...asked, token: { terms, salt } },
    });
  };
  const answer = await ask('b.novak', novak);
  expect(answer.json, answer.text).toEqual({ places: [place] });
  expect((await ask('b.desk', await server.logIn('b.desk'))).json.code).toBe('holder-mismatch');
  // Somebody else's request opens nothing for whoever brings it.
  expect((await ask('b.desk', novak)).json.code).toBe('not-permitted');
  const { json: audit } = await server.send('GET', `${A}/patient/audit`, { token: patient.token });
  const seen = audit.lines.map(({ event }: { event: { kind: string; who: { id?: string } } }) => [
    event.kind,
    event.who?.id,
  ]);
  expect(seen).toContainEqual(['session', id]);
});

/** More than anybody looks through: no traffic takes an emergency out of review. */
const LINES = 21_000;

async function logSearches(count: number): Promise<void> {
  const { audit, clock } = server.node.organisations.get('hospital-a')!.vault;
  const event = { kind: 'search', atMs: clock(), pid: null, who: null, purpose: 'TREAT', grant: null } as const;
  for (let at = 0; at < count; at += 3_000) {
    const lines = Array.from({ length: 3_000 }, () =>
      audit.append({ ...event, session: null, records: [], outcome: 'ok', request: null }),
    );
    await Promise.all(lines);
  }
}

it('lists emergency access for those who review it, with the clinician’s words, until it is reviewed', async () => {
  const rossi = await server.logIn('a.rossi');
  const { nowMs } = server.occasion();
  const asked = await emergencyRequest(server.wallet('a.rossi'), server.occasion(), {
    ...{ pid: patient.pid, role: 'clinician', reason: 'unconscious', text: 'found in the street' },
    ...{ untilMs: nowMs + DAY_MS / 24, card: null },
  });
  const opened = await server.send('POST', `${A}/emergencies`, {
    token: rossi,
    body: { author: 'hospital-a', ...asked, token: null },
  });
  expect(opened.status, opened.text).toBe(200);
  expect((await server.send('GET', `${A}/emergencies`, { token: rossi })).status).toBe(403);
  const admin = await server.logIn('hospital-a.admin');
  await logSearches(LINES);
  const { json } = await server.send('GET', `${A}/emergencies?state=open`, { token: admin });
  expect(json.emergencies).toMatchObject([
    {
      ...{ pid: patient.pid, emergency: opened.json.session, status: 'open', outcome: null, card: false },
      ...{ reason: 'unconscious', text: 'found in the street' },
      reader: { id: server.wallet('a.rossi').id, organisation: 'hospital-a', role: 'clinician' },
    },
  ]);
  const [{ pid, emergency, call: request }] = json.emergencies;
  const verdict = { pid, emergency, request, outcome: 'justified', finding: 'The patient was unconscious.' } as const;
  const reviewed = await reviewEmergency(server.wallet('hospital-a.admin'), server.occasion(), verdict);
  expect((await server.send('POST', `${A}/calls`, { body: bodyOf(reviewed) })).status).toBe(200);
  expect((await server.send('GET', `${A}/emergencies?state=open`, { token: admin })).json.emergencies).toEqual([]);
  const { json: after } = await server.send('GET', `${A}/emergencies?state=reviewed`, { token: admin });
  expect(after.emergencies).toMatchObject([{ status: 'reviewed', outcome: 'justified' }]);
});

it('names every category and sensitive class that a grant can leave out', async () => {
  const { json } = await server.send('GET', '/api/v1/categories');
  expect(json.categories).toContain('medication');
  expect(json.labelClasses).toContainEqual({ code: 'N', sensitive: false });
  expect(json.labelClasses).toContainEqual({ code: 'HIV', sensitive: true });
});
