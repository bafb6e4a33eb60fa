import { newNonce } from '@salus/crypto';
import { sealToken } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import {
  grantAccess,
  openTestServer,
  readingBody,
  revokeGrant,
  type TestPatient,
  type TestServer,
} from '../../test/hospital.ts';

let server: TestServer;
let patient: TestPatient;
let reader: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  reader = await server.logIn('b.novak');
});
afterAll(() => server[Symbol.asyncDispose]());

const READS = '/api/v1/orgs/hospital-b/reads';

describe('a patient’s record between two hospitals', () => {
  it('is read under a grant, and no longer after its revocation, in the open session too', async () => {
    const { grant, answer } = await grantAccess(server, patient, { to: 'hospital-b', reader });
    expect(answer.status, answer.text).toBe(200);
    const body = await readingBody(server, { account: 'b.novak', token: reader, patient, grant });
    const opened = await server.send('POST', READS, { token: reader, body });
    expect(opened.status, opened.text).toBe(200);
    const session = `${READS}/${opened.json.session as string}`;
    const listed = await server.send('GET', `${session}/records`, { token: reader });
    expect(listed.status, listed.text).toBe(200);
    expect(listed.json.records.map(({ type }: { type: string }) => type)).toEqual(['MedicationRequest']);
    const { recordId } = listed.json.records[0] as { recordId: string };
    const read = await server.send('GET', `${session}/records/${recordId}`, { token: reader });
    expect(read.type).toContain('application/fhir+json');
    expect(read.json).toMatchObject({ resourceType: 'MedicationRequest', status: 'active' });
    const practitioner = await server.send(
      'GET',
      `${session}/records/${recordId}/reference?reference=${encodeURIComponent(read.json.requester.reference)}`,
      { token: reader },
    );
    expect(practitioner.json).toMatchObject({ resourceType: 'Practitioner' });
    const several = await server.send('POST', `${session}/records`, { token: reader, body: { records: [recordId] } });
    expect(several.type).toContain('application/fhir+json');
    expect(several.text).toBe(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":${read.text}}]}`);
    for (const records of [[], [recordId, recordId], Array(101).fill(recordId)]) {
      const refused = await server.send('POST', `${session}/records`, { token: reader, body: { records } });
      expect([refused.status, refused.json.code]).toEqual([400, 'bad-request']);
    }
    const unknown = await server.send('POST', `${session}/records`, {
      token: reader,
      body: { records: [recordId, 'A'.repeat(22)] },
    });
    expect([unknown.status, unknown.json.code]).toEqual([404, 'not-found']);
    expect((await revokeGrant(server, patient, grant)).status).toBe(200);
    const late = await server.send('POST', `${session}/records`, { token: reader, body: { records: [recordId] } });
    expect([late.status, late.json.code]).toEqual([403, 'grant-revoked']);
    const after = await server.send('GET', `${session}/records/${recordId}`, { token: reader });
    expect([after.status, after.json.code]).toEqual([403, 'grant-revoked']);
    const again = await server.send('POST', READS, {
      token: reader,
      body: await readingBody(server, { account: 'b.novak', token: reader, patient, grant }),
    });
    expect(again.status).toBeGreaterThanOrEqual(400);
  });

  it('shows the patient who read and who was refused, with why and when', async () => {
    const { json } = await server.send('GET', '/api/v1/orgs/hospital-a/patient/audit', { token: patient.token });
    const events = json.lines.map(
      ({ event }: { event: { kind: string; outcome: string } }) => `${event.kind}:${event.outcome}`,
    );
    expect(events).toContain('read:ok');
    expect(events).toContain('refusal:grant-revoked');
    expect(events).toContain('write:ok');
    const { id } = server.wallet('b.novak');
    const read = json.lines.find(({ event }: { event: { kind: string } }) => event.kind === 'read').event;
    expect(read).toMatchObject({
      who: { id, organisation: 'hospital-b', roles: ['clinician'] },
      purpose: 'TREAT',
      pid: patient.pid,
    });
  });

  it('opens nothing for another purpose, category, person or organisation: each refusal has its code', async () => {
    const { grant } = await grantAccess(server, patient, { to: 'hospital-b', reader });
    const open = async (change: object) => {
      const body = await readingBody(server, { account: 'b.novak', token: reader, patient, grant, ...change });
      const { status, json } = await server.send('POST', READS, { token: reader, body });
      return [status, json.code];
    };
    expect(await open({ purpose: 'HRESCH' })).toEqual([403, 'purpose-mismatch']);
    expect(await open({ categories: ['laboratory'] })).toEqual([403, 'category-not-granted']);
    const desk = await server.logIn('b.desk');
    const body = await readingBody(server, { account: 'b.novak', token: reader, patient, grant });
    expect((await server.send('POST', READS, { token: desk, body })).json).toMatchObject({ code: 'not-permitted' });
    const opened = await server.send('POST', READS, { token: reader, body });
    const records = `${READS}/${opened.json.session as string}/records`;
    expect((await server.send('GET', records, { token: desk })).json).toMatchObject({ code: 'not-found' });
    const home = await server.logIn('a.rossi');
    expect((await server.send('GET', records, { token: home })).json).toMatchObject({ code: 'not-permitted' });
    expect((await server.send('GET', records, { token: reader })).status).toBe(200);
    // The same signed request again finds its session and opens no second one.
    const replayed = await server.send('POST', READS, { token: reader, body });
    expect(replayed.json.session).toBe(opened.json.session);
  });
});

describe('the token of a grant that a page cannot bring to the grantee’s node', () => {
  const A = '/api/v1/orgs/hospital-a/patient';
  const handOn = (token: string | undefined, body: object) =>
    server.send('POST', `${A}/handed-on`, { ...(token === undefined ? {} : { token }), body });

  it('is handed on for the patient who granted it, and nothing else to anybody', async () => {
    const { grant, answer } = await grantAccess(server, patient, { to: 'hospital-b', reader });
    expect(answer.status, answer.text).toBe(200);
    const { json: network } = await server.send('GET', '/api/v1/network');
    const { hpke } = network.organisations.find(
      ({ organisation }: { organisation: string }) => organisation === 'hospital-b',
    ) as { hpke: { kid: string; publicKey: string }[] };
    const { envelope: token } = await sealToken(patient.wallet, grant, hpke[0]!);
    const handed = await handOn(patient.token, { grant, token });
    expect([handed.status, handed.json], handed.text).toEqual([200, { grant }]);
    const [own, spoilt] = [newNonce(), { ...token, ciphertext: 'AAAA' }];
    const refusals: readonly (readonly [string | undefined, object, number, string])[] = [
      [undefined, { grant, token }, 401, 'not-authenticated'],
      [await server.logIn('a.mehta'), { grant, token }, 403, 'not-permitted'],
      [patient.token, { grant: own, token }, 404, 'not-found'],
      [patient.token, { grant, token, to: 'hospital-b' }, 400, 'bad-request'],
      [patient.token, { grant, token: spoilt }, 400, 'proof-invalid'],
      [patient.token, { grant, token: { ...token, ciphertext: 'A'.repeat(300_000) } }, 413, 'body-too-large'],
    ];
    for (const [who, body, status, code] of refusals) {
      const refused = await handOn(who, body);
      expect([refused.status, refused.json.code]).toEqual([status, code]);
    }
  });
});
