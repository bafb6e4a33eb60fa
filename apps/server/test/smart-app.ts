import { createHash, randomBytes } from 'node:crypto';
import { openBrowser, type Visit } from './browser.ts';
import type { TestPatient, TestServer } from './hospital.ts';
import { grantToApp, type HttpAnswer, postForm, REDIRECT, type SmartHospital } from './smart-hospital.ts';

export const PATIENT_SCOPE = 'launch/patient openid fhirUser offline_access patient/*.rs';

/** An authorisation request as an app makes it, with its PKCE pair. */
export interface AuthorisationRequest {
  readonly url: string;
  readonly verifier: string;
  readonly state: string;
}

/** `change` replaces parameters; null leaves one out. */
export function authorisationRequest(
  { issuer, base }: Pick<SmartHospital, 'issuer' | 'base'>,
  { clientId, ...change }: { readonly clientId: string } & { readonly [name: string]: string | null },
): AuthorisationRequest {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: REDIRECT,
    scope: PATIENT_SCOPE,
    state,
    aud: base,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...change,
  };
  const url = new URL(`${issuer}/auth`);
  for (const [name, value] of Object.entries(parameters)) if (value !== null) url.searchParams.set(name, value);
  return { url: url.href, verifier, state };
}

/** What stands on the page that waits for a patient's wallet. */
export function codeOf({ answer }: Visit): string {
  const code = /<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(answer?.text ?? '')?.[1];
  if (code === undefined) throw new Error(`no code on the page: ${answer?.status} ${answer?.text}`);
  return code;
}

/** The wallet answers a code: it reads what asks, grants it and names the grant. */
export async function approve(
  server: TestServer,
  patient: TestPatient,
  { code, ...choice }: { readonly code: string } & Partial<Parameters<typeof grantToApp>[2]>,
): Promise<string> {
  const path = `/api/v1/orgs/${patient.organisation}/patient/apps/${code}`;
  const asked = await server.send('GET', path, { token: patient.token });
  if (asked.status !== 200) throw new Error(asked.text);
  const grant = await grantToApp(server, patient, { client: asked.json.client, ...choice });
  const { status, text } = await server.send('POST', path, { token: patient.token, body: { grant } });
  if (status !== 204) throw new Error(text);
  return grant;
}

export interface Launched {
  readonly code: string;
  readonly verifier: string;
  readonly grant: string;
}

/** From the app's request to the code at its redirect address, the patient's wallet saying yes in between. */
export async function launchAsPatient(
  { server, ...hospital }: SmartHospital,
  patient: TestPatient,
  {
    clientId,
    choice = {},
    ...change
  }: {
    readonly clientId: string;
    readonly choice?: Partial<Parameters<typeof grantToApp>[2]>;
    readonly scope?: string;
    readonly redirect_uri?: string;
    readonly nonce?: string;
  },
): Promise<Launched> {
  const browser = openBrowser();
  const { url, verifier, state } = authorisationRequest(hospital, { clientId, ...change });
  const target = change.redirect_uri ?? REDIRECT;
  const page = await browser.open(url, target);
  const grant = await approve(server, patient, { code: codeOf(page), ...choice });
  const { url: back } = await browser.open(page.url, target);
  const answer = new URL(back).searchParams;
  if (answer.get('state') !== state || answer.get('code') === null) throw new Error(`no code: ${back}`);
  return { code: answer.get('code')!, verifier, grant };
}

/** Trades the code of a public client for tokens. */
export function redeem(
  { issuer }: Pick<SmartHospital, 'issuer'>,
  { code, verifier }: Pick<Launched, 'code' | 'verifier'>,
  { clientId, redirectUri = REDIRECT }: { readonly clientId: string; readonly redirectUri?: string },
): Promise<HttpAnswer> {
  return postForm(`${issuer}/token`, {
    ...{ grant_type: 'authorization_code', code, code_verifier: verifier },
    ...{ client_id: clientId, redirect_uri: redirectUri },
  });
}
