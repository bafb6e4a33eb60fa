import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser, type Visit } from '../../test/browser.ts';
import { importChapter, PASSWORD } from '../../test/hospital.ts';
import { authorisationRequest, redeem } from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  postForm,
  REDIRECT,
  registerClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';

const SCOPE = 'launch openid fhirUser user/*.rs';
let hospital: SmartHospital;
let clientId: string;
let fhirId: string;
let observation: string;
let account: string;
let session: string;

beforeAll(async () => {
  hospital = await openSmartHospital();
  const { server } = hospital;
  const imported = await importChapter(server, 'hospital-a');
  fhirId = imported.fhirId;
  observation = imported.locations.find((place) => place.startsWith('Observation/'))!.replace(/\/_history.*$/, '');
  account = 'a.mehta';
  session = await server.logIn(account);
  const desk = await server.logIn('a.desk');
  const { json } = await server.send('GET', `/api/v1/orgs/hospital-a/patients/${fhirId}`, { token: desk });
  const person = server.wallet(account).id;
  await server.send('POST', '/api/v1/orgs/hospital-a/assignments', {
    token: desk,
    body: { pid: json.pid, person, untilMs: Date.now() + 3_600_000 },
  });
  ({ clientId } = await registerClient(server, {
    ...{ scope: `${SCOPE} launch/patient`, launchUri: 'https://app.example/launch', purpose: 'TREAT' },
  }));
}, 240_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

async function beginLaunch(token = session, change: object = {}): Promise<HttpAnswer> {
  const { url } = hospital;
  return ask(`${url}/api/v1/orgs/hospital-a/launches`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ client: clientId, patient: fhirId, encounter: null, ...change }),
  });
}

/** Opens the page of an authorisation request and sends its form. */
async function logIn(
  change: Record<string, string>,
  form: Record<string, string>,
): Promise<Visit & { readonly verifier: string; readonly page: Visit }> {
  const { url, verifier } = authorisationRequest(hospital, { clientId, scope: SCOPE, ...change });
  const browser = openBrowser();
  const page = await browser.open(url, REDIRECT);
  const visit = await browser.submit(page.url, { answer: 'allow', ...form }, REDIRECT);
  return { ...visit, verifier, page };
}

const tokensOf = (visit: Visit & { readonly verifier: string }): Promise<HttpAnswer> =>
  redeem(hospital, { code: new URL(visit.url).searchParams.get('code') ?? '', verifier: visit.verifier }, { clientId });
const read = (token: string, path: string): Promise<HttpAnswer> =>
  ask(`${hospital.base}/${path}`, { headers: { authorization: `Bearer ${token}` } });

describe('EHR Launch (Inferno)', () => {
  it('EHR server redirects client browser to app launch URI, with iss and launch', async () => {
    const { status, json } = await beginLaunch();
    expect(status).toBe(200);
    const url = new URL(json.url);
    expect([url.origin, url.searchParams.get('iss'), url.searchParams.get('launch')]).toEqual([
      'https://app.example',
      hospital.base,
      json.launch,
    ]);
  });

  it('gives the app the patient of the launch, and the clinician’s own sight narrowed by its scopes', async () => {
    const { json: launch } = await beginLaunch();
    const visit = await logIn({ launch: launch.launch }, { account, password: PASSWORD });
    const { status, json } = await tokensOf(visit);
    expect([status, json.patient, json.need_patient_banner, json.scope]).toEqual([200, fhirId, true, SCOPE]);
    expect((await read(json.access_token, observation)).status).toBe(200);
    const introspected = await postForm(`${hospital.issuer}/introspect`, {
      token: json.access_token,
      client_id: clientId,
    });
    expect(introspected.json).toMatchObject({ active: true, purpose: 'TREAT', patient: fhirId });
  });

  it('serves a launch once, and nobody but the person and the app it was begun for', async () => {
    const { json: launch } = await beginLaunch();
    const stolen = await logIn({ launch: launch.launch }, { account: 'a.nurse', password: PASSWORD });
    expect(stolen.answer?.status).toBe(401);
    await hospital.server.logIn('a.nurse');
    const other = await logIn({ launch: launch.launch }, { account: 'a.nurse', password: PASSWORD });
    expect([other.answer?.status, other.answer?.text]).toEqual([404, expect.stringContaining('launch')]);
    expect((await tokensOf(await logIn({ launch: launch.launch }, { account, password: PASSWORD }))).status).toBe(200);
    const again = await logIn({ launch: launch.launch }, { account, password: PASSWORD });
    expect(again.answer?.status).toBe(404);
  });

  it('begins no launch for a patient or app whom the person may not see, or for apps that are not enrolled', async () => {
    const desk = await hospital.server.logIn('a.nurse');
    expect((await beginLaunch(desk)).status).toBe(404);
    expect((await beginLaunch(session, { patient: 'unknown' })).status).toBe(404);
    expect((await beginLaunch(session, { client: 'A'.repeat(22) })).status).toBe(404);
    expect((await beginLaunch(session, { encounter: 'unknown' })).status).toBe(404);
    expect((await beginLaunch('A'.repeat(43))).status).toBe(401);
  });
});

