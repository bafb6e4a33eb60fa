import type { AuditEvent } from '@salus/records';
import { delegation } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openBrowser } from '../../test/browser.ts';
import { type Answer, importChapter, PASSWORD } from '../../test/hospital.ts';
import { authorisationRequest, redeem } from '../../test/smart-app.ts';
import {
  ask,
  type HttpAnswer,
  openSmartHospital,
  REDIRECT,
  registerClient,
  revokeClient,
  type SmartHospital,
} from '../../test/smart-hospital.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const CLIENTS = '/api/v1/orgs/hospital-a/clients';
const WRITES = ['record.commit', 'record.correct', 'record.tombstone'];
let hospital: SmartHospital;
let app: string;
let fhirId: string;
/** Of the clinician, who has the patient in care. */
let session: string;
let bearer: string;

beforeAll(async () => {
  hospital = await openSmartHospital(['hospital-a']);
  const { server } = hospital;
  ({ fhirId } = await importChapter(server, 'hospital-a'));
  session = await server.logIn('a.mehta', { writing: true });
  const desk = await server.logIn('a.desk');
  const { json } = await server.send('GET', `/api/v1/orgs/hospital-a/patients/${fhirId}`, { token: desk });
  const body = { pid: json.pid, person: server.wallet('a.mehta').id, untilMs: Date.now() + 3_600_000 };
  await server.send('POST', '/api/v1/orgs/hospital-a/assignments', { token: desk, body });
  ({ clientId: app } = await registerClient(server, { scope: 'openid fhirUser user/*.cruds', purpose: 'TREAT' }));
  bearer = await launch('a.mehta', 'user/Observation.cruds user/Patient.rs');
});
afterAll(() => hospital?.[Symbol.asyncDispose]());

async function launch(account: string, scope: string, clientId = app): Promise<string> {
  const { url, verifier } = authorisationRequest(hospital, { clientId, scope: `openid ${scope}` });
  const browser = openBrowser();
  const page = await browser.open(url, REDIRECT);
  const visit = await browser.submit(page.url, { answer: 'allow', account, password: PASSWORD }, REDIRECT);
  const code = new URL(visit.url).searchParams.get('code') ?? '';
  const { json, text } = await redeem(hospital, { code, verifier }, { clientId });
  if (typeof json.access_token !== 'string') throw new Error(text);
  return json.access_token as string;
}

async function lend(
  { by = 'a.mehta', to = app, at = to }: { readonly by?: string; readonly to?: string; readonly at?: string } = {},
  token = session,
): Promise<Answer> {
  const { server } = hospital;
  const signed = await delegation(server.wallet(by), server.occasion(), { delegate: to, scope: WRITES });
  return server.send('PUT', `${CLIENTS}/${at}/delegation`, { token, body: { delegation: signed } });
}

/** What a member of staff is told of an app. */
async function shown(client: string, token = session): Promise<Record<string, unknown> | undefined> {
  const { status, json, text } = await hospital.server.send('GET', '/api/v1/orgs/hospital-a/apps', { token });
  expect(status, text).toBe(200);
  return (json.apps as Record<string, unknown>[]).find((one) => one.client === client);
}

const ownId = (): string => hospital.server.wallet('a.mehta').id;

async function lastNoted(): Promise<AuditEvent | undefined> {
  const { vault } = hospital.server.node.organisations.get('hospital-a')!;
  const lines = await vault.audit.list({ limit: 20 });
  return lines.find(({ event }) => event.kind === 'registration')?.event;
}

