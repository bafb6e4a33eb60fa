import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Demonstration, openDemonstration } from './desk.ts';

const TIMEOUT_MS = 240_000;
const REDIRECT = 'https://app.example/callback';
const SCOPE = 'launch/patient openid patient/*.rs';
let demonstration: Demonstration;

beforeAll(async () => {
  demonstration = await openDemonstration();
}, 240_000);
afterAll(() => demonstration[Symbol.asyncDispose]());

it(
  'an app is registered by the administrator, let in by a patient’s wallet on the command line, and logged out by revoking its grant',
  async () => {
    const { desk } = demonstration;
    const registering = ['staff', 'register-app', '--name', 'Growth Chart', '--scope', SCOPE, '--redirect', REDIRECT];
    expect((await desk.salus(...registering, '--as', 'a.rossi')).exit).toBe(EXIT.denied);
    const registered = await desk.salus(...registering, '--as', 'hospital-a.admin', '--json');
    const { clientId } = registered.json<{ clientId: string }>();
    const page = await openPage(clientId);
    const approving = ['patient', 'approve-app', 'hospital-a'];
    expect((await desk.salus(...approving, '0000-0000', '--yes', '--as', 'patient-1')).exit).not.toBe(EXIT.ok);
    const narrow = ['--categories', 'identity', '--yes', '--as', 'patient-1', '--json'];
    const approved = await desk.salus(...approving, page.code.toLowerCase().replace('-', ''), ...narrow);
    expect([approved.exit, approved.stderr]).toEqual([
      EXIT.ok,
      expect.stringContaining('Growth Chart, which returns to app.example'),
    ]);
    const { grant, opens } = approved.json<{ grant: string; opens: number }>();
    expect(opens).toBeGreaterThan(0);
    const tokens = await page.redeem();
    const patient = await read(tokens.access_token, `Patient/${tokens.patient}`);
    expect([patient.status, ((await patient.json()) as { resourceType: string }).resourceType]).toEqual([
      200,
      'Patient',
    ]);
    const listed = await desk.salus('staff', 'apps', '--as', 'hospital-a.admin', '--json');
    expect(listed.json()).toMatchObject({ clients: [{ clientId, live: true }] });
    const naming = [
      'grant',
      '--to',
      `client:${clientId}@hospital-a`,
      '--at',
      'hospital-a',
      '--categories',
      'laboratory',
    ];
    const named = await desk.salus(...naming, '--purpose', 'PATRQT', '--yes', '--as', 'patient-1', '--json');
    expect([named.exit, named.json()]).toEqual([
      EXIT.ok,
      { grants: [expect.objectContaining({ token: null })], answer: null },
    ]);
    const everything = async (): Promise<string> =>
      (await read(tokens.access_token, `Patient/${tokens.patient}/$everything`)).text();
    expect(await everything()).not.toContain('/hospital-b/fhir/R4/');
    const changed: Readonly<Record<string, string>> = { 'hospital-a': 'hospital-b', laboratory: 'identity' };
    const there = naming.map((word) => changed[word] ?? word);
    const handed = await desk.salus(...there, '--purpose', 'PATRQT', '--yes', '--as', 'patient-1', '--json');
    expect([handed.exit, handed.stderr]).toEqual([EXIT.ok, expect.stringContaining('hospital-b')]);
    expect(await everything()).toContain('/hospital-b/fhir/R4/Patient/');
    const lending = ['staff', 'lend', clientId, '--as', 'a.rossi', '--json'];
    const lent = (await desk.salus(...lending)).json<{ untilMs: number }>();
    expect(lent.untilMs).toBeGreaterThan(Date.now());
    expect((await desk.salus(...lending, '--back')).json()).toEqual({ client: clientId, untilMs: null });
    expect((await desk.salus('revoke', grant, '--as', 'patient-1')).exit).toBe(EXIT.ok);
    expect((await read(tokens.access_token, `Patient/${tokens.patient}`)).status).toBe(401);
    expect((await desk.salus('staff', 'revoke', clientId, '--as', 'hospital-a.admin')).exit).toBe(EXIT.ok);
    const ended = await desk.salus('staff', 'apps', '--as', 'hospital-a.admin', '--json');
    expect(ended.json()).toMatchObject({ clients: [{ clientId, live: false }] });
  },
  TIMEOUT_MS,
);

interface Page {
  readonly code: string;
  redeem(): Promise<{ readonly access_token: string; readonly patient: string }>;
}

/** Opens the authorisation page as a browser does. The node listens on a port that its settings do not know. */
async function openPage(clientId: string): Promise<Page> {
  const found = await fetch(`${demonstration.url()}/hospital-a/fhir/R4/.well-known/smart-configuration`);
  const {
    issuer,
    authorization_endpoint: authorise,
    token_endpoint: token,
  } = (await found.json()) as Record<string, string>;
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(authorise!);
  url.search = new URLSearchParams({
    ...{ response_type: 'code', client_id: clientId, redirect_uri: REDIRECT, scope: SCOPE, state: 'state' },
    aud: issuer!.replace(/oauth$/, 'fhir/R4'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString();
  const cookies = new Map<string, string>();
  const here = (address: string): string => address.replace(new URL(issuer!).origin, demonstration.url());
  const follow = async (address: string): Promise<{ readonly url: string; readonly text: string }> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(here(address), { redirect: 'manual', headers: { cookie, accept: 'text/html' } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location === null) return { url: address, text: await answer.text() };
    const next = new URL(location, address).href;
    return next.startsWith(REDIRECT) ? { url: next, text: '' } : follow(next);
  };
  const page = await follow(url.href);
  const code = /<code>([^<]+)<\/code>/.exec(page.text)?.[1];
  if (code === undefined) throw new Error(page.text);
  return {
    code,
    redeem: async () => {
      const back = new URL((await follow(page.url)).url);
      const form = {
        grant_type: 'authorization_code',
        code: back.searchParams.get('code') ?? '',
        code_verifier: verifier,
      };
      const body = new URLSearchParams({ ...form, client_id: clientId, redirect_uri: REDIRECT });
      return (await fetch(here(token!), { method: 'POST', body })).json() as ReturnType<Page['redeem']>;
    },
  };
}

function read(token: string, path: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${demonstration.url()}/hospital-a/fhir/R4/${path}`, { headers });
}
