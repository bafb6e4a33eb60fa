import { accessRequest, answer, grant, type KeyEnvelope, type ListedKey, sealToken } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { linkPractitioner } from '../../test/admitted.ts';
import { type Hook, openHook } from '../../test/hook.ts';
import {
  type Answer,
  bodyOf,
  grantAccess,
  logInPatient,
  openTestServer,
  readingBody,
  revokeGrant,
  type TestServer,
} from '../../test/hospital.ts';
import { A, B, BASE_A, FHIR_B, openTwoHospitals, type TwoHospitals } from '../../test/two-hospitals.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

let server: TestServer;
let story: TwoHospitals;
let doctor: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  story = await openTwoHospitals(server);
  doctor = await server.logIn('b.novak');
});
afterAll(() => server[Symbol.asyncDispose]());

/** The doctor asks the patient's pid here; the patient's wallet answers with a grant of the pid there. */
async function askAndAnswer(): Promise<string> {
  const { patient, ownPid } = story;
  const wallet = server.wallet('b.novak');
  const grantee = { kind: 'person', organisation: 'hospital-b', id: wallet.id } as const;
  const asked = await accessRequest(wallet, server.occasion(), {
    ...{
      pid: ownPid,
      grantee,
      categories: ['medication'],
      purposes: ['TREAT'],
      notAfterMs: null,
      text: 'for your visit',
    },
  });
  const sent = await server.send('POST', `${B}/requests`, { token: doctor, body: bodyOf(asked) });
  expect(sent.status, sent.text).toBe(200);
  const { json: keys } = await server.send('GET', `${A}/patient/keys`, { token: patient.token });
  const { json: network } = await server.send('GET', '/api/v1/network');
  const { hpke } = (network.organisations as { organisation: string; hpke: ListedKey[] }[]).find(
    ({ organisation }) => organisation === 'hospital-b',
  )!;
  const { nowMs } = server.occasion();
  const made = await grant(patient.wallet, server.occasion(), {
    choice: {
      ...{ pid: patient.pid, grantee, categories: ['medication'], labelClasses: ['N'], purposes: ['TREAT'] },
      ...{ notBeforeMs: nowMs, notAfterMs: nowMs + 3_600_000 },
    },
    envelopes: keys.keys as KeyEnvelope[],
    recipients: hpke,
  });
  const granted = await server.send('POST', `${A}/patient/grants`, {
    token: patient.token,
    body: { ...bodyOf(made), seals: made.seals },
  });
  expect(granted.status, granted.text).toBe(200);
  patient.wallet = made.wallet;
  const { envelope } = await sealToken(patient.wallet, made.terms.grant, hpke[0]!);
  const word = await answer(patient.wallet, server.occasion(), {
    ...{ pid: ownPid, request: asked.request, answer: 'granted' },
  });
  const token = await logInPatient(server, { wallet: patient.wallet, pid: ownPid, organisation: 'hospital-b' });
  const answered = await server.send('POST', `${B}/patient/answers`, {
    token,
    body: { ...bodyOf(word), tokens: [envelope] },
  });
  expect(answered.status, answered.text).toBe(200);
  return made.terms.grant;
}

it('links two patients by the patient’s own answer, and shows it once a session is open', async () => {
  const patientHere = (): Promise<{ readonly json: { readonly link?: unknown } }> =>
    server.send('GET', `${FHIR_B}/Patient/${story.ownId}`, { token: doctor });
  const id = await askAndAnswer();
  expect((await patientHere()).json.link).toBeUndefined();
  const { patient } = story;
  const body = await readingBody(server, { account: 'b.novak', token: doctor, patient, grant: id });
  const opened = await server.send('POST', `${B}/reads`, { token: doctor, body });
  expect(opened.status, opened.text).toBe(200);
  expect((await patientHere()).json.link).toEqual([
    { other: { reference: `${BASE_A}/${story.atA[0]}` }, type: 'seealso' },
  ]);
  const found = await server.send('GET', `${FHIR_B}/MedicationRequest?patient=${story.ownId}`, { token: doctor });
  expect(found.json.total).toBe(3);
  // Over, it is as if it had never been.
  server.clock.offsetMs += 16 * 60_000;
  const later = await server.logIn('b.novak');
  const after = await server.send('GET', `${FHIR_B}/MedicationRequest?patient=${story.ownId}`, { token: later });
  expect(after.json.total, after.text).toBe(1);
  const alone = await server.send('GET', `${FHIR_B}/Patient/${story.ownId}`, { token: later });
  expect(alone.json).not.toHaveProperty('link');
});