const observation = (text: string) => ({
  ...{ resourceType: 'Observation', status: 'final', code: { text }, effectiveDateTime: '2026-01-02' },
  subject: { reference: `Patient/${fhirId}` },
});
const write = (resource: object, path: string, token = bearer, method = 'POST'): Promise<HttpAnswer> =>
  ask(path === '' ? hospital.base : `${hospital.base}/${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
    body: JSON.stringify(resource),
  });
const transactionOf = (resource: { readonly resourceType: string }) => ({
  ...{ resourceType: 'Bundle', type: 'transaction' },
  entry: [{ resource, request: { method: 'POST', url: resource.resourceType } }],
});

describe('a clinician’s app that would write', () => {
  it('writes nothing of itself, whatever its scopes say and although the person may write in a session', async () => {
    const refused = await write(observation('refused'), 'Observation');
    expect(refused.status, refused.text).toBe(403);
    expect((await write(transactionOf(observation('refused')), '')).status).toBe(403);
    expect(await shown(app)).toEqual({
      ...{ client: app, name: 'Growth Chart', usedBy: 'staff', mayWrite: true, lent: null },
      scopes: ['openid', 'fhirUser', 'user/*.cruds'],
    });
  });

  it('is lent the name of nobody but who signs, by nothing that another signed or for another delegate', async () => {
    expect((await lend({ by: 'a.rossi' })).json).toMatchObject({ status: 400 });
    expect((await lend({ to: hospital.server.node.organisations.get('hospital-a')!.node.id, at: app })).status).toBe(
      400,
    );
    expect((await lend({ at: 'A'.repeat(22) })).status).toBe(404);
    expect((await write(observation('refused'), 'Observation')).status).toBe(403);
  });

  it('writes in the person’s name once their key has signed so, with a key of its own', async () => {
    const lent = await lend();
    expect(lent.status, lent.text).toBe(200);
    // Who lent a name stands in the log before anything is written in it.
    expect(await lastNoted()).toMatchObject({ query: `delegation.put ${app}`, who: { id: ownId() }, outcome: 'ok' });
    const { untilMs } = lent.json as { untilMs: number };
    expect(await shown(app)).toMatchObject({ lent: { scope: WRITES, untilMs } });
    // Whom a colleague trusts is theirs.
    expect(await shown(app, await hospital.server.logIn('a.rossi'))).toMatchObject({ lent: null });
    const created = await write(observation('by the app'), 'Observation');
    expect(created.status, created.text).toBe(201);
    const id = created.json.id as string;
    const next = { ...created.json, status: 'amended' };
    expect((await write(next, `Observation/${id}`, bearer, 'PUT')).status).toBe(200);
    const { vault } = hospital.server.node.organisations.get('hospital-a')!;
    const record = await vault.rows.findResource('Observation', id);
    const [written] = (await vault.audit.list({ limit: 20 })).filter(({ event }) => event.kind === 'write');
    expect(written!.event).toMatchObject({ who: { id: hospital.server.wallet('a.mehta').id }, purpose: 'TREAT' });
    const call = await hospital.server.send('GET', `/api/v1/ledger/transactions/${record!.callId}`, { token: session });
    expect(JSON.stringify(call.json ?? {}), call.text).toContain(app);
  });

  it('writes within its scopes, within the person’s role and care, and nothing for another person', async () => {
    const condition = {
      resourceType: 'Condition',
      subject: { reference: `Patient/${fhirId}` },
      code: { text: 'none' },
    };
    expect((await write(condition, 'Condition')).status).toBe(403);
    expect((await write(transactionOf(condition), '')).status).toBe(403);
    const reading = await launch('a.mehta', 'user/*.rs');
    expect((await write(observation('no letter'), 'Observation', reading)).status).toBe(403);
    expect((await write(transactionOf(observation('no letter')), '', reading)).status).toBe(403);
    const rossi = await hospital.server.logIn('a.rossi');
    const hers = await launch('a.rossi', 'user/*.cruds');
    expect((await write(observation('lent by nobody'), 'Observation', hers)).status).toBe(403);
    expect((await lend({ by: 'a.rossi' }, rossi)).status).toBe(200);
    // She has the patient not in care.
    expect((await write(observation('no care'), 'Observation', hers)).status).toBe(403);
    const { clientId } = await registerClient(hospital.server, {
      ...{ name: 'Other', scope: 'openid fhirUser user/*.cruds', purpose: 'TREAT' },
    });
    const other = await launch('a.mehta', 'user/*.cruds', clientId);
    expect((await write(observation('another app'), 'Observation', other)).status).toBe(403);
  });

  it('writes no more once it is taken back, has ended, or the app is revoked', async () => {
    const { server } = hospital;
    const back = await server.send('DELETE', `${CLIENTS}/${app}/delegation`, { token: session });
    expect(back.status, back.text).toBe(204);
    expect(await lastNoted()).toMatchObject({ query: `delegation.delete ${app}`, who: { id: ownId() } });
    expect((await write(observation('taken back'), 'Observation')).status).toBe(403);
    expect(await shown(app)).toMatchObject({ lent: null });
    expect((await lend()).status).toBe(200);
    expect((await write(observation('again'), 'Observation')).status).toBe(201);
    await revokeClient(server, app);
    expect((await write(observation('revoked'), 'Observation')).status).toBe(401);
    expect((await lend()).status).toBe(404);
    expect(await shown(app)).toBeUndefined();
  });
});
