import {
  accessRequest,
  answer,
  emergencyRequest,
  grant,
  type KeyEnvelope,
  type ListedKey,
  sealToken,
} from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { callsSince } from '../../test/calls-since.ts';
import {
  bodyOf,
  chapterAt,
  claimWith,
  importChapter,
  logInPatient,
  openTestServer,
  readingBody,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
const B = '/api/v1/orgs/hospital-b';
let server: TestServer;
let patient: TestPatient;
let atB: { readonly pid: string; readonly token: string };
let novak: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  novak = await server.logIn('b.novak', { writing: true });
  // The same person is a patient of the other hospital, under a pid that nothing links to the first.
  const other = await importChapter(server, 'hospital-b', chapterAt('hospital-b'));
  const organisation = 'hospital-b';
  const { pid, wallet } = await claimWith(server, patient.wallet, { organisation, fhirId: other.fhirId });
  patient.wallet = wallet;
  atB = { pid, token: await logInPatient(server, { wallet, pid, organisation }) };
});
afterAll(() => server[Symbol.asyncDispose]());

describe('a request for access', () => {
  const wanted = {
    grantee: { kind: 'person', organisation: 'hospital-b', id: '' },
    categories: ['laboratory', 'medication'],
    purposes: ['TREAT'],
    notAfterMs: null,
    text: 'May I see your medicines before the operation?',
  } as const;

  it('is asked under the requester’s own pid, read and answered by the patient, who grants less elsewhere', async () => {
    const wallet = server.wallet('b.novak');
    const grantee = { ...wanted.grantee, id: wallet.id };
    const asked = await accessRequest(wallet, server.occasion(), { ...wanted, grantee, pid: atB.pid });
    const sent = await server.send('POST', `${B}/requests`, { token: novak, body: bodyOf(asked) });
    expect(sent.status, sent.text).toBe(200);
    const { json: inbox } = await server.send('GET', `${B}/patient/requests`, { token: atB.token });
    expect(inbox.requests).toMatchObject([
      { status: 'open', requester: wallet.id, asked: { text: wanted.text, categories: wanted.categories } },
    ]);

    // The wallet maps the request to the pid of the other hospital, and grants medicines only, to the person who asked.
    const { json: keys } = await server.send('GET', `${A}/patient/keys`, { token: patient.token });
    const { json: network } = await server.send('GET', '/api/v1/network');
    const recipients = (network.organisations as { organisation: string; hpke: ListedKey[] }[]).find(
      ({ organisation }) => organisation === 'hospital-b',
    )!.hpke;
    const { nowMs } = server.occasion();
    const made = await grant(patient.wallet, server.occasion(), {
      choice: {
        pid: patient.pid,
        grantee,
        categories: ['medication'],
        labelClasses: ['N'],
        purposes: ['TREAT'],
        notBeforeMs: nowMs,
        notAfterMs: nowMs + 3_600_000,
      },
      envelopes: keys.keys as KeyEnvelope[],
      recipients,
    });
    const granted = await server.send('POST', `${A}/patient/grants`, {
      token: patient.token,
      body: { ...bodyOf(made), seals: made.seals },
    });
    expect(granted.status, granted.text).toBe(200);
    patient.wallet = made.wallet;
    const { envelope } = await sealToken(patient.wallet, made.terms.grant, recipients[0]!);
    const word = await answer(patient.wallet, server.occasion(), {
      pid: atB.pid,
      request: asked.request,
      answer: 'partly',
    });
    const answered = await server.send('POST', `${B}/patient/answers`, {
      token: atB.token,
      body: { ...bodyOf(word), tokens: [envelope] },
    });
    expect(answered.status, answered.text).toBe(200);

    const { json: found } = await server.send('GET', `${B}/tokens?pid=${atB.pid}&request=${asked.request}`, {
      token: novak,
    });
    expect(found.tokens).toMatchObject([
      { authorOrganisation: 'hospital-a', terms: { grant: made.terms.grant, categories: ['medication'] } },
    ]);
    const body = await readingBody(server, { account: 'b.novak', token: novak, patient, grant: made.terms.grant });
    expect((await server.send('POST', `${B}/reads`, { token: novak, body })).status).toBe(200);
    const { json: after } = await server.send('GET', `${B}/patient/requests`, { token: atB.token });
    expect(after.requests).toMatchObject([{ status: 'partly' }]);
    // A colleague is not the person of the grant, and is not even shown it.
    const colleague = await server.logIn('b.desk');
    expect((await server.send('GET', `${B}/tokens`, { token: colleague })).json.tokens).toEqual([]);
  });

  it('is refused when somebody else signed it, for a pid of another hospital, and without its words', async () => {
    const wallet = server.wallet('b.novak');
    const ask = async (pid: string, token: string, change: object = {}) => {
      const asked = await accessRequest(wallet, server.occasion(), {
        ...wanted,
        grantee: { ...wanted.grantee, id: wallet.id },
        pid,
      });
      const { status, json } = await server.send('POST', `${B}/requests`, {
        token,
        body: { ...bodyOf(asked), ...change },
      });
      return `${status} ${json.code as string}`;
    };
    expect(await ask(atB.pid, await server.logIn('b.desk'))).toBe('403 not-permitted');
    expect(await ask(patient.pid, novak)).toBe('403 caller-foreign');
    expect(await ask(atB.pid, novak, { privateArgs: { salt: 'A'.repeat(43), values: {} } })).toBe('400 bad-request');
  });

  it('takes no grant whose sealed keys the patient did not sign, and none of another pid', async () => {
    const { json: keys } = await server.send('GET', `${A}/patient/keys`, { token: patient.token });
    const { json: network } = await server.send('GET', '/api/v1/network');
    const recipients = (network.organisations as { organisation: string; hpke: ListedKey[] }[]).find(
      ({ organisation }) => organisation === 'hospital-b',
    )!.hpke;
    const { nowMs } = server.occasion();
    const grantee = { kind: 'organisation', organisation: 'hospital-b' } as const;
    const choice = {
      pid: patient.pid,
      grantee,
      categories: ['medication'],
      labelClasses: ['N'],
      purposes: ['TREAT'],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 3_600_000,
    } as const;
    const make = () =>
      grant(patient.wallet, server.occasion(), { choice, envelopes: keys.keys as KeyEnvelope[], recipients });
    const [one, two] = [await make(), await make()];
    const height = await server.node.ledger.height();
    const give = async (token: string, path: string, seals: object) => {
      const { status, json } = await server.send('POST', `${path}/patient/grants`, {
        token,
        body: { ...bodyOf(one), seals },
      });
      return `${status} ${json.code as string}`;
    };
    expect(one.seals.length).toBeGreaterThan(0);
    expect(await give(patient.token, A, two.seals)).toBe('400 bad-request');
    expect(await give(patient.token, A, [])).toBe('400 bad-request');
    expect(await give(atB.token, B, one.seals)).toBe('403 not-permitted');
    expect(await callsSince(server.node.ledger, height)).toEqual([]);
  });
});

