import { hashTuple } from '@salus/crypto';
import {
  answerChallenge,
  appointGuardian,
  createPatientWallet,
  derivedDeviceKeys,
  endGuardian,
  guardianOffer,
  keepWard,
  type PatientWallet,
  revoke,
  staffAppointGuardian,
} from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { assign } from '../../test/assign.ts';
import {
  type Answer,
  bodyOf,
  chapterAt,
  grantAccess,
  importChapter,
  openTestServer,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';
import { beginAppointment, reconcileAppointments } from '../appointments.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const A = '/api/v1/orgs/hospital-a';
const DAY_MS = 86_400_000;
/** Documents that no single look lists. */
const MORE_THAN_A_PAGE = 1_001;
let server: TestServer;
let patient: TestPatient;
/** Whose pid nobody has claimed. */
let child: { readonly pid: string; readonly fhirId: string };
let reader: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  const second = await importChapter(server, 'hospital-a', chapterAt('hospital-a', 8));
  const { vault } = server.node.organisations.get('hospital-a')!;
  child = { fhirId: second.fhirId, pid: (await vault.patients.findByFhirId(second.fhirId))!.pid };
  reader = await server.logIn('b.novak', { writing: true });
});
afterAll(() => server[Symbol.asyncDispose]());

const said = {
  guardian: { name: 'Greta Guardian', relation: 'daughter' },
  evidence: { kind: 'document', text: 'a power of attorney', digest: hashTuple('test', 'paper') },
  ends: { kind: 'date' },
} as const;

async function newGuardian(pid: string): Promise<{ wallet: PatientWallet; device: { readonly [key: string]: never } }> {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const { wallet } = await createPatientWallet(server.node.network, derivedDeviceKeys(secret));
  const { device } = await guardianOffer(wallet, { organisation: 'hospital-a', pid });
  const ward = { organisation: 'hospital-a', pid, scope: ['read', 'consent'], untilMs: 0, name: 'my ward' } as const;
  return { wallet: await keepWard(wallet, ward), device: device as never };
}

async function logIn(wallet: PatientWallet, pid: string): Promise<Answer> {
  const { kid } = wallet.content.wards!.find((ward) => ward.pid === pid)!;
  const { json } = await server.send('POST', `${A}/patient/challenge`, { body: { pid, kid } });
  const { signature } = await answerChallenge(wallet, { pid, challenge: json.challenge });
  return server.send('POST', `${A}/patient/login`, { body: { pid, kid, challenge: json.challenge, signature } });
}

