import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes, toBase64url } from '@salus/crypto';
import { claim, createPatientWallet, derivedDeviceKeys, deviceSigner, parseSlip, prepareCall } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AdmittedPatient, admitPatient, firstWritten, linkPractitioner } from '../../test/admitted.ts';
import {
  bodyOf,
  chapterAt,
  importChapter,
  logInPatient,
  openTestServer,
  type TestServer,
} from '../../test/hospital.ts';

const FHIR = 'application/fhir+json';
const A = '/api/v1/orgs/hospital-a';
/** Threads that read the FHIR definitions, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let server: TestServer;
let doctor: string;
let patient: AdmittedPatient;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b', 'laboratory']);
  patient = await admitPatient(server, 'hospital-a');
  doctor = await server.logIn('a.rossi', { writing: true });
  await linkPractitioner(server, { account: 'a.rossi', practitioner: firstWritten(patient, 'Practitioner') });
});
afterAll(() => server[Symbol.asyncDispose]());

const locate = (type: string): string => firstWritten(patient, type);
const codeOf = (answer: { json: { issue: [{ details: { coding: [{ code: string }] } }] } }): string =>
  answer.json.issue[0].details.coding[0].code;

describe('FHIR at home', () => {
  it('gives a resource’s own text to whoever has the patient in care, with its version', async () => {
    const url = `/hospital-a/fhir/R4/${locate('MedicationRequest')}`;
    const read = await server.send('GET', url, { token: doctor });
    expect(read.status, read.text).toBe(200);
    expect(read.type).toContain(FHIR);
    expect(read.json).toMatchObject({ resourceType: 'MedicationRequest', meta: { versionId: '1' } });
    expect((await server.send('GET', `${url}/_history/1`, { token: doctor })).text).toBe(read.text);
    expect((await server.send('GET', `${url}/_history/2`, { token: doctor })).status).toBe(404);
  });

  it('keeps number literals as they were written', async () => {
    const bundle = chapterAt('hospital-a', 21)
      .replace(/"value": (\d+)/, '"value": 1.50')
      .replace(/"value": (\d+),/, '"value": 0.010,');
    const { locations: made } = await importChapter(server, 'hospital-a', bundle);
    const texts = await Promise.all(
      made
        .filter((location) => location.startsWith('Observation/'))
        .map(async (location) => (await server.send('GET', `/hospital-a/fhir/R4/${location}`, { token: doctor })).text),
    );
    expect(texts.some((text) => text.includes('"value":1.50') || text.includes('"value": 1.50'))).toBe(true);
    expect(texts.some((text) => /"value": ?0\.010/.test(text))).toBe(true);
  });

  it('refuses who has neither role nor care relationship, an unknown type, and the same import again', async () => {
    const url = `/hospital-a/fhir/R4/${locate('MedicationRequest')}`;
    const colleague = await server.logIn('a.mehta');
    const refused = await server.send('GET', url, { token: colleague });
    expect([refused.status, codeOf(refused)]).toEqual([403, 'denied']);
    const admin = await server.logIn('hospital-a.admin');
    expect(codeOf(await server.send('GET', url, { token: admin }))).toBe('denied');
    expect(codeOf(await server.send('GET', '/hospital-a/fhir/R4/Horse/1', { token: doctor }))).toBe('not-found');
    const again = await server.send('POST', `${A}/imports`, {
      token: doctor,
      raw: chapterAt('hospital-a'),
      type: FHIR,
    });
    expect([again.status, codeOf(again)]).toEqual([409, 'already-imported']);
    expect(
      (await server.send('POST', `${A}/imports?again=1`, { token: doctor, raw: chapterAt('hospital-a'), type: FHIR }))
        .status,
    ).toBe(200);
  });

  it('opens to a colleague whom the desk assigns, until the patient denies it', async () => {
    const url = `/hospital-a/fhir/R4/${locate('MedicationRequest')}`;
    const desk = await server.logIn('a.desk');
    const colleague = await server.logIn('a.nurse');
    const person = server.wallet('a.nurse').id;
    const untilMs = server.occasion().nowMs + 3_600_000;
    expect(
      (await server.send('POST', `${A}/assignments`, { token: desk, body: { pid: patient.pid, person, untilMs } }))
        .status,
    ).toBe(204);
    expect((await server.send('GET', url, { token: colleague })).status).toBe(200);
    const denied = await server.send('POST', `${A}/patient/denials`, {
      token: patient.token,
      body: { persons: [person], labelClasses: [] },
    });
    expect(denied.status, denied.text).toBe(200);
    expect(codeOf(await server.send('GET', url, { token: colleague }))).toBe('denied');
    const { json } = await server.send('GET', `${A}/patient/denials`, { token: patient.token });
    expect(json.denials).toHaveLength(1);
    const { denialId } = json.denials[0] as { denialId: string };
    expect((await server.send('DELETE', `${A}/patient/denials/${denialId}`, { token: patient.token })).status).toBe(
      204,
    );
    expect((await server.send('GET', url, { token: colleague })).status).toBe(200);
  });

  it('logs who looks patients up, in the log of whom was looked for', async () => {
    const desk = await server.logIn('a.desk');
    const { id } = server.wallet('a.desk');
    const { json: list } = await server.send('GET', `${A}/patients`, { token: desk });
    expect((list.patients as { pid: string }[]).map(({ pid }) => pid)).toContain(patient.pid);
    const { json: found } = await server.send('GET', `${A}/patients/${patient.fhirId}`, { token: desk });
    expect(found.pid).toBe(patient.pid);
    const { audit } = server.node.organisations.get('hospital-a')!.vault;
    const events = (await audit.list({ limit: 10 })).map(({ event }) => event).filter(({ kind }) => kind === 'search');
    expect(events.map(({ pid, who }) => [pid, who?.kind === 'member' ? who.id : null])).toEqual([
      [patient.pid, id],
      [null, id],
    ]);
    const { json } = await server.send('GET', `${A}/patient/audit?limit=1`, { token: patient.token });
    expect(json.lines[0].event).toMatchObject({ kind: 'search', who: { id }, outcome: 'ok' });
  });

  it('corrects a version once, and hides what is deleted', async () => {
    const place = locate('Condition');
    const url = `/hospital-a/fhir/R4/${place}`;
    const before = await server.send('GET', url, { token: doctor });
    const corrected = JSON.stringify({ ...before.json, recordedDate: '2026-01-01' });
    const put = async (version: string | undefined) => {
      const headers = {
        authorization: `Bearer ${doctor}`,
        'content-type': FHIR,
        ...(version === undefined ? {} : { 'if-match': version }),
      };
      const answer = await server.app.inject({ method: 'PUT', url, headers, payload: corrected });
      return {
        status: answer.statusCode,
        json: answer.json<Parameters<typeof codeOf>[0]['json'] & { meta: { versionId: string } }>(),
      };
    };
    expect(codeOf(await put('three'))).toBe('bad-request');
    const both = await Promise.all([put('W/"1"'), put('W/"1"')]);
    expect(both.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([200, 412]);
    expect(both.find(({ status }) => status === 200)!.json.meta.versionId).toBe('2');
    expect((await server.send('GET', `${url}/_history/1`, { token: doctor })).text).toBe(before.text);
    expect((await server.send('DELETE', url, { token: doctor })).status).toBe(204);
    const gone = await server.send('GET', url, { token: doctor });
    expect([gone.status, codeOf(gone)]).toEqual([410, 'tombstoned']);
  });

  it('acknowledges the correction with which somebody ends their own access', async () => {
    const encounter = {
      resourceType: 'Encounter',
      status: 'in-progress',
      class: { code: 'AMB' },
      subject: { reference: 'urn:uuid:6ba7b810-9dad-41d1-80b4-00c04fd430c8' },
      participant: [{ individual: { reference: locate('Practitioner') } }],
    };
    const entry = [{ resourceType: 'Patient' }, encounter].map((resource, index) => ({
      ...(index === 0 ? { fullUrl: encounter.subject.reference } : {}),
      resource,
      request: { method: 'POST', url: resource.resourceType },
    }));
    const raw = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
    const made = await server.send('POST', '/hospital-a/fhir/R4', { token: doctor, raw, type: FHIR });
    const [, url] = (made.json.entry as { response: { location: string } }[]).map(
      ({ response }) => `/hospital-a/fhir/R4/${response.location.replace(/\/_history.*/, '')}`,
    );
    const { json: open } = await server.send('GET', url!, { token: doctor });
    const headers = { authorization: `Bearer ${doctor}`, 'content-type': FHIR, 'if-match': 'W/"1"' };
    const payload = JSON.stringify({ ...open, status: 'finished' });
    const answer = await server.app.inject({ method: 'PUT', url: url!, headers, payload });
    expect([answer.statusCode, answer.headers.etag]).toEqual([200, 'W/"2"']);
    expect(answer.json()).toMatchObject({ status: 'finished', meta: { versionId: '2' } });
    expect(codeOf(await server.send('GET', url!, { token: doctor }))).toBe('denied');
  });

  it('streams a document in its own media type', async () => {
    const content = Buffer.from(randomBytes(60_000)).toString('base64');
    const headers = {
      authorization: `Bearer ${doctor}`,
      'content-type': 'text/plain',
      'x-security-context': locate('Patient'),
    };
    const made = await server.app.inject({
      method: 'POST',
      url: '/hospital-a/fhir/R4/Binary',
      headers,
      payload: content,
    });
    expect(made.statusCode, made.body).toBe(201);
    const id = /Binary\/([^/]+)/.exec(String(made.headers.location))![1]!;
    const read = await server.app.inject({
      url: `/hospital-a/fhir/R4/Binary/${id}/content`,
      headers: { authorization: `Bearer ${doctor}` },
    });
    expect([read.statusCode, read.headers['content-type'], read.headers['content-disposition']]).toEqual([
      200,
      'text/plain',
      'attachment',
    ]);
    expect(read.body === content).toBe(true);
    const without = await server.app.inject({
      method: 'POST',
      url: '/hospital-a/fhir/R4/Binary',
      headers: { authorization: `Bearer ${doctor}`, 'content-type': 'text/plain' },
      payload: 'x',
    });
    expect(without.statusCode).toBe(400);
  });
});

describe('the patient', () => {
  it('sees what there is and reads it, with proofs of where it stands on the ledger', async () => {
    const path = `${A}/patient`;
    const { json } = await server.send('GET', `${path}/records?limit=500`, { token: patient.token });
    const types = (json.records as { type: string }[]).map(({ type }) => type);
    expect(types).toContain('MedicationRequest');
    expect(types).not.toContain('Practitioner');
    const paged: unknown[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page = await server.send('GET', `${path}/records?limit=3${next === '' ? '' : `&after=${next}`}`, {
        token: patient.token,
      });
      paged.push(...(page.json.records as unknown[]));
      next = page.json.next as string | null;
    }
    expect(paged).toEqual(json.records);
    const { recordId } = (json.records as { type: string; recordId: string }[]).find(
      ({ type }) => type === 'MedicationRequest',
    )!;
    expect((await server.send('GET', `${path}/records/${recordId}`, { token: patient.token })).json.resourceType).toBe(
      'MedicationRequest',
    );
    const { json: proven } = await server.send('GET', `${path}/records/${recordId}/leaves`, { token: patient.token });
    expect(proven.leaves).toMatchObject([{ version: 1, proof: expect.any(Array) as unknown }]);
    const grants = await server.send('GET', `${path}/grants`, { token: patient.token });
    expect(grants.json).toEqual({ grants: [], emergencies: [] });
  });

  it('has a record erased by a call of their own, and by nobody else’s', async () => {
    const path = `${A}/patient`;
    const { json } = await server.send('GET', `${path}/records?limit=500`, { token: patient.token });
    const { recordId } = (json.records as { type: string; recordId: string }[]).find(
      ({ type }) => type === 'Encounter',
    )!;
    const { json: found } = await server.send('GET', `${path}/records/${recordId}/leaves`, { token: patient.token });
    const leaves = (found.leaves as { version: number }[]).map(({ version: _version, ...leaf }) => leaf);
    const { signer, key } = await deviceSigner(patient.wallet, patient.pid);
    const content = { contract: 'record', transaction: 'erase', args: { leaves } as never, signer };
    const forged = await prepareCall(server.occasion(), content, server.wallet('hospital-a.admin').signer);
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(forged) })).json.code).toBe('signature-invalid');
    const erase = await prepareCall(server.occasion(), content, key);
    const erased = await server.send('POST', `${A}/calls`, { body: bodyOf(erase) });
    expect(erased.status, erased.text).toBe(200);
    const gone = await server.send('GET', `${path}/records/${recordId}`, { token: patient.token });
    expect([404, 410]).toContain(gone.status);
    expect(await listed(path)).not.toContain(recordId);
    // The same statement again has no second effect; the refused one stands nowhere.
    expect((await server.send('POST', `${A}/calls`, { body: bodyOf(erase) })).json.callId).toBe(erased.json.callId);
  });

  async function listed(path: string): Promise<readonly string[]> {
    const { json } = await server.send('GET', `${path}/records?limit=500`, { token: patient.token });
    return (json.records as { recordId: string }[]).map(({ recordId }) => recordId);
  }
});

describe('deliveries', () => {
  it('reach the other organisation’s inbox once and are settled there', async () => {
    const delivery = toBase64url(randomBytes(16));
    const body = {
      delivery,
      to: 'laboratory',
      kind: 'order',
      body: '{"resourceType":"ServiceRequest"}',
      pid: patient.pid,
    };
    const sent = await server.send('POST', `${A}/deliveries`, { token: doctor, body });
    expect(sent.json, sent.text).toMatchObject({ state: 'delivered', to: 'laboratory', code: null });
    expect((await server.send('POST', `${A}/deliveries`, { token: doctor, body })).json.state).toBe('delivered');
    const lab = await server.logIn('lab.ivers');
    const inbox = '/api/v1/orgs/laboratory/inbox';
    const { json } = await server.send('GET', inbox, { token: lab });
    expect(json.deliveries).toMatchObject([
      { delivery, from: 'hospital-a', kind: 'order', body: body.body, state: 'new' },
    ]);
    expect(
      (await server.send('POST', `${inbox}/${delivery}`, { token: lab, body: { from: 'hospital-a' } })).status,
    ).toBe(204);
    expect((await server.send('GET', inbox, { token: lab })).json.deliveries).toEqual([]);
    expect(
      (await server.send('POST', `${inbox}/${delivery}`, { token: lab, body: { from: 'hospital-b' } })).json.code,
    ).toBe('not-found');
    const nowhere = { ...body, delivery: toBase64url(randomBytes(16)), to: 'nowhere' };
    expect((await server.send('POST', `${A}/deliveries`, { token: doctor, body: nowhere })).json.code).toBe(
      'not-found',
    );
  });
});

describe('the ledger', () => {
  it('is open to everybody who is logged in: blocks, proofs, state, history, checkpoint', async () => {
    const ask = async (path: string) =>
      (await server.send('GET', `/api/v1/ledger/${path}`, { token: patient.token })).json;
    const { blocks, height } = await ask('blocks?from=1&limit=3');
    expect(blocks.map((block: { header: { number: number } }) => block.header.number)).toEqual([1, 2, 3]);
    const { callId } = blocks[1].transactions[0] as { callId: string };
    const proven = await ask(`transactions/${callId}`);
    expect(proven.inclusion).toMatchObject({ index: 0, root: proven.header.transactionsRoot });
    const key = `patient/pid/${patient.pid}`;
    expect((await ask(`state?key=${key}`)).value).toMatchObject({ status: 'claimed', organisation: 'hospital-a' });
    const { versions } = await ask(`history?key=${key}`);
    expect(versions.map(({ value }: { value: { status: string } }) => value.status)).toEqual([
      'claimed',
      'unclaimed',
      'unclaimed',
    ]);
    const [newest] = versions as { block: number; index: number }[];
    const { versions: older } = await ask(`history?key=${key}&before=${newest!.block}/${newest!.index}`);
    expect(older).toEqual(versions.slice(1));
    expect((await ask('checkpoint')).checkpoint.number).toBeGreaterThanOrEqual(height as number);
    expect((await ask(`blocks/${'9'.repeat(9)}`)).code).toBe('not-found');
    expect((await ask('entries?prefix=membership/roots/')).entries).toHaveLength(3);
  });
});

describe('operation', () => {
  it('tells its health and its figures, without a name or an id among them', async () => {
    expect((await server.send('GET', '/health')).json).toMatchObject({
      status: 'ok',
      releasing: true,
      rollbackNeeded: null,
    });
    const { text } = await server.send('GET', '/metrics');
    expect(text).toContain('salus_ledger_height');
    expect(text).toContain(
      'salus_request_seconds_bucket{le="0.005",method="GET",route="/:org/fhir/R4/:type/:id",status="200"}',
    );
    expect(text).toContain('salus_refusals_total{code="denied"}');
    // Refused outside FHIR, too.
    await server.send('GET', '/api/v1/session');
    expect((await server.send('GET', '/metrics')).text).toContain('salus_refusals_total{code="not-authenticated"}');
    expect(text).not.toMatch(new RegExp(`${patient.pid}|${patient.fhirId}|hospital-a|a\\.rossi`));
  });

  it('makes a backup that an administrator names, and no second one of the same name', async () => {
    const admin = await server.logIn('hospital-a.admin');
    const made = await server.send('POST', `${A}/backups`, { token: admin, body: { name: 'monday' } });
    expect(made.status, made.text).toBe(200);
    expect(existsSync(join(server.directory, 'backups', 'monday', 'backup.json'))).toBe(true);
    expect(made.json.files).toBeGreaterThan(4);
    expect((await server.send('POST', `${A}/backups`, { token: admin, body: { name: 'monday' } })).status).toBe(400);
    expect((await server.send('POST', `${A}/backups`, { token: admin, body: { name: '../data' } })).json.code).toBe(
      'bad-request',
    );
  });

  it('logs log-ins, and a slip that was used twice, where the patient sees it', async () => {
    const { fhirId } = await importChapter(server, 'hospital-a', chapterAt('hospital-a', 31));
    const printed = await server.send('POST', `${A}/patients/${fhirId}/slip`, { token: doctor });
    const slip = parseSlip(printed.json.slip as string);
    const claimWith = async () => {
      const { wallet } = await createPatientWallet(server.node.network, derivedDeviceKeys(randomBytes(32)));
      const change = await claim(wallet, server.occasion(), slip);
      const { status, json } = await server.send('POST', `${A}/calls`, { body: bodyOf(change) });
      return { status, code: json.code as string | undefined, wallet: change.wallet };
    };
    const first = await claimWith();
    expect(first.status).toBe(200);
    expect(await claimWith()).toMatchObject({ status: 403, code: 'patient-claimed' });
    const token = await logInPatient(server, { wallet: first.wallet, pid: slip.pid, organisation: 'hospital-a' });
    const { json } = await server.send('GET', `${A}/patient/audit`, { token });
    const events = (json.lines as { event: { kind: string; outcome: string } }[]).map(
      ({ event }) => `${event.kind}:${event.outcome}`,
    );
    expect(events.slice(0, 2)).toEqual(['login:ok', 'refusal:patient-claimed']);
    expect(json.lines[0].proof === null || json.lines[0].proof.root === json.root.root).toBe(true);
  });
});
