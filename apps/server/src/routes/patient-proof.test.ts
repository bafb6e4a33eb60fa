import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { chapterAt, openTestServer, type TestPatient, type TestServer } from '../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let server: TestServer;
let patient: TestPatient;
let recordId: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  patient = await admitPatient(server, 'hospital-a');
  const { json } = await server.send('GET', `${A}/patient/records?limit=500`, { token: patient.token });
  const records = json.records as readonly { readonly type: string; readonly recordId: string }[];
  recordId = records.find(({ type }) => type === 'MedicationRequest')!.recordId;
});
afterAll(() => server[Symbol.asyncDispose]());

describe("the proof of a patient's own record", () => {
  it('leaves the text sealed, and is otherwise the one that $proof gives', async () => {
    const text = (await server.send('GET', `${A}/patient/records/${recordId}`, { token: patient.token })).text;
    const answer = await server.send('GET', `${A}/patient/records/${recordId}/proof`, { token: patient.token });
    expect(answer.status, answer.text).toBe(200);
    const { id, dosageInstruction } = JSON.parse(text) as {
      readonly id: string;
      readonly dosageInstruction: readonly [{ readonly text: string }];
    };
    expect(answer.json.proof).toMatchObject({
      version: 'salus:record-proof:v1',
      resource: `MedicationRequest/${id}/_history/1`,
      record: { recordId, contentHash: expect.any(String) as unknown, salt: expect.any(String) as unknown },
      transaction: { outcome: { kind: 'committed' } },
    });
    expect(answer.text).not.toContain('plaintext');
    expect(answer.text).not.toContain(dosageInstruction[0].text);
  });

  it('is nobody else’s to ask for', async () => {
    const stranger = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 3));
    const asked = await server.send('GET', `${A}/patient/records/${recordId}/proof`, { token: stranger.token });
    expect(asked.status).toBe(404);
    const doctor = await server.logIn('a.rossi');
    expect((await server.send('GET', `${A}/patient/records/${recordId}/proof`, { token: doctor })).status).toBe(403);
    expect((await server.send('GET', `${A}/patient/records/${recordId}/proof`)).status).toBe(401);
  });
});
