import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admitPatient, firstWritten } from '../../test/admitted.ts';
import { openBrowser } from '../../test/browser.ts';
import { claimPatient, revokeGrant, type TestPatient } from '../../test/hospital.ts';
import { authorisationRequest, type Launched, launchAsPatient, PATIENT_SCOPE, redeem } from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  JWT_BEARER,
  openSmartHospital,
  postForm,
  REDIRECT,
  registerClient,
  registerService,
  revokeClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';

let hospital: SmartHospital;
let patient: TestPatient;
let observation: string;
let clientId: string;

beforeAll(async () => {
  hospital = await openSmartHospital();
  const { server } = hospital;
  const admitted = await admitPatient(server, 'hospital-a');
  patient = admitted;
  observation = firstWritten(admitted, 'Observation');
  ({ clientId } = await registerClient(server, { scope: PATIENT_SCOPE }));
}, 240_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

const read = (token: string, path = observation, base = hospital.base): Promise<HttpAnswer> =>
  ask(`${base}/${path}`, { headers: { authorization: `Bearer ${token}` } });
const refresh = (token: string, more: Record<string, string> = {}): Promise<HttpAnswer> =>
  postForm(`${hospital.issuer}/token`, {
    ...{ grant_type: 'refresh_token', refresh_token: token, client_id: clientId },
    ...more,
  });

async function launched(choice: Parameters<typeof launchAsPatient>[2]['choice'] = {}): Promise<Launched & HttpAnswer> {
  const begun = await launchAsPatient(hospital, patient, { clientId, choice });
  return { ...begun, ...(await redeem(hospital, begun, { clientId })) };
}

describe('Token Refresh (Inferno)', () => {
  it('Server successfully refreshes the access token when optional scope parameter omitted, and rotates the refresh token', async () => {
    const { json } = await launched();
    const { status, json: next } = await refresh(json.refresh_token);
    expect([status, next.scope, next.patient]).toEqual([200, PATIENT_SCOPE, patient.fhirId]);
    expect(next.refresh_token).not.toBe(json.refresh_token);
    expect((await read(next.access_token)).status).toBe(200);
    // A refresh token that was used before was stolen, from the app or by it: all of them end.
    expect((await refresh(json.refresh_token)).json.error).toBe('invalid_grant');
    expect((await refresh(next.refresh_token)).json.error).toBe('invalid_grant');
    expect((await read(next.access_token)).status).toBe(401);
  });

  it('Server successfully refreshes the access token when optional scope parameter provided', async () => {
    const { json } = await launched();
    const { status } = await refresh(json.refresh_token, { scope: PATIENT_SCOPE });
    expect(status).toBe(200);
  });

  it('refuses more scopes at a refresh than were granted', async () => {
    const { json } = await launched();
    const answer = await refresh(json.refresh_token, { scope: `${PATIENT_SCOPE} user/*.rs` });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_scope']);
  });

  it('gives no refresh token without offline_access', async () => {
    const begun = await launchAsPatient(hospital, patient, { clientId, scope: 'launch/patient patient/*.rs' });
    const { json } = await redeem(hospital, begun, { clientId });
    expect([json.refresh_token, json.id_token]).toEqual([undefined, undefined]);
    expect((await read(json.access_token)).status).toBe(200);
  });
});

describe('OpenID Connect (Inferno)', () => {
  it('OpenID Connect well-known configuration can be retrieved and has the required fields', async () => {
    const { status, json } = await ask(`${hospital.issuer}/.well-known/openid-configuration`);
    expect([status, json]).toEqual([
      200,
      expect.objectContaining({
        issuer: hospital.issuer,
        authorization_endpoint: `${hospital.issuer}/auth`,
        token_endpoint: `${hospital.issuer}/token`,
        jwks_uri: `${hospital.issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
      }),
    ]);
  });

  it('JWKS can be retrieved and shows public halves only', async () => {
    const { json } = await ask(`${hospital.issuer}/jwks`);
    expect(json.keys.map(({ kty, use }: { kty: string; use: string }) => [kty, use])).toEqual([
      ['RSA', 'sig'],
      ['EC', 'sig'],
    ]);
    for (const key of json.keys) expect(Object.keys(key)).not.toEqual(expect.arrayContaining(['d']));
  });

  it('ID token header, signature and payload are valid, and the fhirUser claim names a resource of this server', async () => {
    const { json } = await launched();
    expect(decodeProtectedHeader(json.id_token)).toMatchObject({ alg: 'RS256', kid: expect.any(String) });
    const keys = createRemoteJWKSet(new URL(`${hospital.issuer}/jwks`));
    const { payload } = await jwtVerify(json.id_token, keys, { issuer: hospital.issuer, audience: clientId });
    expect(payload.fhirUser).toBe(`${hospital.base}/Patient/${patient.fhirId}`);
    expect(JSON.stringify(payload)).not.toContain(patient.pid);
    const [header, body, signature = ''] = json.id_token.split('.');
    const forged = `${header}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    await expect(jwtVerify(forged, keys)).rejects.toThrow('signature verification failed');
  });

  it('gives the nonce back', async () => {
    const begun = await launchAsPatient(hospital, patient, { clientId, nonce: 'n-0S6_WzA2Mj' });
    const { json } = await redeem(hospital, begun, { clientId });
    expect(decodeJwt(json.id_token).nonce).toBe('n-0S6_WzA2Mj');
  });
});

describe('Token Introspection (Inferno)', () => {
  const introspect = (token: string, client = clientId): Promise<HttpAnswer> =>
    postForm(`${hospital.issuer}/introspect`, { token, client_id: client });

  it('Introspection endpoint returns active for a valid token, with what the token response said', async () => {
    const { json } = await launched();
    const answer = await introspect(json.access_token);
    expect([answer.status, answer.json]).toEqual([
      200,
      expect.objectContaining({
        active: true,
        client_id: clientId,
        scope: PATIENT_SCOPE,
        iss: hospital.issuer,
        aud: hospital.base,
        patient: patient.fhirId,
        fhirUser: `${hospital.base}/Patient/${patient.fhirId}`,
        purpose: 'PATRQT',
        exp: expect.any(Number),
      }),
    ]);
    expect(JSON.stringify(answer.json)).not.toContain(patient.pid);
  });

  it('Introspection endpoint returns inactive for an invalid token, and for another client’s', async () => {
    expect((await introspect('made-up')).json).toEqual({ active: false });
    const { json } = await launched();
    const { clientId: other } = await registerClient(hospital.server, { scope: PATIENT_SCOPE });
    expect((await introspect(json.access_token, other)).json).toEqual({ active: false });
    expect((await postForm(`${hospital.issuer}/introspect`, { token: json.access_token })).status).toBe(400);
  });

  it('Token revocation (RFC 7009) ends a token, and the refresh token all of them', async () => {
    const { json } = await launched();
    const revoke = (token: string): Promise<HttpAnswer> =>
      postForm(`${hospital.issuer}/revoke`, { token, client_id: clientId });
    expect((await revoke(json.refresh_token)).status).toBe(200);
    expect((await introspect(json.access_token)).json).toEqual({ active: false });
    expect((await read(json.access_token)).status).toBe(401);
    expect((await refresh(json.refresh_token)).json.error).toBe('invalid_grant');
  });
});

describe('tokens of a patient’s app', () => {
  it('die with the grant: read, refresh and introspection are over at once', async () => {
    const { json, grant } = await launched();
    expect((await read(json.access_token)).status).toBe(200);
    expect((await revokeGrant(hospital.server, patient, grant)).status).toBe(200);
    expect((await read(json.access_token)).status).toBe(401);
    expect((await refresh(json.refresh_token)).json.error).toBe('invalid_grant');
    const answer = await postForm(`${hospital.issuer}/introspect`, { token: json.access_token, client_id: clientId });
    expect(answer.json).toEqual({ active: false });
  });

  it('end no later than the grant', async () => {
    const { json } = await launched({ notAfterMs: hospital.server.occasion().nowMs + 60_000 });
    expect(json.expires_in).toBeGreaterThan(0);
    expect(json.expires_in).toBeLessThanOrEqual(60);
  });

  it('die when the administrator revokes the app on the ledger', async () => {
    const doomed = await registerClient(hospital.server, { scope: PATIENT_SCOPE });
    const begun = await launchAsPatient(hospital, patient, { clientId: doomed.clientId });
    const { json } = await redeem(hospital, begun, { clientId: doomed.clientId });
    expect((await read(json.access_token)).status).toBe(200);
    await revokeClient(hospital.server, doomed.clientId);
    expect((await read(json.access_token)).status).toBe(401);
    const { url } = authorisationRequest(hospital, { clientId: doomed.clientId });
    expect((await openBrowser().open(url, REDIRECT)).answer?.text).toContain('invalid_client');
  });

  it('of one organisation open nothing at another', async () => {
    const { json } = await launched();
    expect((await read(json.access_token, observation, `${hospital.url}/hospital-b/fhir/R4`)).status).toBe(401);
    const there = { token: json.access_token, client_id: clientId };
    expect((await postForm(`${hospital.url}/hospital-b/oauth/introspect`, there)).status).toBe(401);
  });

  it('read what the terms of the grant open, and no other category', async () => {
    const { json } = await launched({ categories: ['identity'] });
    expect((await read(json.access_token, `Patient/${patient.fhirId}`)).status).toBe(200);
    expect((await read(json.access_token)).status).toBe(403);
  });

  it('write nothing, whatever was asked for', async () => {
    const scope = 'launch/patient patient/*.cruds';
    const { clientId: writer } = await registerClient(hospital.server, { scope });
    const begun = await launchAsPatient(hospital, patient, { clientId: writer, scope });
    const { json } = await redeem(hospital, begun, { clientId: writer });
    expect(json.scope).toBe('launch/patient patient/*.rs');
    const deleted = await ask(`${hospital.base}/${observation}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${json.access_token}` },
    });
    expect(deleted.status).toBe(403);
  });

  it('spend a use of the grant for their session, signed by the app’s own key, and each read stands in the patient’s log', async () => {
    const { json } = await launched();
    expect((await read(json.access_token)).status).toBe(200);
    const log = await hospital.server.send('GET', '/api/v1/orgs/hospital-a/patient/audit?limit=20', {
      token: patient.token,
    });
    const events = (log.json.lines ?? log.json.events).map((line: { event?: object }) => line.event ?? line);
    expect(events).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'read', purpose: 'PATRQT', who: expect.objectContaining({ id: clientId }) }),
        expect.objectContaining({ kind: 'session', who: expect.objectContaining({ id: clientId }) }),
      ]),
    );
  });
});