describe('a guardian whom the patient appoints', () => {
  it('reads and grants within the scope, is seen at each act, and is out at once when it ends', async () => {
    const { wallet, device } = await newGuardian(patient.pid);
    const before = await logIn(wallet, patient.pid);
    expect([before.status, before.json.code]).toEqual([401, 'wrong-credentials']);
    const untilMs = server.occasion().nowMs + DAY_MS;
    const choice = { ...said, pid: patient.pid, device, scope: ['read', 'consent'], untilMs } as const;
    const appointed = await appointGuardian(patient.wallet, server.occasion(), choice);
    const taken = await server.send('POST', `${A}/guardians`, { body: bodyOf(appointed) });
    expect(taken.status, taken.text).toBe(200);

    const opened = await logIn(wallet, patient.pid);
    expect(opened.json).toMatchObject({ kind: 'patient', guardian: { scope: ['read', 'consent'], untilMs } });
    const token = opened.json.token as string;
    const { json } = await server.send('GET', `${A}/patient/records`, { token });
    expect(json.records.length).toBeGreaterThan(0);
    const text = await server.send('GET', `${A}/patient/records/${json.records[0].recordId}`, { token });
    expect(text.status).toBe(200);
    const acting: TestPatient = { ...patient, wallet, token };
    const { grant, answer } = await grantAccess(server, acting, { to: 'hospital-b', reader });
    expect(answer.status, answer.text).toBe(200);

    const seen = await server.send('GET', `${A}/patient/guardians`, { token: patient.token });
    const { kid } = appointed;
    expect(seen.json.guardians).toMatchObject([{ kid, state: 'active', by: 'patient', appointed: said }]);
    expect(seen.json.acts).toMatchObject([{ guardian: kid, transaction: 'consent.grant', args: { grant } }]);
    const { json: audit } = await server.send('GET', `${A}/patient/audit`, { token: patient.token });
    const looks = audit.lines.filter(({ event }: { event: { kind: string } }) => event.kind === 'read');
    expect(looks[0].event.who).toEqual({ kind: 'patient', pid: patient.pid, kid, guardian: true });

    const events = await server.send('GET', '/hospital-a/fhir/R4/AuditEvent?_count=50', { token: patient.token });
    expect(events.text).toContain(`"value":"${kid}"},"display":"a guardian of the patient"`);
    const closed = ['backup', 'denials', 'guardians'];
    for (const path of closed) {
      expect((await server.send('GET', `${A}/patient/${path}`, { token })).status, path).toBe(403);
    }
    const fhir = `/hospital-a/fhir/R4/Patient/${patient.fhirId}`;
    expect((await server.send('GET', fhir, { token })).status).toBe(403);

    const ended = await endGuardian(patient.wallet, server.occasion(), { pid: patient.pid, kid });
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(ended) })).status).toBe(200);
    await expect.poll(async () => (await server.send('GET', `${A}/patient/records`, { token })).status).toBe(401);
    expect((await logIn(wallet, patient.pid)).status).toBe(401);
    const again = await grantAccess(server, acting, { to: 'hospital-b', reader }).catch((error: unknown) => error);
    expect(again).toBeInstanceOf(Error);
  });

  it('is known by name also where the node broke off right after the commit: the next start settles it', async () => {
    const { ledger, organisations } = server.node;
    const { vault } = organisations.get('hospital-a')!;
    const choose = async () => {
      const { device } = await newGuardian(patient.pid);
      const untilMs = server.occasion().nowMs + DAY_MS;
      const choice = { ...said, pid: patient.pid, device, scope: ['read'], untilMs } as const;
      const { kid, call, privateArgs } = await appointGuardian(patient.wallet, server.occasion(), choice);
      return { kid, given: { call, privateArgs: privateArgs! } };
    };
    const committed = await choose();
    expect(await beginAppointment(vault, committed.given)).toBe(true);
    expect(await ledger.submit(committed.given.call, committed.given.privateArgs)).toMatchObject({ kind: 'committed' });
    const never = await choose();
    expect(await beginAppointment(vault, never.given)).toBe(true);
    const shown = async () => {
      const { json } = await server.send('GET', `${A}/patient/guardians`, { token: patient.token });
      return json.guardians.find(({ kid }: { kid: string }) => kid === committed.kid).appointed;
    };
    expect(await shown()).toBeNull();
    await reconcileAppointments(vault);
    expect(await shown()).toEqual(said);
    // What may still be committed waits.
    expect(await vault.documents.list('guardian-pending')).toHaveLength(1);
    await reconcileAppointments({ ...vault, clock: () => server.occasion().nowMs + DAY_MS });
    expect(await vault.documents.list('guardian-pending')).toEqual([]);
    const ended = await endGuardian(patient.wallet, server.occasion(), { pid: patient.pid, kid: committed.kid });
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(ended) })).status).toBe(200);
  });

  it('leaves no words of who may not appoint, and of nobody for longer than a call may wait', async () => {
    const { ledger, organisations } = server.node;
    const { vault } = organisations.get('hospital-a')!;
    const { device } = await newGuardian(patient.pid);
    const { nowMs } = server.occasion();
    const choice = { ...said, pid: patient.pid, device, scope: ['read'], untilMs: nowMs + DAY_MS } as const;
    const submit = ledger.submit.bind(ledger);
    const kept = async () =>
      (await vault.documents.list('guardian-pending')) as unknown as { value: { notAfter: number } }[];
    const send = async (account: string, notAfter?: number) => {
      const { call, privateArgs } = await staffAppointGuardian(server.wallet(account), server.occasion(), choice);
      const payload = { ...call.payload, notAfter: notAfter ?? call.payload.notAfter };
      if (notAfter !== undefined) {
        expect(await beginAppointment(vault, { call: { ...call, payload }, privateArgs: privateArgs! })).toBe(true);
        return;
      }
      const answer = await server.send('POST', `${A}/guardians`, { body: bodyOf({ call, privateArgs: privateArgs! }) });
      expect(answer.status).toBe(500);
    };
    // It breaks off: nobody knows whether it was committed, so what was kept stays.
    ledger.submit = (call, ...rest) =>
      call.payload.transaction === 'appointGuardian'
        ? Promise.reject(new Error('the ledger went away'))
        : submit(call, ...rest);
    try {
      await send('a.rossi');
      expect(await kept()).toEqual([]);
      await send('a.desk');
      expect(await kept()).toHaveLength(1);
    } finally {
      ledger.submit = submit;
    }
    await send('a.desk', Number.MAX_SAFE_INTEGER);
    const lasting = await kept();
    expect(lasting).toHaveLength(2);
    expect(lasting.every(({ value }) => value.notAfter < nowMs + 2 * DAY_MS)).toBe(true);
    const [one] = lasting;
    const names = Array.from({ length: MORE_THAN_A_PAGE }, (_, at) => `late-${at}`);
    await Promise.all(names.map((name) => vault.documents.put('guardian-pending', name, one!.value as never)));
    await reconcileAppointments({ ...vault, clock: () => server.occasion().nowMs + 3 * DAY_MS });
    expect(await kept()).toEqual([]);
  });

  it('is forged by nobody: the node, another patient, staff, or a key of the forger’s own', async () => {
    const { wallet, device } = await newGuardian(patient.pid);
    const untilMs = server.occasion().nowMs + DAY_MS;
    const choice = { ...said, pid: patient.pid, device, scope: ['read'], untilMs } as const;
    const desk = await staffAppointGuardian(server.wallet('a.desk'), server.occasion(), choice);
    expect((await server.send('POST', `${A}/guardians`, { body: bodyOf(desk) })).json.code).toBe('patient-claimed');
    const self = await appointGuardian(wallet, server.occasion(), choice);
    expect((await server.send('POST', `${A}/guardians`, { body: bodyOf(self) })).json.code).toBe('signer-unknown');
    const own = await appointGuardian(patient.wallet, server.occasion(), choice);
    const swapped = structuredClone(bodyOf(own)) as { privateArgs: { values: { appointed: { guardian: object } } } };
    swapped.privateArgs.values.appointed.guardian = { name: 'Mallory', relation: 'friend' };
    expect((await server.send('POST', `${A}/guardians`, { body: swapped })).json.code).toBe('private-mismatch');
    const { vault } = server.node.organisations.get('hospital-a')!;
    expect(await vault.documents.list('guardian-pending')).toEqual([]);
    const open = await server.send('POST', `${A}/calls`, { body: bodyOf(own) });
    expect([open.status, open.json.code]).toEqual([400, 'own-route']);
    const { call } = bodyOf(own) as { call: unknown };
    const bare = { call, privateArgs: { salt: hashTuple('test', 'salt'), values: {} } };
    expect((await server.send('POST', `${A}/guardians`, { body: bare })).status).toBe(400);
    expect((await logIn(wallet, patient.pid)).status).toBe(401);
  });
});

