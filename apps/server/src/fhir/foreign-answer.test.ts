import { accessRequest, answer, grant, type KeyEnvelope, type ListedKey, sealToken } from '@salus/wallet';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { bodyOf, logInPatient, openTestServer, readingBody, type TestServer } from '../../test/hospital.ts';
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
