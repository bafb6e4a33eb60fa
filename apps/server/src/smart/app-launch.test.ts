import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, firstWritten } from '../../test/admitted.ts';
import { openBrowser } from '../../test/browser.ts';
import type { TestPatient } from '../../test/hospital.ts';
import {
  authorisationRequest,
  codeOf,
  type Launched,
  launchAsPatient,
  PATIENT_SCOPE,
  redeem,
} from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  postForm,
  REDIRECT,
  registerClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';

let hospital: SmartHospital;
let patient: TestPatient;
let observation: string;
let clientId: string;
const ORIGIN = 'https://app.example';

beforeAll(async () => {
  hospital = await openSmartHospital();
  const { server } = hospital;
  const admitted = await admitPatient(server, 'hospital-a');
  patient = admitted;
  observation = firstWritten(admitted, 'Observation');
  ({ clientId } = await registerClient(server, { scope: PATIENT_SCOPE }));
}, 240_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

const read = (token: string, path = observation): Promise<HttpAnswer> =>
  ask(`${hospital.base}/${path}`, { headers: { authorization: `Bearer ${token}` } });
async function launched(): Promise<Launched & HttpAnswer> {
  const begun = await launchAsPatient(hospital, patient, { clientId });
  return { ...begun, ...(await redeem(hospital, begun, { clientId })) };
}

describe('SMART on FHIR Discovery (Inferno)', () => {
  it('FHIR server makes SMART configuration available from well-known endpoint', async () => {
    const { status, headers } = await ask(`${hospital.base}/.well-known/smart-configuration`);
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  });

  it('Well-known configuration contains required fields', async () => {
    const { json } = await ask(`${hospital.base}/.well-known/smart-configuration`);
    expect(json).toMatchObject({
      issuer: hospital.issuer,
      jwks_uri: `${hospital.issuer}/jwks`,
      authorization_endpoint: `${hospital.issuer}/auth`,
      token_endpoint: `${hospital.issuer}/token`,
      introspection_endpoint: `${hospital.issuer}/introspect`,
      revocation_endpoint: `${hospital.issuer}/revoke`,
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: expect.arrayContaining(['authorization_code', 'client_credentials']),
    });
    expect(json.capabilities).toEqual(
      expect.arrayContaining([
        'launch-standalone',
        'launch-ehr',
        'client-public',
        'sso-openid-connect',
        'permission-v2',
      ]),
    );
  });

  it('says the same of each organisation under its own issuer', async () => {
    const { json } = await ask(`${hospital.url}/hospital-b/fhir/R4/.well-known/smart-configuration`);
    expect(json.issuer).toBe(`${hospital.url}/hospital-b/oauth`);
    expect((await ask(`${hospital.url}/nowhere/fhir/R4/.well-known/smart-configuration`)).status).toBe(404);
  });
});

describe('CORS support (Inferno SMART App Launch 2.2)', () => {
  const from = { headers: { origin: ORIGIN } };
  it('SMART .well-known/smart-configuration Endpoint Enables Cross-Origin Resource Sharing (CORS)', async () => {
    const { headers } = await ask(`${hospital.base}/.well-known/smart-configuration`, from);
    expect(headers.get('access-control-allow-origin')).toMatch(/^\*$|^https:\/\/app\.example$/);
    expect(headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('SMART Token Endpoint Enables Cross-Origin Resource Sharing (CORS)', async () => {
    const preflight = await ask(`${hospital.issuer}/token`, {
      method: 'OPTIONS',
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
    const posted = await postForm(`${hospital.issuer}/token`, { grant_type: 'x' }, { origin: ORIGIN });
    expect(posted.headers.get('access-control-allow-origin')).toMatch(/^\*$|^https:\/\/app\.example$/);
  });

  it('FHIR resources with a bearer token enable Cross-Origin Resource Sharing (CORS)', async () => {
    const preflight = await ask(`${hospital.base}/Patient/x`, {
      method: 'OPTIONS',
      headers: { origin: ORIGIN, 'access-control-request-method': 'GET' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([
      204,
      expect.stringContaining('Authorization'),
    ]);
    const refused = await ask(`${hospital.base}/Patient/x`, from);
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, '*']);
  });

  it('is closed where a cookie counts: the authorisation page and its form', async () => {
    const { url } = authorisationRequest(hospital, { clientId });
    const answer = await ask(url, from);
    expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    expect(answer.headers.get('x-frame-options')).toBe('DENY');
  });
});

describe('Standalone Launch (Inferno)', () => {
  it('OAuth server redirects client browser to app redirect URI, and the token exchange response has the required fields', async () => {
    const { status, headers, json } = await launched();
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toContain('no-store');
    expect(json).toMatchObject({
      access_token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      token_type: 'Bearer',
      expires_in: 900,
      scope: PATIENT_SCOPE,
      patient: patient.fhirId,
      refresh_token: expect.any(String),
      id_token: expect.any(String),
    });
    expect((await read(json.access_token)).status).toBe(200);
    expect((await read(json.access_token, 'Patient/unknown')).status).toBe(404);
  });

  it('shows the wallet who asks, whereto it returns and what for, and shows nothing to another patient’s page', async () => {
    const { url } = authorisationRequest(hospital, { clientId });
    const page = await openBrowser().open(url, REDIRECT);
    expect(page.answer?.text).toContain('Growth Chart');
    expect(page.answer?.text).not.toContain('<script');
    expect(page.answer?.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
    const path = `/api/v1/orgs/hospital-a/patient/apps/${codeOf(page)}`;
    const { json } = await hospital.server.send('GET', path, { token: patient.token });
    expect(json).toMatchObject({
      client: clientId,
      clientName: 'Growth Chart',
      purpose: 'PATRQT',
      resourceTypes: null,
    });
    // The page belongs to the browser that began: without its cookie there is none.
    expect((await ask(page.url)).status).toBe(404);
  });

  it('gives the app an error where the patient declines', async () => {
    const { url } = authorisationRequest(hospital, { clientId });
    const browser = openBrowser();
    const page = await browser.open(url, REDIRECT);
    const path = `/api/v1/orgs/hospital-a/patient/apps/${codeOf(page)}`;
    const declined = await hospital.server.send('POST', path, { token: patient.token, body: { grant: null } });
    expect(declined.status).toBe(204);
    const { url: back } = await browser.open(page.url, REDIRECT);
    expect(new URL(back).searchParams.get('error')).toBe('access_denied');
    expect((await hospital.server.send('GET', path, { token: patient.token })).status).toBe(404);
  });

  it('lets nobody in by a grant that names another app', async () => {
    const other = await registerClient(hospital.server, { scope: PATIENT_SCOPE });
    const { grant } = await launchAsPatient(hospital, patient, { clientId: other.clientId });
    const page = await openBrowser().open(authorisationRequest(hospital, { clientId }).url, REDIRECT);
    const path = `/api/v1/orgs/hospital-a/patient/apps/${codeOf(page)}`;
    const answer = await hospital.server.send('POST', path, { token: patient.token, body: { grant } });
    expect([answer.status, answer.json.code]).toEqual([400, 'bad-request']);
  });

  it('refuses an authorisation request that is not as SMART has it', async () => {
    const wrong: readonly (readonly [string, Record<string, string | null>])[] = [
      ['invalid_request', { code_challenge: null, code_challenge_method: null }],
      ['invalid_request', { code_challenge_method: 'plain' }],
      ['invalid_request', { aud: null }],
      ['invalid_request', { aud: `${hospital.url}/hospital-b/fhir/R4` }],
      ['invalid_request', { launch: 'made-up' }],
      ['invalid_scope', { scope: 'launch/patient patient/Nonsense.rs' }],
      ['invalid_scope', { scope: 'launch/patient user/*.rs' }],
      ['invalid_scope', { scope: 'system/*.rs' }],
      ['unsupported_response_type', { response_type: 'token' }],
    ];
    for (const [error, change] of wrong) {
      const { url } = authorisationRequest(hospital, { clientId, ...change });
      const { url: back, answer } = await openBrowser().open(url, REDIRECT);
      const found =
        answer === undefined
          ? (new URL(back).searchParams.get('error') ?? new URLSearchParams(new URL(back).hash.slice(1)).get('error'))
          : answer.text;
      expect([change, found]).toEqual([change, expect.stringContaining(error)]);
    }
  });

  it('sends nobody to an address that is not registered, letter by letter', async () => {
    for (const redirect_uri of [
      `${REDIRECT}/`,
      `${REDIRECT}?x=1`,
      'http://127.0.0.1:10/callback',
      'https://evil.example/cb',
    ]) {
      const { url } = authorisationRequest(hospital, { clientId, redirect_uri });
      const { answer } = await openBrowser().open(url, redirect_uri);
      expect([redirect_uri, answer?.status, answer?.text]).toEqual([
        redirect_uri,
        400,
        expect.stringContaining('redirect_uri'),
      ]);
    }
  });
});

describe('Token exchange (Inferno)', () => {
  it('OAuth token exchange fails when supplied invalid code', async () => {
    const answer = await redeem(hospital, { code: 'made-up', verifier: 'x'.repeat(43) }, { clientId });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_grant']);
  });

  it('OAuth token exchange fails when supplied invalid client ID', async () => {
    const begun = await launchAsPatient(hospital, patient, { clientId });
    const unknown = await redeem(hospital, begun, { clientId: 'A'.repeat(22) });
    expect([unknown.status, unknown.json.error]).toEqual([401, 'invalid_client']);
    const { clientId: other } = await registerClient(hospital.server, { scope: PATIENT_SCOPE });
    const stolen = await redeem(hospital, begun, { clientId: other });
    expect([stolen.status, stolen.json.error]).toEqual([400, 'invalid_grant']);
  });

  it('OAuth token exchange fails when supplied an incorrect PKCE code_verifier, or none, or another redirect address', async () => {
    const begun = await launchAsPatient(hospital, patient, { clientId });
    const wrong = await redeem(hospital, { ...begun, verifier: 'x'.repeat(43) }, { clientId });
    expect([wrong.status, wrong.json.error]).toEqual([400, 'invalid_grant']);
    const elsewhere = await redeem(hospital, begun, { clientId, redirectUri: 'https://evil.example/cb' });
    expect([elsewhere.status, elsewhere.json.error]).toEqual([400, 'invalid_grant']);
    const none = await postForm(`${hospital.issuer}/token`, {
      ...{ grant_type: 'authorization_code', code: begun.code, client_id: clientId, redirect_uri: REDIRECT },
    });
    expect([none.status, none.json.error]).toEqual([400, 'invalid_grant']);
  });

  it('ends everything that a code gave when the code is shown again', async () => {
    const { code, verifier, json } = await launched();
    expect((await read(json.access_token)).status).toBe(200);
    const again = await redeem(hospital, { code, verifier }, { clientId });
    expect([again.status, again.json.error]).toEqual([400, 'invalid_grant']);
    expect((await read(json.access_token)).status).toBe(401);
  });

  it('lets one of two who show a code at once have tokens, at most', async () => {
    const begun = await launchAsPatient(hospital, patient, { clientId });
    const answers = await Promise.all([1, 2, 3].map(() => redeem(hospital, begun, { clientId })));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
  });
});
