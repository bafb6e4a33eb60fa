import { createHash, randomBytes } from 'node:crypto';
import { apiClient, logInStaff, submitCall } from '@salus/client';
import { signerFromPkcs8 } from '@salus/crypto';
import { parseDeviceCode, staffCall } from '@salus/wallet';
import type { Stage } from './harness.ts';

const ORGANISATION = 'hospital-a';
const ADMINISTRATOR = 'hospital-a.admin';

/** An app of others at hospital A. It returns to the node itself: no page of a walk may ask another host. */
export interface OtherApp {
  readonly clientId: string;
  /** Everything that it may ask for. */
  readonly scope: string;
}

/** Registers an app as the administrator of hospital A does: the node certifies it, the administrator's own key enrols it. */
export async function registerApp(
  { url, cast }: Pick<Stage, 'url' | 'cast'>,
  { name, scope, purpose }: { readonly name: string; readonly scope: string; readonly purpose: string },
): Promise<OtherApp> {
  const person = cast.staff.find(({ account }) => account === ADMINISTRATOR);
  const code = parseDeviceCode(person?.device ?? '');
  if (person === undefined || code.kind !== 'staff') throw new Error('the demonstration has no such administrator');
  const { account, password } = person;
  const { api, token } = await logInStaff(apiClient(url, fetch), { organisation: ORGANISATION, account, password });
  const { clientId, chain } = await api.send<{ clientId: string; chain: string[] }>({
    method: 'POST',
    path: `/api/v1/orgs/${ORGANISATION}/clients`,
    body: {
      ...{ name, scope, purpose, authentication: 'none', redirectUris: [returnOf(url)], launchUri: null, jwks: null },
      roles: [],
    },
    token,
  });
  const call = await staffCall(
    { ...code, signer: signerFromPkcs8(code.privateKey) },
    { network: code.network, nowMs: Date.now() },
    { contract: 'membership', transaction: 'enrol', args: { certificates: [{ chain }] } },
  );
  await submitCall(api, ORGANISATION, call);
  return { clientId, scope };
}

/** Where the app sends a browser, with its PKCE pair (SMART App Launch 2, §2.0.8). */
export function authorisationOf(
  { url }: Pick<Stage, 'url'>,
  { clientId, scope }: OtherApp,
): { readonly address: string; readonly verifier: string } {
  const verifier = randomBytes(32).toString('base64url');
  const address = new URL(`${url}/${ORGANISATION}/oauth/auth`);
  const asked = {
    ...{ response_type: 'code', client_id: clientId, redirect_uri: returnOf(url), scope, state: 'of-the-app' },
    ...{ aud: `${url}/${ORGANISATION}/fhir/R4`, code_challenge_method: 'S256' },
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  };
  for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
  return { address: address.href, verifier };
}

/** Trades the code with which a browser came back for an access token. */
export async function redeem(
  { url }: Pick<Stage, 'url'>,
  { clientId }: OtherApp,
  { returned, verifier }: { readonly returned: string; readonly verifier: string },
): Promise<string> {
  const code = new URL(returned).searchParams.get('code') ?? '';
  const body = new URLSearchParams({
    ...{ grant_type: 'authorization_code', code, code_verifier: verifier },
    ...{ client_id: clientId, redirect_uri: returnOf(url) },
  });
  const answer = await fetch(`${url}/${ORGANISATION}/oauth/token`, { method: 'POST', body });
  const { access_token: token } = (await answer.json()) as { readonly access_token?: string };
  if (token === undefined) throw new Error(`the app got no token: ${answer.status}`);
  return token;
}

/** The status with which the app's reading is answered. */
export async function readAs({ url }: Pick<Stage, 'url'>, token: string, reference: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  const { status } = await fetch(`${url}/${ORGANISATION}/fhir/R4/${reference}`, { headers });
  return status;
}

function returnOf(url: string): string {
  return `${url}/callback`;
}