describe('what a guardian does', () => {
  let greta: PatientWallet;
  let kid: string;
  let token: string;
  let untilMs: number;
  beforeAll(async () => {
    const { wallet, device } = await newGuardian(patient.pid);
    untilMs = server.occasion().nowMs + DAY_MS;
    const choice = { ...said, pid: patient.pid, device, scope: ['read', 'consent', 'share'], untilMs } as const;
    const appointed = await appointGuardian(patient.wallet, server.occasion(), choice);
    await server.send('POST', `${A}/guardians`, { body: bodyOf(appointed) });
    greta = wallet;
    kid = appointed.kid;
    token = (await logIn(greta, patient.pid)).json.token;
  });

  it('is shown to the last act, however many there are, and hides no grant behind ids of its choice', async () => {
    const acting: TestPatient = { ...patient, wallet: greta, token };
    const { grant } = await grantAccess(server, acting, { to: 'hospital-b', reader });
    for (let number = 0; number < 205; number += 1) {
      const unknown = `-${String(number).padStart(21, 'A')}`;
      const call = await revoke(greta, server.occasion(), { pid: patient.pid, grant: unknown });
      const { status, text } = await server.send('POST', `${A}/calls`, { body: bodyOf(call) });
      expect(status, text).toBe(200);
    }
    const pageOf = (query: string) => server.send('GET', `${A}/patient/guardians${query}`, { token: patient.token });
    const { json: first } = await pageOf('');
    expect(first.acts.length).toBe(200);
    const { json: second } = await pageOf(`?before=${first.next}`);
    expect(second.next).toBeNull();
    const acts = [...first.acts, ...second.acts];
    const own = acts.filter(({ guardian }) => guardian === kid);
    expect(new Set(own.map(({ callId }) => callId)).size).toBe(206);
    expect(own.filter(({ args }) => args.grant === grant).length).toBe(1);
    const times = acts.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((left, right) => right - left));
    const { json } = await server.send('GET', `${A}/patient/grants`, { token: patient.token });
    const isActive = (held: { fact: { status: string } }): boolean => held.fact.status === 'active';
    const actives = json.grants.filter(isActive).length;
    expect(json.grants.slice(0, actives).every(isActive)).toBe(true);
    expect(json.grants.slice(0, actives).map((held: { grant: string }) => held.grant)).toContain(grant);
  });

  it('ends for a while where there is too much of it, and the patient’s own never', async () => {
    let refused: Answer | undefined;
    const send = async (wallet: PatientWallet, number: number): Promise<Answer> => {
      const unknown = `_${String(number).padStart(21, 'A')}`;
      const call = await revoke(wallet, server.occasion(), { pid: patient.pid, grant: unknown });
      return server.send('POST', `${A}/calls`, { body: bodyOf(call) });
    };
    for (let number = 0; number < 40 && refused === undefined; number += 1) {
      const answer = await send(greta, number);
      if (answer.status !== 200) refused = answer;
    }
    expect([refused?.status, refused?.json.code]).toEqual([429, 'too-many-requests']);
    expect((await send(patient.wallet, 100)).status).toBe(200);
  });

  it('makes links that end with the guardianship and name its key', async () => {
    const jwe = 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn';
    const files = [{ contentType: 'application/fhir+json', jwe }];
    const body = { files, expiresMs: untilMs + 300 * DAY_MS, passcode: null, flags: '' };
    const made = await server.send('POST', `${A}/patient/health-links`, { token, body });
    expect(made.json.expiresMs, made.text).toBe(untilMs);
    const path = new URL(made.json.url as string).pathname;
    const open = () => server.send('POST', path, { body: { recipient: 'Somebody' } });
    expect((await open()).status).toBe(200);
    const listed = () => server.send('GET', `${A}/patient/health-links`, { token: patient.token });
    expect((await listed()).json.links).toMatchObject([{ guardian: kid, state: 'active', expiresMs: untilMs }]);
    const ended = await endGuardian(patient.wallet, server.occasion(), { pid: patient.pid, kid });
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(ended) })).status).toBe(200);
    expect((await open()).status).toBe(404);
    expect((await listed()).json.links).toMatchObject([{ guardian: kid, state: 'revoked' }]);
  });
});