describe('confidential apps', () => {
  it('prove themselves by their secret, or by a signed assertion, and by nothing else', async () => {
    const scope = PATIENT_SCOPE;
    const { clientId: symmetric, secret } = await registerClient(hospital.server, {
      ...{ scope, authentication: 'client_secret_basic' },
    });
    const begun = await launchAsPatient(hospital, patient, { clientId: symmetric });
    const form = {
      ...{ grant_type: 'authorization_code', code: begun.code, code_verifier: begun.verifier, redirect_uri: REDIRECT },
    };
    const basic = (given: string | null): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(`${symmetric}:${given}`).toString('base64')}`,
    });
    expect((await redeem(hospital, begun, { clientId: symmetric })).json.error).toBe('invalid_client');
    expect((await postForm(`${hospital.issuer}/token`, form, basic('wrong'))).json.error).toBe('invalid_client');
    expect((await postForm(`${hospital.issuer}/token`, form, basic(secret))).status).toBe(200);

    const app = await registerService(hospital, { scope, redirectUris: [REDIRECT], purpose: 'PATRQT' });
    const second = await launchAsPatient(hospital, patient, { clientId: app.clientId });
    const answer = await postForm(`${hospital.issuer}/token`, {
      ...{ grant_type: 'authorization_code', code: second.code, code_verifier: second.verifier },
      ...{ redirect_uri: REDIRECT, client_assertion_type: JWT_BEARER, client_assertion: await app.assertion() },
    });
    expect([answer.status, answer.json.patient]).toEqual([200, patient.fhirId]);
  });
});

describe('the pids of others', () => {
  it('are told to no app by $proof, which is refused where the committing call names more than its own patient', async () => {
    const { server, base } = hospital;
    const { json } = await launched();
    const own = await read(json.access_token, `${observation}/$proof`);
    expect([own.status, own.text.includes(patient.pid)]).toEqual([200, true]);
    const desk = await server.logIn('a.desk', { writing: true });
    const entry = ['One', 'Two'].map((family) => ({
      resource: { resourceType: 'Patient', name: [{ family }] },
      request: { method: 'POST', url: 'Patient' },
    }));
    const stored = await ask(base, {
      method: 'POST',
      headers: { authorization: `Bearer ${desk}`, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }),
    });
    const [one, two] = stored.json.entry.map((each: ReturnType<typeof JSON.parse>) =>
      each.response.location.replace(/^.*Patient\//, '').replace(/\/.*$/, ''),
    );
    const claimed = await claimPatient(server, 'hospital-a', one);
    const begun = await launchAsPatient(hospital, claimed, { clientId });
    const { access_token: token } = (await redeem(hospital, begun, { clientId })).json;
    expect((await read(token, `Patient/${one}`)).status).toBe(200);
    const refused = await read(token, `Patient/${one}/$proof`);
    const { pid } = (await server.node.organisations.get('hospital-a')!.vault.patients.findByFhirId(two))!;
    expect([refused.status, refused.text.includes(pid)]).toEqual([403, false]);
    const theirs = await read(claimed.token, `Patient/${one}/$proof`);
    expect([theirs.status, theirs.text.includes(pid)]).toEqual([200, true]);
  });
});