describe('a subscription of somebody who reads elsewhere', () => {
  const WAIT = { timeout: 60_000, interval: 100 };
  const FHIR = 'application/fhir+json';
  const SETTLED_MS = 10_000;
  const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
  let hook: Hook;
  let subscription: string;
  let theirDoctor: string;
  let grants: string[];

  beforeAll(async () => {
    hook = await openHook();
    await linkPractitioner(server, { account: 'a.rossi', practitioner: story.atA[1]! });
    theirDoctor = await server.logIn('a.rossi', { writing: true });
    doctor = await server.logIn('b.novak', { writing: true });
    grants = [await open('laboratory')];
  });
  afterAll(() => hook?.[Symbol.asyncDispose]());

  /** A new grant, and the doctor’s session under it. */
  async function open(category: 'laboratory' | 'vital-signs'): Promise<string> {
    const { patient, ownId } = story;
    const given = await grantAccess(server, patient, { to: 'hospital-b', reader: doctor, categories: [category] });
    expect(given.answer.status, given.answer.text).toBe(200);
    const asked = { account: 'b.novak', token: doctor, patient, grant: given.grant, categories: [category] };
    const body = { ...(await readingBody(server, asked)), patient: ownId };
    const opened = await server.send('POST', `${B}/reads`, { token: doctor, body });
    expect(opened.status, opened.text).toBe(200);
    return given.grant;
  }

  async function write(base: string, token: string, subject: string, category: string): Promise<string> {
    const coding = [{ system: CATEGORY, code: category }];
    const resource = {
      ...{
        resourceType: 'Observation',
        status: 'final',
        code: { text: 'Newsworthy' },
        subject: { reference: subject },
      },
      ...{ category: [{ coding }], effectiveDateTime: '2026-02-03', valueString: 'of note' },
    };
    const answer = await server.send('POST', `${base}/Observation`, {
      token,
      raw: JSON.stringify(resource),
      type: FHIR,
    });
    expect(answer.status, answer.text).toBe(201);
    return answer.json.id as string;
  }
  const writeThere = (category: string) => write('/hospital-a/fhir/R4', theirDoctor, story.atA[0]!, category);
  const writeHere = () => write(FHIR_B, doctor, `Patient/${story.ownId}`, 'laboratory');
  /** What the ledger told is asked for once its author keeps it for certain. */
  const settle = (): void => {
    server.clock.offsetMs += SETTLED_MS;
  };

  const ask = (path: string, token = doctor): Promise<Answer> => server.send('GET', `${FHIR_B}/${path}`, { token });
  /** References of all notifications, in order. */
  const told = (): readonly string[] =>
    hook.received.flatMap(({ body }) =>
      (JSON.parse(body).entry as { fullUrl: string }[]).slice(1).map(({ fullUrl }) => fullUrl.split(`${FHIR_B}/`)[1]!),
    );
  const sourceOf = async (name: string): Promise<string | undefined> =>
    ((await ask(name)).json as { meta?: { source?: string } }).meta?.source?.split('/_history')[0];

  it('tells of what comes there and may be seen, by a local id alone, and not of what was there before', async () => {
    const resource = {
      ...{ resourceType: 'Subscription', status: 'requested', reason: 'to be told' },
      ...{ criteria: `Observation?patient=${story.ownId}` },
      channel: { type: 'rest-hook', endpoint: hook.url, payload: FHIR },
    };
    const made = await server.send('POST', `${FHIR_B}/Subscription`, {
      ...{ token: doctor, raw: JSON.stringify(resource), type: FHIR },
    });
    expect(made.status, made.text).toBe(201);
    subscription = made.json.id as string;
    await vi.waitFor(() => expect(hook.received).toHaveLength(1), WAIT);
    await writeThere('vital-signs');
    const there = await writeThere('laboratory');
    settle();
    await vi.waitFor(() => expect(told()).toHaveLength(1), WAIT);
    expect(await sourceOf(told()[0]!)).toBe(`${BASE_A}/Observation/${there}`);
    expect((await ask(told()[0]!, await server.logIn('b.desk'))).status).toBe(404);
  });

  it('tells of what is newly granted', async () => {
    grants.push(await open('vital-signs'));
    settle();
    await vi.waitFor(() => expect(told()).toHaveLength(2), WAIT);
    expect(await sourceOf(told()[1]!)).toMatch(new RegExp(`^${BASE_A}/Observation/`));
    const { vault } = server.node.organisations.get('hospital-a')!;
    const lines = await vault.audit.list({ limit: 50 });
    const read = lines.find(({ event }) => event.kind === 'read' && event.grant === grants[1]);
    expect(read?.event).toMatchObject({ who: { id: server.wallet('b.novak').id }, purpose: 'TREAT' });
  });

  it('tells nothing once the grants are revoked, while the own records are told of as ever', async () => {
    for (const grant of grants) expect((await revokeGrant(server, story.patient, grant)).status).toBe(200);
    await writeThere('laboratory');
    await writeThere('vital-signs');
    settle();
    const own: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      own.push(`Observation/${await writeHere()}`);
      await vi.waitFor(() => expect(told()).toHaveLength(2 + own.length), WAIT);
    }
    expect(told().slice(2)).toEqual(own);
    const status = await ask(`Subscription/${subscription}/$status`);
    expect(status.text).toContain(`"valueString":"${2 + own.length}"`);
    for (const { body } of hook.received) {
      for (const secret of ['Newsworthy', 'of note', 'hospital-a', story.patient.pid, story.ownPid]) {
        expect(body).not.toContain(secret);
      }
    }
  });
});
