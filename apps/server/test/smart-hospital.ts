import { freePort } from '@salus/testing';
import { type GrantChoice, grant, staffCall } from '@salus/wallet';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { DemonstrationStaff } from '../src/demonstration/consortium.ts';
import type { ClientRegistration } from '../src/smart/clients.ts';
import { bodyOf, openTestServer, type TestPatient, type TestServer } from './hospital.ts';

/** A node that listens, since apps and browsers find it by its address. */
export interface SmartHospital extends AsyncDisposable {
  readonly server: TestServer;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Base of the FHIR API of hospital-a. */
  readonly base: string;
  readonly issuer: string;
}

export const REDIRECT = 'http://127.0.0.1:9/callback';

export async function openSmartHospital(
  slugs: readonly string[] = ['hospital-a', 'hospital-b'],
  colleagues: readonly DemonstrationStaff[] = [],
): Promise<SmartHospital> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await openTestServer(slugs, url, colleagues);
  await server.app.listen({ host: '127.0.0.1', port });
  return {
    ...{ server, url },
    base: `${url}/hospital-a/fhir/R4`,
    issuer: `${url}/hospital-a/oauth`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export interface RegisteredClient {
  readonly clientId: string;
  readonly secret: string | null;
}

/** Registers an app as its administrator does: the node certifies, the administrator's own signature enrols. */
export async function registerClient(
  server: TestServer,
  registration: Partial<ClientRegistration> & Pick<ClientRegistration, 'scope'>,
  organisation = 'hospital-a',
): Promise<RegisteredClient> {
  const account = `${organisation}.admin`;
  const token = await server.logIn(account);
  const { status, json, text } = await server.send('POST', `/api/v1/orgs/${organisation}/clients`, {
    token,
    body: {
      ...{ name: 'Growth Chart', authentication: 'none', redirectUris: [REDIRECT], launchUri: null, jwks: null },
      ...{ roles: [], purpose: 'PATRQT', ...registration },
    },
  });
  if (status !== 200) throw new Error(text);
  await membership(server, account, 'enrol', { certificates: [{ chain: json.chain }] });
  return json as RegisteredClient;
}

export async function revokeClient(server: TestServer, id: string, organisation = 'hospital-a'): Promise<void> {
  await membership(server, `${organisation}.admin`, 'revoke', { id, reason: 'withdrawn' });
}

async function membership(
  server: TestServer,
  account: string,
  transaction: string,
  args: Parameters<typeof staffCall>[2]['args'],
): Promise<void> {
  const wallet = server.wallet(account);
  const call = await staffCall(wallet, server.occasion(), { contract: 'membership', transaction, args });
  const { status, text } = await server.send('POST', `/api/v1/orgs/${wallet.organisation}/calls`, {
    body: bodyOf(call),
  });
  if (status !== 200) throw new Error(text);
}

/** A back-end service with its key pair, by which it signs what it shows at the token endpoint. */
export interface Service extends RegisteredClient {
  assertion(claims?: AssertionClaims): Promise<string>;
  readonly key: CryptoKey;
}

export interface AssertionClaims {
  readonly iss?: string | null;
  readonly sub?: string | null;
  readonly aud?: string | null;
  readonly exp?: number | null;
  readonly jti?: string | null;
  readonly kid?: string;
  readonly alg?: string;
  readonly key?: CryptoKey;
}

export async function registerService(
  { server, issuer }: SmartHospital,
  { alg = 'ES384', ...registration }: Partial<ClientRegistration> & { readonly scope: string; readonly alg?: string },
): Promise<Service> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', alg };
  const client = await registerClient(server, {
    ...{ name: 'Quality Reports', authentication: 'private_key_jwt', redirectUris: [], purpose: 'TREAT' },
    ...registration,
    jwks: { keys: [jwk as never] },
  });
  const assertion = (claims: AssertionClaims = {}): Promise<string> =>
    signAssertion(claims.key ?? privateKey, {
      ...{ iss: client.clientId, sub: client.clientId, aud: `${issuer}/token`, kid: 'key-1', alg },
      ...{ exp: Math.floor(Date.now() / 1000) + 240, jti: crypto.randomUUID() },
      ...claims,
    });
  return { ...client, key: privateKey, assertion };
}

async function signAssertion(
  key: CryptoKey,
  { iss, sub, aud, exp, jti, kid = 'key-1', alg = 'ES384' }: AssertionClaims,
): Promise<string> {
  const claims = Object.fromEntries(Object.entries({ iss, sub, aud, exp, jti }).filter(([, value]) => value !== null));
  return new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(key);
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: ReturnType<typeof JSON.parse>;
}

export async function ask(url: string, init: RequestInit = {}): Promise<HttpAnswer> {
  const answer = await fetch(url, { redirect: 'manual', ...init });
  const text = await answer.text();
  const isJson = /[/+]json/.test(answer.headers.get('content-type') ?? '');
  return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

export function postForm(
  url: string,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<HttpAnswer> {
  return ask(url, { method: 'POST', body: new URLSearchParams(form), headers });
}

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export async function serviceToken(
  { issuer }: SmartHospital,
  service: Service,
  scope: string,
  claims: AssertionClaims = {},
): Promise<HttpAnswer> {
  return postForm(`${issuer}/token`, {
    grant_type: 'client_credentials',
    scope,
    client_assertion_type: JWT_BEARER,
    client_assertion: await service.assertion(claims),
  });
}

/** The patient's wallet grants the app what it asks for, at the organisation that keeps the records. */
export async function grantToApp(
  server: TestServer,
  patient: TestPatient,
  { client, ...choice }: { readonly client: string } & Partial<GrantChoice>,
): Promise<string> {
  const nowMs = server.occasion().nowMs;
  const { organisation, pid } = patient;
  const made = await grant(patient.wallet, server.occasion(), {
    choice: {
      pid,
      categories: ['identity', 'laboratory', 'vital-signs'],
      labelClasses: ['N'],
      purposes: ['PATRQT'],
      notBeforeMs: nowMs,
      notAfterMs: nowMs + 86_400_000,
      ...choice,
      grantee: { kind: 'client', organisation, id: client },
    },
    envelopes: [],
    recipients: [],
  });
  const { status, text } = await server.send('POST', `/api/v1/orgs/${organisation}/patient/grants`, {
    token: patient.token,
    body: { ...bodyOf(made), seals: made.seals },
  });
  if (status !== 200) throw new Error(text);
  patient.wallet = made.wallet;
  return made.terms.grant;
}
