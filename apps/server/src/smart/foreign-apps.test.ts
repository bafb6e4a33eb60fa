import { RecordsError } from '@salus/records';
import { type GrantChoice, sealToken } from '@salus/wallet';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openHook } from '../../test/hook.ts';
import { type Answer, grantAccess, logInPatient, revokeGrant, type TestPatient } from '../../test/hospital.ts';
import { launchAsPatient, PATIENT_SCOPE, redeem } from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  registerClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';
import { B, openTwoHospitals, type TwoHospitals } from '../../test/two-hospitals.ts';
import { NOT_WHOLE } from '../fhir/search-set.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const FHIR = 'application/fhir+json';
const WAIT = { timeout: 60_000, interval: 100 };
const SUBSCRIBING_SCOPE = `${PATIENT_SCOPE} patient/Subscription.cruds`;

/** At hospital-b, where the app is; the records lie at hospital-a. */
let hospital: SmartHospital;
let story: TwoHospitals;
let here: TestPatient;
let app: string;
let bearer: string;
let baseA: string;

beforeAll(async () => {
  const opened = await openSmartHospital(['hospital-a', 'hospital-b']);
  const { url } = opened;
  hospital = { ...opened, base: `${url}/hospital-b/fhir/R4`, issuer: `${url}/hospital-b/oauth` };
  baseA = `${url}/hospital-a/fhir/R4`;
  const { server } = hospital;
  story = await openTwoHospitals(server);
  const { ownId, ownPid, patient } = story;
  const own = { organisation: 'hospital-b', pid: ownPid, fhirId: ownId, wallet: patient.wallet };
  here = { ...patient, ...own, token: await logInPatient(server, own) };
  ({ clientId: app } = await registerClient(server, { scope: SUBSCRIBING_SCOPE }, 'hospital-b'));
  bearer = await launch(app, PATIENT_SCOPE);
});
afterEach(() => void vi.restoreAllMocks());
afterAll(() => hospital?.server[Symbol.asyncDispose]());

async function launch(clientId: string, scope: string): Promise<string> {
  const begun = await launchAsPatient(hospital, here, { clientId, scope });
  const { json, text } = await redeem(hospital, begun, { clientId });
  if (typeof json.access_token !== 'string') throw new Error(text);
  return json.access_token as string;
}

const read = (path: string, token = bearer): Promise<HttpAnswer> =>
  ask(`${hospital.base}/${path}`, { headers: { authorization: `Bearer ${token}` } });
const results = (token = bearer): Promise<HttpAnswer> => read(`Observation?patient=${story.ownId}`, token);

interface Handed {
  readonly grant: string;
  /** The sealed token, for whoever hands it over. */
  readonly envelope: object;
}

/** The patient grants hospital-a’s records to the app at hospital-b. Its token is at that node, and nobody said whose it is. */
async function grantThere(choice: Partial<GrantChoice> = {}): Promise<Handed> {
  const { server } = hospital;
  const { patient } = story;
  const { grant, answer } = await grantAccess(server, patient, {
    ...{ to: 'hospital-b', reader: '', categories: ['laboratory'], purposes: ['PATRQT'] },
    grantee: { kind: 'client', organisation: 'hospital-b', id: app },
    ...choice,
  });
  if (answer.status !== 200) throw new Error(answer.text);
  const { json } = await server.send('GET', '/api/v1/network');
  const { hpke } = (json.organisations as { organisation: string; hpke: { kid: string; publicKey: string }[] }[]).find(
    ({ organisation }) => organisation === 'hospital-b',
  )!;
  const { envelope } = await sealToken(patient.wallet, grant, hpke[0]!);
  return { grant, envelope };
}

const handOver = (envelope: object, token = here.token): Promise<Answer> =>
  hospital.server.send('POST', `${B}/patient/tokens`, { token, body: { token: envelope } });

async function readsAtA() {
  const lines = await hospital.server.node.organisations.get('hospital-a')!.vault.audit.list({ limit: 200 });
  return lines.filter(({ event }) => event.kind === 'read' && event.exchange?.peer === 'hospital-b');
}

