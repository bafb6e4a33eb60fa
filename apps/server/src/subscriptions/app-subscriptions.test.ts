import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBrowser } from '../../test/browser.ts';
import { type Hook, openHook } from '../../test/hook.ts';
import { PASSWORD } from '../../test/hospital.ts';
import { authorisationRequest, redeem } from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  REDIRECT,
  registerClient,
  registerService,
  type SmartHospital,
  serviceToken,
} from '../../test/smart-hospital.ts';
import { ACCESS_TOKEN_SECONDS } from '../smart/provider.ts';
import { SubscriptionStore } from './subscription-store.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const WAIT = { timeout: 60_000, interval: 50 };
const FHIR = 'application/fhir+json';
const SCOPE = 'user/Observation.rs user/Subscription.cruds';
let hospital: SmartHospital;
let hook: Hook;

beforeAll(async () => {
  hospital = await openSmartHospital(['hospital-a']);
  hook = await openHook();
});
afterAll(async () => {
  await hook?.[Symbol.asyncDispose]();
  await hospital?.[Symbol.asyncDispose]();
});

const send = (token: string, method: string, path = '', body?: object): Promise<HttpAnswer> =>
  ask(`${hospital.base}/Subscription${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': FHIR },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });

const subscription = () => ({
  ...{ resourceType: 'Subscription', status: 'requested', reason: 'to be told' },
  ...{ criteria: 'Observation?code=2345-7', channel: { type: 'rest-hook', endpoint: hook.url, payload: FHIR } },
});

async function tokenOfService(scope: string): Promise<string> {
  const service = await registerService(hospital, { scope, roles: ['clinician'] });
  return (await serviceToken(hospital, service, scope)).json.access_token;
}

async function tokenOfPerson(scope: string): Promise<string> {
  const { clientId } = await registerClient(hospital.server, { scope, purpose: 'TREAT' });
  await hospital.server.logIn('a.rossi');
  const { url, verifier } = authorisationRequest(hospital, { clientId, scope });
  const browser = openBrowser();
  const page = await browser.open(url, REDIRECT);
  const form = { answer: 'allow', account: 'a.rossi', password: PASSWORD };
  const back = new URL((await browser.submit(page.url, form, REDIRECT)).url);
  const answer = await redeem(hospital, { code: back.searchParams.get('code') ?? '', verifier }, { clientId });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json.access_token;
}

describe('a subscription of an app', () => {
  it('is refused without a scope for what is done to it', async () => {
    const reader = await tokenOfService('system/Observation.rs');
    expect((await send(reader, 'POST', '', subscription())).status).toBe(403);
    expect((await send(reader, 'POST', '?x=/_search', subscription())).status).toBe(403);
    expect((await send(reader, 'GET')).status).toBe(403);
    const maker = await tokenOfService('system/Observation.rs system/Subscription.c');
    const made = await send(maker, 'POST', '', subscription());
    expect(made.status, made.text).toBe(201);
    const one = `/${made.json.id}`;
    for (const [method, path] of [
      ['GET', one],
      ['GET', `${one}/$status`],
      ['DELETE', one],
    ] as const) {
      expect((await send(maker, method, path)).status, `${method} ${path}`).toBe(403);
    }
    expect((await send(maker, 'PUT', one, { ...subscription(), id: made.json.id })).status).toBe(403);
  });

  it('ends with the token, unless the person let the app go on without them', async () => {
    const store = new SubscriptionStore(hospital.server.node.organisations.get('hospital-a')!.vault.documents);
    const made = [];
    for (const scope of [`${SCOPE} offline_access`, SCOPE]) {
      made.push(await send(await tokenOfPerson(scope), 'POST', '', subscription()));
    }
    expect(made.map(({ status }) => status)).toEqual([201, 201]);
    const [goesOn, ends] = made.map(({ json }) => json.id as string);
    for (const id of [goesOn, ends]) {
      await vi.waitFor(async () => expect((await store.find(id!))?.status).toBe('active'), WAIT);
    }
    hospital.server.clock.offsetMs += (ACCESS_TOKEN_SECONDS + 1) * 1_000;
    await vi.waitFor(async () => expect((await store.find(ends!))?.status).toBe('off'), WAIT);
    expect((await store.find(goesOn!))?.status).toBe('active');
  });
});
