import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { chapterAt, claimPatient, importChapter, revokeGrant } from '../../test/hospital.ts';
import {
  ask,
  grantToApp,
  JWT_BEARER,
  openSmartHospital,
  postForm,
  registerClient,
  registerService,
  revokeClient,
  type Service,
  type SmartHospital,
  serviceToken,
} from '../../test/smart-hospital.ts';

let hospital: SmartHospital;
let service: Service;
let token: string;
const SCOPE = 'system/*.rs';

beforeAll(async () => {
  hospital = await openSmartHospital();
  service = await registerService(hospital, { scope: SCOPE, roles: ['clinician'] });
  token = (await serviceToken(hospital, service, SCOPE)).json.access_token;
}, 240_000);
afterAll(() => hospital?.[Symbol.asyncDispose]());

const bearer = (given = token): RequestInit => ({ headers: { authorization: `Bearer ${given}` } });

describe('Backend Services Authorization (Inferno SMART App Launch 2.0)', () => {
  it('Authorization service token endpoint secured by transport layer security: names only its own address', async () => {
    const { json } = await ask(`${hospital.base}/.well-known/smart-configuration`);
    expect(json.token_endpoint).toBe(`${hospital.issuer}/token`);
  });

  it('Authorization request succeeds when supplied correct information', async () => {
    const answer = await serviceToken(hospital, service, SCOPE);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toContain('no-store');
    expect(answer.json).toEqual({
      access_token: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      token_type: 'Bearer',
      expires_in: 300,
      scope: SCOPE,
    });
  });

  it('takes RS384 as well as ES384', async () => {
    const other = await registerService(hospital, { scope: SCOPE, alg: 'RS384' });
    expect((await serviceToken(hospital, other, SCOPE)).status).toBe(200);
  });

  it('Authorization request fails when client supplies invalid grant_type', async () => {
    const answer = await postForm(`${hospital.issuer}/token`, {
      grant_type: 'not_a_grant_type',
      scope: SCOPE,
      client_assertion_type: JWT_BEARER,
      client_assertion: await service.assertion(),
    });
    expect([answer.status, answer.json.error]).toEqual([400, 'unsupported_grant_type']);
  });

  it('Authorization request fails when supplied invalid client_assertion_type', async () => {
    const answer = await postForm(`${hospital.issuer}/token`, {
      grant_type: 'client_credentials',
      scope: SCOPE,
      client_assertion_type: 'not_an_assertion_type',
      client_assertion: await service.assertion(),
    });
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
  });

  it('Authorization request fails when client supplies invalid JWT token', async () => {
    const { privateKey } = await generateKeyPair('ES384');
    const none = new UnsecuredJWT({ jti: 'x' }).setIssuer(service.clientId).setSubject(service.clientId);
    const unsigned = none.setAudience(`${hospital.issuer}/token`).setExpirationTime('2m').encode();
    const form = { grant_type: 'client_credentials', scope: SCOPE, client_assertion_type: JWT_BEARER };
    const wrong: Record<string, string> = {
      'another key': await service.assertion({ key: privateKey }),
      'alg none': unsigned,
      'no JWT': 'not.a.jwt',
      'another issuer': await service.assertion({ iss: 'somebody-else' }),
      'another subject': await service.assertion({ sub: 'somebody-else' }),
      'another audience': await service.assertion({ aud: 'https://elsewhere.example/token' }),
      'no audience': await service.assertion({ aud: null }),
      'no end': await service.assertion({ exp: null }),
      'an end that has passed': await service.assertion({ exp: Math.floor(Date.now() / 1000) - 60 }),
      'an end too far ahead': await service.assertion({ exp: Math.floor(Date.now() / 1000) + 3_600 }),
      'no jti': await service.assertion({ jti: null }),
      'an unknown kid': await service.assertion({ kid: 'key-2' }),
    };
    for (const [what, assertion] of Object.entries(wrong)) {
      const answer = await postForm(`${hospital.issuer}/token`, { ...form, client_assertion: assertion });
      expect([what, answer.status < 500, answer.json.access_token]).toEqual([what, true, undefined]);
      expect(answer.json.error, what).toMatch(/^invalid_(client|request)$/);
    }
  });

  it('refuses an assertion signed with an HMAC over the public key', async () => {
    const secret = new TextEncoder().encode(service.clientId);
    const forged = await new SignJWT({ jti: 'hmac' })
      .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
      .setIssuer(service.clientId)
      .setSubject(service.clientId)
      .setAudience(`${hospital.issuer}/token`)
      .setExpirationTime('2m')
      .sign(secret);
    const answer = await postForm(`${hospital.issuer}/token`, {
      ...{ grant_type: 'client_credentials', scope: SCOPE },
      ...{ client_assertion_type: JWT_BEARER, client_assertion: forged },
    });
    expect([answer.status, answer.json.error]).toEqual([401, 'invalid_client']);
  });

  it('refuses an assertion that was shown before', async () => {
    const jti = crypto.randomUUID();
    expect((await serviceToken(hospital, service, SCOPE, { jti })).status).toBe(200);
    const again = await serviceToken(hospital, service, SCOPE, { jti });
    expect([again.status, again.json.error]).toEqual([401, 'invalid_client']);
  });

  it('refuses an assertion to all but one of those who show it at once', async () => {
    const client_assertion = await service.assertion();
    const form = {
      grant_type: 'client_credentials',
      scope: SCOPE,
      client_assertion_type: JWT_BEARER,
      client_assertion,
    };
    const { artifacts } = hospital.server.node.organisations.get('hospital-a')!.vault;
    const find = artifacts.find.bind(artifacts);
    const asked = Promise.withResolvers<void>();
    let count = 0;
    // Each is told that the assertion is new before any of them goes on.
    const spy = vi.spyOn(artifacts, 'find').mockImplementation(async (kind, name) => {
      const found = await find(kind, name);
      if (kind === 'ReplayDetection') {
        count += 1;
        if (count === 6) asked.resolve();
        await asked.promise;
      }
      return found;
    });
    const shown = Array.from({ length: 6 }, () => postForm(`${hospital.issuer}/token`, form));
    const answers = await Promise.all(shown).finally(() => spy.mockRestore());
    const [first, ...others] = answers.toSorted((left, right) => left.status - right.status);
    expect([first?.status, others.length]).toEqual([200, 5]);
    for (const { status, json } of others) expect([status, json.error]).toEqual([401, 'invalid_client']);
  });

  it('binds no token to a key for which the FHIR API would not ask, and takes no pushed authorisation requests', async () => {
    const { json } = await ask(`${hospital.issuer}/.well-known/openid-configuration`);
    expect(json.token_endpoint).toBe(`${hospital.issuer}/token`);
    expect(json.dpop_signing_alg_values_supported).toBeUndefined();
    expect(json.pushed_authorization_request_endpoint).toBeUndefined();
    const client = { client_assertion_type: JWT_BEARER, client_assertion: await service.assertion() };
    const pushed = await postForm(`${hospital.issuer}/request`, { ...client, scope: SCOPE, response_type: 'code' });
    expect(pushed.status).toBe(404);
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const proof = await new SignJWT({ jti: 'proof', htm: 'POST', htu: `${hospital.issuer}/token` })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .sign(privateKey);
    const form = { ...client, grant_type: 'client_credentials', scope: SCOPE };
    const answer = await postForm(`${hospital.issuer}/token`, form, { dpop: proof });
    expect([answer.status, answer.json.token_type]).toEqual([200, 'Bearer']);
  });

  it('refuses scopes that are unknown, missing or more than was registered', async () => {
    for (const scope of ['system/*.cruds', 'system/Nonsense.rs', 'patient/*.rs', 'everything', '', 'openid']) {
      const answer = await serviceToken(hospital, service, scope);
      expect([scope, answer.status, answer.json.error]).toEqual([scope, 400, 'invalid_scope']);
    }
  });
});

