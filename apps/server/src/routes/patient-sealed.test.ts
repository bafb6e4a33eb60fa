import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { admitPatient } from '../../test/admitted.ts';
import { assign } from '../../test/assign.ts';
import { openTestServer, type TestPatient, type TestServer } from '../../test/hospital.ts';

const A = '/api/v1/orgs/hospital-a';
const FHIR_JSON = 'application/fhir+json';
/** Ten of them are more than one answer holds. */
const NOTE = 'a long note '.repeat(25_000);
const NOTES = 6;
const LARGE = 10;
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let server: TestServer;
let patient: TestPatient;
let large: readonly string[];
beforeAll(async () => {
  server = await openTestServer(['hospital-a']);
  patient = await admitPatient(server, 'hospital-a');
  const token = await server.logIn('a.rossi', { writing: true });
  const { nowMs } = server.occasion();
  const { id: actor } = server.wallet('a.rossi');
  await assign(server.node.organisations.get('hospital-a')!, { id: patient.fhirId, actor, nowMs });
  const known = new Set(await listed());
  for (let number = 0; number < LARGE; number += 1) {
    const raw = JSON.stringify({
      ...{ resourceType: 'Observation', status: 'final', code: { text: `number ${number}` } },
      subject: { reference: `Patient/${patient.fhirId}` },
      note: Array.from({ length: NOTES }, () => ({ text: NOTE })),
    });
    const written = await server.send('POST', '/hospital-a/fhir/R4/Observation', { token, raw, type: FHIR_JSON });
    if (written.status !== 201) throw new Error(written.text);
  }
  large = (await listed()).filter((recordId) => !known.has(recordId));
});
afterAll(() => server[Symbol.asyncDispose]());

async function listed(): Promise<readonly string[]> {
  const { json } = await server.send('GET', `${A}/patient/records?limit=500`, { token: patient.token });
  return (json.records as readonly { readonly recordId: string }[]).map(({ recordId }) => recordId);
}

const readsLogged = async () => {
  const lines = await server.node.organisations.get('hospital-a')!.vault.audit.listOfPid(patient.pid, { limit: 200 });
  return lines.filter(({ event }) => event.kind === 'read').length;
};

it('an answer ends at its bound and names the rest; what is not in it is not in the log', async () => {
  expect(large).toHaveLength(LARGE);
  const before = await readsLogged();
  const seen: string[] = [];
  let wanted = large;
  let answers = 0;
  while (wanted.length > 0) {
    const body = { records: wanted };
    const answer = await server.send('POST', `${A}/patient/records/sealed`, { token: patient.token, body });
    expect(answer.status, answer.text.slice(0, 200)).toBe(200);
    expect(answer.text.length).toBeLessThan(24 * 1024 * 1024);
    const { records, next } = answer.json as { records: readonly { recordId: string }[]; next: readonly string[] };
    seen.push(...records.map(({ recordId }) => recordId));
    expect(await readsLogged()).toBe(before + seen.length);
    wanted = next;
    answers += 1;
  }
  expect(seen).toEqual(large);
  expect(answers).toBe(2);
});