describe('a clinician’s app', () => {
  it('sees no more than the clinician, and no more than its scopes', async () => {
    const scope = 'user/Patient.rs';
    const visit = await logIn({ scope }, { account, password: PASSWORD });
    const { json } = await tokensOf(visit);
    expect(json.patient).toBeUndefined();
    expect((await read(json.access_token, `Patient/${fhirId}`)).status).toBe(200);
    expect((await read(json.access_token, observation)).status).toBe(403);
    await hospital.server.logIn('a.nurse');
    const nurse = await tokensOf(await logIn({ scope: 'user/*.rs' }, { account: 'a.nurse', password: PASSWORD }));
    expect((await read(nurse.json.access_token, observation)).status).toBe(403);
  });

  it('asks for the patient where it wants one in context and no record system says which', async () => {
    const scope = 'launch/patient user/*.rs';
    const visit = await logIn({ scope }, { account, password: PASSWORD, patient: fhirId });
    expect(visit.page.answer?.text).toContain('name="patient"');
    expect((await tokensOf(visit)).json.patient).toBe(fhirId);
    const unknown = await logIn({ scope }, { account, password: PASSWORD, patient: 'unknown' });
    expect(unknown.answer?.status).toBe(404);
  });

  it('is not let in by a wrong password, a form of another site, or one who declines', async () => {
    const wrong = await logIn({ scope: 'user/*.rs' }, { account, password: 'not the password' });
    expect([wrong.answer?.status, wrong.answer?.text]).toEqual([401, expect.stringContaining('wrong')]);
    const { url } = authorisationRequest(hospital, { clientId, scope: 'user/*.rs' });
    const browser = openBrowser();
    const page = await browser.open(url, REDIRECT);
    const forged = await ask(page.url, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: new URLSearchParams({ answer: 'allow' }),
    });
    expect(forged.status).toBe(404);
    const declined = await browser.submit(page.url, { answer: 'decline' }, REDIRECT);
    expect(new URL(declined.url).searchParams.get('error')).toBe('access_denied');
  });

  it('is logged out when the person changes the password', async () => {
    const { server } = hospital;
    const token = await server.logIn('a.rossi');
    const form = { account: 'a.rossi', password: PASSWORD };
    const { json } = await tokensOf(await logIn({ scope: 'user/*.rs' }, form));
    expect((await read(json.access_token, 'Organization/unknown')).status).toBe(404);
    const changed = await server.send('POST', '/api/v1/orgs/hospital-a/password', {
      token,
      body: { current: PASSWORD, next: 'another password for tests' },
    });
    expect(changed.status).toBe(204);
    expect((await read(json.access_token, 'Organization/unknown')).status).toBe(401);
  });

  it('is logged out when the account is closed or the person revoked', async () => {
    const { server } = hospital;
    await server.logIn('a.nurse');
    const { json } = await tokensOf(await logIn({ scope: 'user/*.rs' }, { account: 'a.nurse', password: PASSWORD }));
    expect((await read(json.access_token, 'Organization/unknown')).status).toBe(404);
    const admin = await server.logIn('hospital-a.admin');
    const closed = await server.send('DELETE', '/api/v1/orgs/hospital-a/staff/a.nurse', { token: admin });
    expect(closed.status).toBe(204);
    expect((await read(json.access_token, 'Organization/unknown')).status).toBe(401);
  });
});