describe('a back-end service with its token', () => {
  it('reads what its role and an assignment open, and nothing of whom it was not assigned', async () => {
    const { server, base } = hospital;
    const { fhirId, locations } = await importChapter(server, 'hospital-a');
    const observation = locations.find((location) => location.startsWith('Observation/'))!;
    const path = `${base}/${observation.replace(/\/_history.*$/, '')}`;
    const before = await ask(path, bearer());
    expect([before.status, before.json.resourceType]).toEqual([403, 'OperationOutcome']);
    const desk = await server.logIn('a.desk');
    const { json } = await server.send('GET', `/api/v1/orgs/hospital-a/patients/${fhirId}`, { token: desk });
    const assigned = await server.send('POST', '/api/v1/orgs/hospital-a/assignments', {
      token: desk,
      body: { pid: json.pid, person: service.clientId, untilMs: Date.now() + 3_600_000 },
    });
    expect(assigned.status).toBe(204);
    const read = await ask(path, bearer());
    expect([read.status, read.json?.resourceType]).toEqual([200, 'Observation']);
  });

  it('reads as grantee what a patient granted to it by name, until the grant is revoked', async () => {
    const { server, base } = hospital;
    const { fhirId, locations } = await importChapter(server, 'hospital-a', chapterAt('hospital-a', 11));
    const patient = await claimPatient(server, 'hospital-a', fhirId);
    const registry = await registerService(hospital, { scope: SCOPE, purpose: 'PUBHLTH' });
    const { json } = await serviceToken(hospital, registry, SCOPE);
    const only = bearer(json.access_token);
    expect((await ask(`${base}/Patient/${fhirId}`, only)).status).toBe(403);
    const choice = { client: registry.clientId, categories: ['identity'], purposes: ['PUBHLTH'] } as const;
    await grantToApp(server, patient, { ...choice, purposes: ['PATRQT'] });
    expect((await ask(`${base}/Patient/${fhirId}`, only)).status).toBe(403);
    const grant = await grantToApp(server, patient, choice);
    expect((await ask(`${base}/Patient/${fhirId}`, only)).status).toBe(200);
    expect((await ask(`${base}/Patient?_id=${fhirId}&_summary=count`, only)).json.total).toBe(1);
    const closed = locations.find((location) => location.startsWith('Encounter/'))!.replace(/\/_history.*$/, '');
    expect((await ask(`${base}/${closed}`, only)).status).toBe(403);
    expect((await revokeGrant(server, patient, grant)).status).toBe(200);
    expect((await ask(`${base}/Patient/${fhirId}`, only)).status).toBe(403);
  });

  it('is refused types of which no scope speaks, writes, and the administrators’ routes', async () => {
    const { json } = await serviceToken(hospital, service, 'system/Observation.r');
    const only = bearer(json.access_token);
    const refused = await ask(`${hospital.base}/Patient/x`, only);
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('insufficient_scope');
    expect((await ask(`${hospital.base}/Observation/unknown`, only)).status).toBe(404);
    expect((await ask(`${hospital.base}/Observation/x`, { ...only, method: 'DELETE' })).status).toBe(403);
    expect((await ask(`${hospital.url}/api/v1/orgs/hospital-a/clients`, only)).status).toBe(401);
  });

  it('opens nothing at another organisation', async () => {
    const elsewhere = await ask(`${hospital.url}/hospital-b/fhir/R4/Observation/x`, bearer());
    expect(elsewhere.status).toBe(401);
    expect(elsewhere.headers.get('www-authenticate')).toContain('invalid_token');
  });

  it('is refused without a token, and with one that nobody issued', async () => {
    expect((await ask(`${hospital.base}/Observation/x`)).status).toBe(401);
    expect((await ask(`${hospital.base}/Observation/x`, bearer('A'.repeat(43)))).status).toBe(401);
  });

  it('is refused at once after the administrator has revoked it on the ledger', async () => {
    const doomed = await registerService(hospital, { scope: SCOPE });
    const { json } = await serviceToken(hospital, doomed, SCOPE);
    expect((await ask(`${hospital.base}/Observation/unknown`, bearer(json.access_token))).status).toBe(404);
    await revokeClient(hospital.server, doomed.clientId);
    expect((await ask(`${hospital.base}/Observation/unknown`, bearer(json.access_token))).status).toBe(401);
    expect((await serviceToken(hospital, doomed, SCOPE)).json.error).toBe('invalid_client');
  });
});