describe('emergency access', () => {
  it('opens at once for a clinician, and the patient sees at once who, why and until when', async () => {
    const mehta = await server.logIn('a.mehta');
    const wallet = server.wallet('a.mehta');
    const untilMs = server.occasion().nowMs + 3_600_000;
    const need = {
      pid: patient.pid,
      role: 'clinician',
      reason: 'unconscious',
      text: 'Found in the street.',
      untilMs,
      card: null,
    };
    const { call, chain } = await emergencyRequest(wallet, server.occasion(), need);
    const opened = await server.send('POST', `${A}/emergencies`, {
      token: mehta,
      body: { author: 'hospital-a', call, chain, token: null },
    });
    expect(opened.status, opened.text).toBe(200);
    const session = opened.json.session as string;
    const listed = await server.send('GET', `${A}/reads/${session}/records`, { token: mehta });
    expect(listed.json.records.length).toBeGreaterThan(3);
    const { json: grants } = await server.send('GET', `${A}/patient/grants`, { token: patient.token });
    expect(grants.emergencies).toMatchObject([{ request: session, fact: { status: 'open', untilMs } }]);
    const { json: audit } = await server.send('GET', `${A}/patient/audit`, { token: patient.token });
    const emergency = (audit.lines as { event: { kind: string } }[]).find(({ event }) => event.kind === 'emergency');
    expect(emergency).toMatchObject({ event: { who: { id: wallet.id }, session } });
  });

  it('opens nothing for a registrar, nor from another organisation without the patient’s card', async () => {
    const open = async (account: string, role: string) => {
      const wallet = server.wallet(account);
      const token = await server.logIn(account);
      const untilMs = server.occasion().nowMs + 3_600_000;
      const need = { pid: patient.pid, role, reason: 'unconscious', text: '', untilMs, card: null };
      const { call, chain } = await emergencyRequest(wallet, server.occasion(), need);
      const path = `/api/v1/orgs/${wallet.organisation}/emergencies`;
      const { status, json } = await server.send('POST', path, {
        token,
        body: { author: 'hospital-a', call, chain, token: null },
      });
      return `${status} ${json.code as string}`;
    };
    expect(await open('a.desk', 'registrar')).toMatch(/^403 role-missing$/);
    expect(await open('a.desk', 'clinician')).toMatch(/^403 role-missing$/);
    expect(await open('b.novak', 'clinician')).toBe('403 card-required');
  });
});