describe('a patient’s app, and grants of other organisations', () => {
  let granted: Handed;

  it('sees nothing of them before there is one, nor before the patient says that it is theirs', async () => {
    expect((await results()).json.total).toBe(0);
    granted = await grantThere();
    expect((await results()).json.total).toBe(0);
    expect((await read(`Patient/${story.ownId}`)).json.link).toBeUndefined();
  });

  it('are handed over by a patient alone, for apps alone', async () => {
    const doctor = await hospital.server.logIn('b.novak');
    expect((await handOver(granted.envelope, doctor)).status).toBe(403);
    const toPeople = await grantThere({ grantee: { kind: 'organisation', organisation: 'hospital-b' } });
    expect((await handOver(toPeople.envelope)).json).toMatchObject({ status: 400 });
    const spoilt = { ...(granted.envelope as { ciphertext: string }), ciphertext: 'AAAA' };
    expect((await handOver(spoilt)).status).toBeGreaterThanOrEqual(400);
    expect((await results()).json.total).toBe(0);
    // Nobody is told that two pids are one.
    const { vault } = hospital.server.node.organisations.get('hospital-b')!;
    expect(await vault.foreignLinks.listOf(story.ownPid)).toEqual([]);
    await revokeGrant(hospital.server, story.patient, toPeople.grant);
  });

  it('are read in its own name, through every door, once the patient handed them over', async () => {
    const before = (await readsAtA()).length;
    expect((await handOver(granted.envelope)).json).toEqual({ grant: granted.grant });
    const { audit } = hospital.server.node.organisations.get('hospital-b')!.vault;
    const [line] = await audit.listOfPid(story.ownPid, { limit: 1 });
    expect(line?.event).toMatchObject({
      ...{ kind: 'registration', query: 'patient.link', grant: granted.grant, outcome: 'ok' },
      who: { kind: 'patient', pid: story.ownPid },
    });
    const found = await results();
    expect(found.json.total, found.text).toBe(1);
    const { id, meta } = found.json.entry[0].resource as { id: string; meta: { source: string } };
    expect(meta.source).toBe(`${baseA}/${story.atA[6]}/_history/1`);
    const alone = await read(`Observation/${id}`);
    expect(alone.status, alone.text).toBe(200);
    const everything = await read(`Patient/${story.ownId}/$everything`);
    expect(everything.text).toContain(meta.source);
    const query = encodeURIComponent(`{ ObservationList(patient: "${story.ownId}") { id } }`);
    expect((await read(`$graphql?query=${query}`)).json.data.ObservationList).toEqual([{ id }]);
    expect((await read(`Patient?_id=${story.ownId}&_revinclude=Observation:patient`)).text).toContain(meta.source);
    expect((await read(`Patient/${story.ownId}/$summary`)).text).toContain(meta.source);
    const linked = `Patient?_id=${story.ownId}&_has:Observation:patient:_id=${id}`;
    expect((await read(linked)).json.total).toBe(1);
    // The prescriptions lie in a category that was not granted.
    expect((await read(`MedicationRequest?patient=${story.ownId}`)).json.total).toBe(0);
    const reads = (await readsAtA()).slice(0, -before || undefined);
    expect(reads.length).toBeGreaterThan(3);
    for (const { event } of reads) {
      expect(event).toMatchObject({ who: { kind: 'member', id: app }, purpose: 'PATRQT', grant: granted.grant });
    }
    for (const { text } of [found, alone, everything]) {
      expect(text).not.toContain(story.patient.pid);
      expect(text).not.toContain(story.ownPid);
    }
  });

  it('are read within its scopes alone, and written by no app', async () => {
    const narrow = await launch(app, 'launch/patient openid patient/Patient.rs patient/MedicationRequest.rs');
    expect((await results(narrow)).status).toBe(403);
    const everything = await read(`Patient/${story.ownId}/$everything`, narrow);
    expect(everything.status, everything.text).toBe(200);
    expect(everything.text).not.toContain(baseA);
    const { id } = (await results()).json.entry[0].resource as { id: string };
    const gone = await ask(`${hospital.base}/Observation/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${bearer}` },
    });
    expect(gone.status).toBe(403);
  });

  it('are no other app’s, nor any person’s', async () => {
    const { clientId } = await registerClient(hospital.server, { name: 'Other', scope: PATIENT_SCOPE }, 'hospital-b');
    const other = await launch(clientId, PATIENT_SCOPE);
    const { id } = (await results()).json.entry[0].resource as { id: string };
    expect((await results(other)).json.total).toBe(0);
    expect((await read(`Observation/${id}`, other)).status).toBe(404);
    const doctor = await hospital.server.logIn('b.novak');
    expect((await results(doctor)).json.total).toBe(0);
    expect((await read(`Observation/${id}`, doctor)).status).toBe(404);
    expect((await results(here.token)).json.total).toBe(0);
  });

  it('end with the grant, at once and at every door, and the own records stay', async () => {
    const { id } = (await results()).json.entry[0].resource as { id: string };
    expect((await revokeGrant(hospital.server, story.patient, granted.grant)).status).toBe(200);
    expect((await results()).json.total).toBe(0);
    expect([403, 404]).toContain((await read(`Observation/${id}`)).status);
    const everything = await read(`Patient/${story.ownId}/$everything`);
    expect(everything.text).not.toContain(`${baseA}/Observation`);
    expect(everything.text).toContain(story.ownId);
  });

  it('serve the purpose that they name', async () => {
    const { envelope } = await grantThere({ purposes: ['TREAT'] });
    expect((await handOver(envelope)).status).toBe(200);
    expect((await results()).json.total).toBe(0);
  });

  it('spend no use and ask nobody for what the app looks for at home alone', async () => {
    const { gateway } = hospital.server.node.organisations.get('hospital-a')!.exchange;
    const opened = vi.spyOn(gateway, 'open');
    const { envelope, grant } = await grantThere();
    expect((await handOver(envelope)).status).toBe(200);
    const query = encodeURIComponent(`{ Patient(id: "${story.ownId}") { id } }`);
    for (const path of ['Observation?code=x', `Patient/${story.ownId}`, `$graphql?query=${query}`]) {
      const { status, text } = await read(path);
      expect(status, text).toBe(200);
    }
    expect(opened).not.toHaveBeenCalled();
    expect((await results()).json.total).toBe(1);
    expect(opened).toHaveBeenCalledTimes(1);
    opened.mockRestore();
    expect((await revokeGrant(hospital.server, story.patient, grant)).status).toBe(200);
  });

  it('are told of to its subscription, for which the node opens a session once the ledger has news', async () => {
    const { server } = hospital;
    const { gateway } = server.node.organisations.get('hospital-a')!.exchange;
    await using hook = await openHook();
    const subscriber = await launch(app, SUBSCRIBING_SCOPE);
    const made = await ask(`${hospital.base}/Subscription`, {
      method: 'POST',
      headers: { authorization: `Bearer ${subscriber}`, 'content-type': FHIR },
      body: JSON.stringify({
        ...{ resourceType: 'Subscription', status: 'requested', reason: 'to be told' },
        ...{ criteria: `Observation?patient=${story.ownId}` },
        channel: { type: 'rest-hook', endpoint: hook.url, payload: FHIR },
      }),
    });
    expect(made.status, made.text).toBe(201);
    await vi.waitFor(() => expect(hook.received).toHaveLength(1), WAIT);
    const opened = vi.spyOn(gateway, 'open');
    const { envelope, grant } = await grantThere();
    expect((await handOver(envelope)).status).toBe(200);
    server.clock.offsetMs += 10_000;
    await vi.waitFor(() => expect(hook.received).toHaveLength(2), WAIT);
    expect(opened).toHaveBeenCalledTimes(1);
    const [, { fullUrl }] = JSON.parse(hook.received[1]!.body).entry as [object, { fullUrl: string }];
    const found = await ask(fullUrl, { headers: { authorization: `Bearer ${subscriber}` } });
    expect(found.json.meta.source, found.text).toBe(`${baseA}/${story.atA[6]}/_history/1`);
    expect(hook.received[1]!.body).not.toContain('glucose');
    const gone = await ask(`${hospital.base}/Subscription/${made.json.id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${subscriber}` },
    });
    expect(gone.status, gone.text).toBe(204);
    expect((await revokeGrant(server, story.patient, grant)).status).toBe(200);
  });

  it('are said to be missing at every door while the author’s node is silent', async () => {
    const { gateway } = hospital.server.node.organisations.get('hospital-a')!.exchange;
    const { envelope, grant } = await grantThere();
    expect((await handOver(envelope)).status).toBe(200);
    const { id } = (await results()).json.entry[0].resource as { id: string };
    const silence = vi.spyOn(gateway, 'open').mockRejectedValue(new RecordsError('peer-unreachable', 'silent'));
    // Handed over again, the session that was open ends.
    expect((await handOver(envelope)).status).toBe(200);
    const missing = NOT_WHOLE.text;
    const list = encodeURIComponent(`{ ObservationList(patient: "${story.ownId}") { id } }`);
    const one = encodeURIComponent(`{ Observation(id: "${id}") { id } }`);
    for (const path of [
      `Observation?patient=${story.ownId}`,
      `Observation?_id=${id}`,
      `Patient/${story.ownId}/$everything`,
      `$graphql?query=${list}`,
      `$graphql?query=${one}`,
      `Observation/${id}/$graphql?query=${encodeURIComponent('{ id }')}`,
    ]) {
      const { status, text } = await read(path);
      expect(status, text).toBe(200);
      expect(text).toContain(missing);
      expect(text).not.toContain(`${baseA}/Observation`);
    }
    const summary = await read(`Patient/${story.ownId}/$summary`);
    expect(summary.status, summary.text).toBe(200);
    expect(summary.text).toContain('Not everything of other organisations is here.');
    expect((await read(`Observation/${id}`)).status).toBe(503);
    expect((await read(`Patient/${story.ownId}/$everything`)).text).toContain(story.ownId);
    silence.mockRestore();
    expect((await handOver(envelope)).status).toBe(200);
    const everything = await read(`Patient/${story.ownId}/$everything`);
    expect(everything.text).toContain(id);
    expect(everything.text).not.toContain(missing);
    expect((await read(`$graphql?query=${list}`)).json).toEqual({ data: { ObservationList: [{ id }] } });
    expect((await revokeGrant(hospital.server, story.patient, grant)).status).toBe(200);
  });

  it('are forgotten when staff take back that two patients are one', async () => {
    const { envelope } = await grantThere();
    expect((await handOver(envelope)).status).toBe(200);
    expect((await results()).json.total).toBe(1);
    const doctor = await hospital.server.logIn('b.novak');
    const path = `${B}/patients/${story.ownId}/links`;
    expect((await hospital.server.send('DELETE', path, { token: doctor })).status).toBe(200);
    expect((await results()).json.total).toBe(0);
  });
});