describe('registration', () => {
  it('gives nothing to a client that the ledger does not list yet', async () => {
    const admin = await hospital.server.logIn('hospital-a.admin');
    const { json } = await hospital.server.send('POST', '/api/v1/orgs/hospital-a/clients', {
      token: admin,
      body: {
        ...{ name: 'Not Yet', authentication: 'client_secret_basic', redirectUris: ['https://app.example/cb'] },
        ...{ launchUri: null, scope: 'patient/*.rs', jwks: null, roles: [], purpose: 'PATRQT' },
      },
    });
    const answer = await postForm(
      `${hospital.issuer}/token`,
      { grant_type: 'authorization_code', code: 'x', redirect_uri: 'https://app.example/cb' },
      { authorization: `Basic ${Buffer.from(`${json.clientId}:${json.secret}`).toString('base64')}` },
    );
    expect([answer.status, answer.json.error]).toEqual([401, 'invalid_client']);
  });

  it('is for administrators, and refuses what would be unsafe', async () => {
    const clinician = await hospital.server.logIn('a.rossi');
    const url = '/api/v1/orgs/hospital-a/clients';
    expect((await hospital.server.send('POST', url, { token: clinician, body: {} })).status).toBe(403);
    const unsafe = [
      { scope: 'patient/*.rs', redirectUris: ['http://app.example/cb'] },
      { scope: 'patient/*.rs', redirectUris: ['myapp:/cb'] },
      { scope: 'patient/*.rs', redirectUris: [] },
      { scope: 'patient/*.rs', redirectUris: ['https://app.example/cb#there'] },
      { scope: 'system/*.rs', redirectUris: [] },
      { scope: 'system/*.rs launch', redirectUris: ['https://app.example/cb'] },
      { scope: 'patient/*.everything' },
      { scope: 'patient/*.rs', authentication: 'private_key_jwt' as const },
    ];
    for (const registration of unsafe) {
      await expect(registerClient(hospital.server, registration), JSON.stringify(registration)).rejects.toThrow(
        'bad-request',
      );
    }
  });
});
