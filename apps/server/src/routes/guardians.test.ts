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
  staffAppointGuardian,
} from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  bodyOf,
  chapterAt,
  claimPatient,
  grantAccess,
  importChapter,
  openTestServer,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';

/** A founding and its people, on a machine that may be busy. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const A = '/api/v1/orgs/hospital-a';
const DAY_MS = 86_400_000;
let server: TestServer;
let patient: TestPatient;
/** Whose pid nobody has claimed. */
let child: { readonly pid: string; readonly fhirId: string };
let reader: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const { fhirId } = await importChapter(server, 'hospital-a');
  patient = await claimPatient(server, 'hospital-a', fhirId);
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
    const { call } = bodyOf(own) as { call: unknown };
    const bare = { call, privateArgs: { salt: hashTuple('test', 'salt'), values: {} } };
    expect((await server.send('POST', `${A}/guardians`, { body: bare })).status).toBe(400);
    expect((await logIn(wallet, patient.pid)).status).toBe(401);
  });
});

describe('a guardian whom the desk appoints for a child', () => {
  it('reads and grants for a pid that nobody has claimed, until the day it ends', async () => {
    const { wallet, device } = await newGuardian(child.pid);
    const untilMs = server.occasion().nowMs + DAY_MS;
    const choice = { ...said, pid: child.pid, device, scope: ['read', 'consent'], untilMs } as const;
    const clinician = await staffAppointGuardian(server.wallet('hospital-a.admin'), server.occasion(), choice);
    expect((await server.send('POST', `${A}/guardians`, { body: bodyOf(clinician) })).json.code).toBe('role-missing');
    const prepared = await staffAppointGuardian(server.wallet('a.desk'), server.occasion(), choice);
    const taken = await server.send('POST', `${A}/guardians`, { body: bodyOf(prepared) });
    expect(taken.status, taken.text).toBe(200);
    const { token } = (await logIn(wallet, child.pid)).json;
    const acting = { ...patient, ...child, wallet, token: token as string };
    const { answer } = await grantAccess(server, acting, { to: 'hospital-b', reader });
    expect(answer.status, answer.text).toBe(200);
    const desk = await server.logIn('a.desk');
    const listed = await server.send('GET', `${A}/guardians?patient=${child.fhirId}`, { token: desk });
    expect(listed.json.guardians).toMatchObject([{ by: 'organisation', state: 'active', appointed: said }]);
    const admin = await server.logIn('hospital-a.admin');
    expect((await server.send('GET', `${A}/guardians?patient=${child.fhirId}`, { token: admin })).status).toBe(403);

    server.clock.offsetMs += DAY_MS;
    expect((await server.send('GET', `${A}/patient/records`, { token: token as string })).status).toBe(401);
    expect((await logIn(wallet, child.pid)).status).toBe(401);
    const late = await endGuardian(wallet, server.occasion(), { pid: child.pid, kid: prepared.kid });
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(late) })).json.code).toBe('guardian-ended');
  });
});