describe('a guardian whom the desk appoints for a child', () => {
  it('reads and grants for a pid that nobody has claimed, until the day it ends', async () => {
    const { wallet, device } = await newGuardian(child.pid);
    const untilMs = server.occasion().nowMs + DAY_MS;
    const choice = { ...said, pid: child.pid, device, scope: ['read', 'consent'], untilMs } as const;
    for (const account of ['hospital-a.admin', 'a.rossi']) {
      const other = await staffAppointGuardian(server.wallet(account), server.occasion(), choice);
      expect((await server.send('POST', `${A}/guardians`, { body: bodyOf(other) })).json.code).toBe('role-missing');
    }
    const evidence = { kind: 'other', text: '', digest: null } as const;
    const bare = await staffAppointGuardian(server.wallet('a.desk'), server.occasion(), { ...choice, evidence });
    expect((await server.send('POST', `${A}/guardians`, { body: bodyOf(bare) })).json.code).toBe('args-invalid');
    const prepared = await staffAppointGuardian(server.wallet('a.desk'), server.occasion(), choice);
    const taken = await server.send('POST', `${A}/guardians`, { body: bodyOf(prepared) });
    expect(taken.status, taken.text).toBe(200);
    const { token } = (await logIn(wallet, child.pid)).json;
    const { json: audit } = await server.send('GET', `${A}/patient/audit`, { token: token as string });
    const events = audit.lines.map(({ event }: { event: object }) => event);
    expect(events).toContainEqual(
      expect.objectContaining({
        ...{ kind: 'registration', pid: child.pid, query: 'patient.appointGuardian', outcome: 'ok' },
        who: expect.objectContaining({ id: server.wallet('a.desk').id }),
      }),
    );
    const acting = { ...patient, ...child, wallet, token: token as string };
    const { answer } = await grantAccess(server, acting, { to: 'hospital-b', reader });
    expect(answer.status, answer.text).toBe(200);
    const desk = await server.logIn('a.desk');
    const listed = await server.send('GET', `${A}/guardians?patient=${child.fhirId}`, { token: desk });
    expect(listed.json.guardians).toMatchObject([{ by: 'organisation', state: 'active', appointed: said }]);
    const admin = await server.logIn('hospital-a.admin');
    expect((await server.send('GET', `${A}/guardians?patient=${child.fhirId}`, { token: admin })).status).toBe(403);

    // Whoever sees the patient learns who acts for them; what was shown at the desk is the desk's.
    const look = async () => {
      const clinician = await server.logIn('a.rossi');
      return server.send('GET', `${A}/guardians?patient=${child.fhirId}`, { token: clinician });
    };
    expect((await look()).json.code).toBe('not-found');
    const hospital = server.node.organisations.get('hospital-a')!;
    const { nowMs } = server.occasion();
    await assign(hospital, { id: child.fhirId, actor: server.wallet('a.rossi').id, nowMs });
    const seen = await look();
    const shown = seen.json.guardians?.[0]?.appointed;
    expect(shown).toEqual({ ...said, evidence: { kind: 'document', text: '', digest: null } });
    const denial = { persons: [server.wallet('a.rossi').id], labelClasses: [] };
    await hospital.vault.access.denials.deny({ kind: 'patient', pid: child.pid, kid: prepared.kid }, denial);
    expect((await look()).json.code).toBe('not-found');

    server.clock.offsetMs += DAY_MS;
    expect((await server.send('GET', `${A}/patient/records`, { token: token as string })).status).toBe(401);
    expect((await logIn(wallet, child.pid)).status).toBe(401);
    const late = await endGuardian(wallet, server.occasion(), { pid: child.pid, kid: prepared.kid });
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(late) })).json.code).toBe('guardian-ended');
  });
});
