import { type FhirTree, validateForWrite } from '@salus/fhir';
import { grant, type KeyEnvelope } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, putInCare } from '../../../test/admitted.ts';
import {
  type Answer,
  bodyOf,
  chapterAt,
  grantAccess,
  openTestServer,
  revokeGrant,
  type TestPatient,
  type TestServer,
} from '../../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
const BASE = '/hospital-a/fhir/R4';
const FHIR = 'application/fhir+json';
let server: TestServer;
let patient: TestPatient;
let other: TestPatient;
let doctor: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 21));
  doctor = await server.logIn('a.rossi', { writing: true });
  await putInCare(server, { pid: patient.pid, account: 'a.rossi' });
});
afterAll(() => server[Symbol.asyncDispose]());

const search = (query: string, token: string): Promise<Answer> =>
  server.send('GET', `${BASE}/Consent${query}`, { token });
const resourcesOf = ({ json, status, text }: Answer): readonly FhirTree[] => {
  expect(status, text).toBe(200);
  return ((json.entry ?? []) as { resource: FhirTree }[]).map(({ resource }) => resource);
};
const asking = (fhirId: string, more: object = {}) => ({
  resourceType: 'Consent',
  status: 'active',
  scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
  category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
  patient: { reference: `Patient/${fhirId}` },
  policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }] },
  provision: {
    type: 'permit',
    purpose: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'TREAT' }],
    code: [{ coding: [{ system: 'urn:salus:category', code: 'medication' }] }],
    class: [{ system: 'http://hl7.org/fhir/resource-types', code: 'AllergyIntolerance' }],
  },
  ...more,
});
const post = (token: string, body: object): Promise<Answer> =>
  server.send('POST', `${BASE}/Consent`, { token, raw: JSON.stringify(body), type: FHIR });
const grantsOnLedger = async (pid: string) =>
  (await server.node.ledger.range(`grant/${pid}/`, `grant/${pid}0`, 100)).length;

describe('Consent', () => {
  it('shows a patient’s grants to the patient, as valid resources that say what the terms say', async () => {
    const reader = await server.logIn('b.novak');
    const { grant: id } = await grantAccess(server, patient, {
      to: 'hospital-b',
      reader,
      labelClasses: ['N', 'PSY'],
      maxUses: 3,
    });
    const answer = await search('?status=active', patient.token);
    const [consent, ...more] = resourcesOf(answer);
    expect(more).toEqual([]);
    expect(validateForWrite(consent!)).toEqual([]);
    expect(consent).toMatchObject({
      status: 'active',
      patient: { reference: `Patient/${patient.fhirId}` },
      provision: {
        actor: [{ reference: { identifier: { system: 'urn:salus:organisation', value: 'hospital-b' } } }],
        purpose: [{ code: 'TREAT' }],
        code: [{ coding: [{ code: 'medication' }] }],
        securityLabel: [{ code: 'N' }, { code: 'PSY' }],
      },
    });
    expect(answer.text).not.toContain(patient.pid);
    expect(
      (await server.send('GET', `${BASE}/Consent/${consent!.id as string}`, { token: patient.token })).json,
    ).toEqual(consent);
    await revokeGrant(server, patient, id);
    expect(resourcesOf(await search('?status=active', patient.token))).toEqual([]);
    expect(resourcesOf(await search('?status=inactive', patient.token))).toHaveLength(1);
  });

  it('makes a posted Consent a request that the patient reads, and never a grant', async () => {
    const before = await grantsOnLedger(patient.pid);
    const made = await post(doctor, asking(patient.fhirId));
    expect([made.status, made.json.status], made.text).toEqual([201, 'proposed']);
    expect(await grantsOnLedger(patient.pid)).toBe(before);
    const { json } = await server.send('GET', `${A}/patient/requests`, { token: patient.token });
    expect(json.requests[0]).toMatchObject({
      status: 'open',
      requester: server.wallet('a.rossi').id,
      asked: { categories: ['medication', 'allergies'], purposes: ['TREAT'] },
    });
    const seen = resourcesOf(await search(`?patient=${patient.fhirId}&status=proposed`, doctor));
    expect(seen.map(({ id }) => id)).toEqual([made.json.id]);
    expect(validateForWrite(seen[0]!)).toEqual([]);
  });

  it('notes in the log who of the staff looks, whether there is something to see or not', async () => {
    const { audit } = server.node.organisations.get('hospital-a')!.vault;
    for (const [account, pid] of [
      ['a.rossi', patient.pid],
      ['a.mehta', null],
    ] as const) {
      const query = `?patient=${patient.fhirId}`;
      resourcesOf(await search(query, await server.logIn(account)));
      const [line] = await audit.list({ limit: 1 });
      const who = { kind: 'member', id: server.wallet(account).id };
      expect(line?.event).toMatchObject({ kind: 'search', pid, who, query: `Consent${query}`, records: [] });
    }
  });

  it('takes the patient’s own signed call as a grant', async () => {
    const path = `${A}/patient`;
    const { json: keys } = await server.send('GET', `${path}/keys`, { token: patient.token });
    const { json: network } = await server.send('GET', '/api/v1/network');
    const listed = network.organisations.find((entry: { organisation: string }) => entry.organisation === 'hospital-b');
    const nowMs = server.occasion().nowMs;
    const made = await grant(patient.wallet, server.occasion(), {
      choice: {
        pid: patient.pid,
        categories: ['laboratory'],
        labelClasses: ['N'],
        purposes: ['TREAT'],
        notBeforeMs: nowMs,
        notAfterMs: nowMs + 86_400_000,
        grantee: { kind: 'organisation', organisation: 'hospital-b' },
      },
      envelopes: keys.keys as readonly KeyEnvelope[],
      recipients: listed.hpke,
    });
    const data = Buffer.from(JSON.stringify({ ...bodyOf(made), seals: made.seals })).toString('base64');
    const signed = { sourceAttachment: { contentType: 'application/vnd.salus.signed-call+json', data } };
    const foreign = await post(other.token, asking(other.fhirId, signed));
    expect(foreign.status, foreign.text).toBe(403);
    const answer = await post(patient.token, asking(patient.fhirId, signed));
    expect([answer.status, answer.json.status], answer.text).toEqual([201, 'active']);
    expect(answer.json.provision.code[0].coding[0].code).toBe('laboratory');
    patient.wallet = made.wallet;
  });

  it('takes nothing else of a patient, and nothing that says too little', async () => {
    expect((await post(patient.token, asking(patient.fhirId))).status).toBe(400);
    expect((await post(doctor, asking(patient.fhirId, { provision: { type: 'permit' } }))).status).toBe(400);
    expect((await post(doctor, { resourceType: 'Consent', status: 'active' })).status).toBe(422);
    expect((await post(doctor, asking('nobody'))).status).toBe(404);
  });

  it('shows nobody what a patient granted to others, and strangers nothing at all', async () => {
    const reader = await server.logIn('b.novak');
    await grantAccess(server, patient, { to: 'hospital-b', reader });
    const seen = resourcesOf(await search(`?patient=${patient.fhirId}`, doctor));
    expect(seen.every(({ status }) => status === 'proposed')).toBe(true);
    expect((await search('', doctor)).status).toBe(400);
    const stranger = await server.logIn('a.mehta');
    const desk = await server.logIn('a.desk');
    for (const token of [stranger, desk, other.token]) {
      const answer = await search(`?patient=${patient.fhirId}`, token);
      expect(resourcesOf(answer)).toEqual([]);
      expect(answer.json.total).toBeUndefined();
      expect((await post(token, asking(patient.fhirId))).status).toBe(404);
    }
  });
});
