import { type LeafFact, leafKey, moveCommitment, type PatientFact, patientKey } from '@salus/contracts';
import { hashTuple } from '@salus/crypto';
import { verifyRecords } from '@salus/records';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { enrolFeed, er7 } from '../../test/feed.ts';
import { chapterAt, claimPatient, importChapter, openTestServer, type TestServer } from '../../test/hospital.ts';
import { MessageHandler } from '../hl7/message-handler.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const SLUG = 'hospital-a';
const BASE = `/${SLUG}/fhir/R4`;
const A = `/api/v1/orgs/${SLUG}`;
const FHIR = 'application/fhir+json';
const DAY_MS = 86_400_000;

let server: TestServer;
let doctor: string;
let other: string;
let desk: string;

beforeAll(async () => {
  server = await openTestServer([SLUG]);
  await enrolFeed(server, SLUG, 'adt');
  doctor = await server.logIn('a.rossi', { writing: true });
  other = await server.logIn('a.mehta');
  desk = await server.logIn('a.desk', { writing: true });
});

afterAll(() => server[Symbol.asyncDispose]());

const vault = () => server.node.organisations.get(SLUG)!.vault;

async function patientOf(seed: number): Promise<{ readonly fhirId: string; readonly pid: string }> {
  const { fhirId } = await importChapter(server, SLUG, chapterAt(SLUG, seed));
  return { fhirId, pid: (await vault().patients.findByFhirId(fhirId))!.pid };
}

async function assign(pid: string, account: string): Promise<void> {
  const body = { pid, person: server.wallet(account).id, untilMs: server.occasion().nowMs + DAY_MS };
  const { status, text } = await server.send('POST', `${A}/assignments`, { token: desk, body });
  if (status !== 204) throw new Error(text);
}

/** Writes an Observation and tells its id. */
async function observe(fhirId: string): Promise<string> {
  const resource = {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '2345-7' }] },
    subject: { reference: `Patient/${fhirId}` },
    valueQuantity: { value: 1 },
  };
  const entry = [
    { fullUrl: `urn:uuid:${crypto.randomUUID()}`, resource, request: { method: 'POST', url: 'Observation' } },
  ];
  const raw = JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
  const { json, text } = await server.send('POST', BASE, { token: doctor, raw, type: FHIR });
  const location = json.entry?.[0]?.response.location;
  if (location === undefined) throw new Error(text);
  return location.split('/')[1];
}

const read = (id: string, token: string) => server.send('GET', `${BASE}/Observation/${id}`, { token });

/** Blocks of the whole ledger, each transaction's call with what it wrote. */
async function transactions(): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let number = 1; number <= (await server.node.ledger.height()); number += 1) {
    const block = await server.node.ledger.block(number);
    texts.push(...(block?.transactions ?? []).map((transaction) => JSON.stringify(transaction)));
  }
  return texts;
}

async function verify() {
  const { directory, ledger } = vault();
  return (await verifyRecords({ directory, organisation: SLUG, ledger })).findings;
}

describe('a record at the wrong patient', () => {
  it('is lost to that patient and their readers, goes on at the right one, and stays provable', async () => {
    const [wrong, right] = [await patientOf(11), await patientOf(12)];
    const claimed = await claimPatient(server, SLUG, wrong.fhirId);
    for (const { pid } of [wrong, right]) await assign(pid, 'a.rossi');
    await assign(wrong.pid, 'a.mehta');
    const id = await observe(wrong.fhirId);
    const first = await read(id, doctor);
    const corrected = await server.app.inject({
      method: 'PUT',
      url: `${BASE}/Observation/${id}`,
      headers: { authorization: `Bearer ${doctor}`, 'content-type': FHIR, 'if-match': 'W/"1"' },
      payload: JSON.stringify({ ...first.json, valueQuantity: { value: 2 } }),
    });
    expect(corrected.statusCode, corrected.body).toBe(200);
    expect((await read(id, other)).status).toBe(200);
    const before = await vault().rows.findResource('Observation', id);

    const body = { resources: [{ type: 'Observation', id }], to: right.fhirId };
    const moved = await server.send('POST', `${A}/moves`, { token: doctor, body });
    expect(moved.status, moved.text).toBe(200);

    expect((await read(id, other)).status).toBe(403);
    for (const version of [1, 2]) {
      const old = await server.send('GET', `${BASE}/Observation/${id}/_history/${version}`, { token: other });
      expect(old.status).toBe(410);
    }
    const own = await server.send('GET', `${A}/patient/records/${before!.recordId}`, { token: claimed.token });
    expect(own.status).toBeGreaterThanOrEqual(400);
    const there = await read(id, doctor);
    expect(there.json).toMatchObject({
      subject: { reference: `Patient/${right.fhirId}` },
      valueQuantity: { value: 2 },
    });
    expect(there.json.meta.versionId).toBe('3');

    const { openings } = (await vault().moves.find(moved.json.move))!;
    expect(openings).toHaveLength(2);
    for (const opening of openings) {
      const fact = (await server.node.ledger.get(leafKey(opening.keyId, opening.leafHash))) as LeafFact | undefined;
      expect(fact).toMatchObject({ status: 'tombstoned', successor: moveCommitment({ hashTuple }, opening) });
    }
    expect(openings[0]!.successor).toBe((await vault().rows.findResource('Observation', id))!.leafHash);
    for (const { pid } of [wrong, right]) {
      const events = await vault().audit.listOfPid(pid, { limit: 50 });
      const kinds = events.map(({ event }) => event.kind);
      expect(kinds).toContain(pid === wrong.pid ? 'tombstone' : 'write');
    }
    const both = (await transactions()).filter((text) => text.includes(wrong.pid) && text.includes(right.pid));
    expect(both).toEqual([]);
    expect(await verify()).toEqual([]);
  });

  it('is moved by nobody who may not write at both patients', async () => {
    const [wrong, right] = [await patientOf(13), await patientOf(14)];
    await assign(wrong.pid, 'a.rossi');
    const id = await observe(wrong.fhirId);
    const body = { resources: [{ type: 'Observation', id }], to: right.fhirId };
    const refused = await server.send('POST', `${A}/moves`, { token: doctor, body });
    expect(refused.status).toBe(403);
    expect((await read(id, doctor)).status).toBe(200);
    expect((await server.send('POST', `${A}/moves`, { token: desk, body })).status).toBe(403);
    const whole = { resources: [{ type: 'Patient', id: wrong.fhirId }], to: right.fhirId };
    expect((await server.send('POST', `${A}/moves`, { token: doctor, body: whole })).status).toBeGreaterThanOrEqual(
      400,
    );
  });

  it('is ended after a crash between the two calls', async () => {
    const [wrong, right] = [await patientOf(15), await patientOf(16)];
    for (const { pid } of [wrong, right]) await assign(pid, 'a.rossi');
    const id = await observe(wrong.fhirId);
    const submit = server.node.ledger.submit.bind(server.node.ledger);
    server.node.ledger.submit = async (call, privateArgs) => {
      if (call.payload.transaction === 'move') throw new Error('the process ends here');
      return submit(call, privateArgs);
    };
    const body = { resources: [{ type: 'Observation', id }], to: right.fhirId };
    expect((await server.send('POST', `${A}/moves`, { token: doctor, body })).status).toBe(500);
    server.node.ledger.submit = submit;
    const { node } = server.node.organisations.get(SLUG)!;
    expect(
      await vault().moves.resume(
        async () => node,
        () => {},
      ),
    ).toBe(1);
    expect(
      await vault().moves.resume(
        async () => node,
        () => {},
      ),
    ).toBe(0);
    expect((await vault().rows.findResource('Observation', id, 1))?.status).toBe('tombstoned');
    expect(await verify()).toEqual([]);
  });
});

describe('one patient twice', () => {
  it('becomes one by ADT^A40, is found under every number, and becomes two again', async () => {
    const handler = new MessageHandler({
      organisation: server.node.organisations.get(SLUG)!,
      settings: { systems: new Map(), timeZone: '+00:00', processingIds: ['P'] },
      nowMs: server.node.nowMs,
      onFailure: (error) => {
        throw error;
      },
    });
    const header = (type: string, id: string) => `MSH|^~\\&|ADT|H|S|A|20260301||${type}|${id}|P|2.5.1`;
    const pid = (number: string) => `PID|1||${number}^^^H^MR||Doe^Jo`;
    const send = async (...segments: readonly string[]) =>
      (await handler.handle('adt', er7(...segments))).acknowledgement.toString();
    const result = (number: string, order: string) => [
      pid(number),
      `OBR|1||${order}^L|1^P^L|||20260301||||||||||||||||||F`,
      'OBX|1|ST|2^T^L||fine||||||F',
    ];
    for (const number of ['1', '2']) {
      expect(await send(header('ADT^A04', `r${number}`), pid(number), 'PV1|1|N')).toContain('MSA|AA');
      expect(await send(header('ORU^R01', `o${number}`), ...result(number, `F${number}`))).toContain('MSA|AA');
    }
    const system = `urn:salus:hl7:${SLUG}:authority:H`;
    const idOf = async (value: string) => (await vault().feedLookup.findIds('Patient', { system, value }))[0]!;
    const [one, two] = [await idOf('1'), await idOf('2')];
    const pidTwo = (await vault().patients.findByFhirId(two))!.pid;
    const pidOne = (await vault().patients.findByFhirId(one))!.pid;

    const merge = [header('ADT^A40', 'm1'), pid('1'), 'MRG|2^^^H^MR'];
    expect(await send(...merge)).toContain('MSA|AA');
    expect(await send(...merge)).toContain('MSA|AA');
    const fact = (await server.node.ledger.get(patientKey(pidTwo))) as unknown as PatientFact;
    expect(fact.merged).toBeDefined();
    const report = await vault().feedLookup.findIds('DiagnosticReport', {
      system: `urn:salus:hl7:${SLUG}:authority:L`,
      value: 'F2',
    });
    const found = await vault().rows.findResource('DiagnosticReport', report[0]!);
    expect(found?.meta.owner).toBe(`pid:${pidOne}`);
    const patient = JSON.parse((await vault().feedLookup.findCurrent('Patient', two))!.text);
    expect(patient).toMatchObject({
      active: false,
      link: [{ type: 'replaced-by', other: { reference: `Patient/${one}` } }],
    });
    expect(await send(header('ORU^R01', 'o3'), ...result('2', 'F3'))).toContain('MSA|AA');
    const both = (await transactions()).filter((text) => text.includes(pidOne) && text.includes(pidTwo));
    expect(both).toEqual([]);

    const undone = await server.send('POST', `${A}/patients/${two}/unmerge`, { token: desk, body: {} });
    expect(undone.status, undone.text).toBe(200);
    const back = await vault().rows.findResource('DiagnosticReport', report[0]!);
    expect(back?.meta.owner).toBe(`pid:${pidTwo}`);
    const restored = (await server.node.ledger.get(patientKey(pidTwo))) as unknown as PatientFact;
    expect(restored.merged).toBeUndefined();
    expect(await verify()).toEqual([]);
  });

  it('is merged by nobody but the patient once a pid is claimed', async () => {
    const [second, first] = [await patientOf(17), await patientOf(18)];
    await claimPatient(server, SLUG, second.fhirId);
    const refused = await server.send('POST', `${A}/patients/${second.fhirId}/merge`, {
      token: desk,
      body: { into: first.fhirId },
    });
    expect(refused.json.code, refused.text).toBe('patient-claimed');
    expect((await vault().feedLookup.findCurrent('Patient', second.fhirId))!.text).not.toContain('replaced-by');
    expect(await vault().merges.find(second.pid)).toBeUndefined();
  });

  it('stays two when the ledger refuses: no link, no closed Patient, and nothing begun', async () => {
    const [second, first] = [await register(), await register()];
    await claimPatient(server, SLUG, second.fhirId);
    const untouched = await stateOf(second, first);
    expect(untouched).toMatchObject([{ active: true, meta: { versionId: '1' } }, { active: true }, undefined]);
    const [hash, id] = ['A'.repeat(43), 'A'.repeat(22)];
    const payload = {
      ...{ version: 'salus:call:v1', alg: 'ES256', network: server.node.network, contract: 'patient' },
      ...{ transaction: 'merge', args: { pid: second.pid, commitment: hash }, privateHash: hash, nonce: id },
      ...{ signer: `pid:${second.pid}/${id}`, notAfter: server.occasion().nowMs + 60_000 },
    };
    const privateArgs = { salt: hash, values: { survivor: first.pid, salt: hash } };
    const merge = (call: object) =>
      server.send('POST', `${A}/patients/${second.fhirId}/merge`, {
        ...{ token: desk, body: { into: first.fhirId, call, privateArgs } },
      });
    const forged = await merge({ payload, signature: 'A'.repeat(86) });
    expect([forged.status, forged.json.code]).toEqual([403, 'signer-unknown']);
    expect(await stateOf(second, first)).toEqual(untouched);
    const other = await merge({ payload: { ...payload, transaction: 'unmerge' }, signature: 'A'.repeat(86) });
    expect(other.status).toBe(400);
    expect(await stateOf(second, first)).toEqual(untouched);
  });

  it('stays two, or one, when the ledger refuses at the last moment', async () => {
    const [second, first] = [await register(), await register()];
    const merge = () =>
      server.send('POST', `${A}/patients/${second.fhirId}/merge`, { token: desk, body: { into: first.fhirId } });
    const unmerge = () => server.send('POST', `${A}/patients/${second.fhirId}/unmerge`, { token: desk, body: {} });
    const submit = server.node.ledger.submit.bind(server.node.ledger);
    const restore = () => {
      server.node.ledger.submit = submit;
    };
    const refused: string[] = [];
    server.node.ledger.submit = async (call, privateArgs) => {
      const { contract, transaction } = call.payload;
      if (contract !== 'patient' || !transaction.endsWith('merge')) return submit(call, privateArgs);
      refused.push(transaction);
      return { kind: 'refused', callId: null, code: 'role-missing' };
    };
    const failed = await merge().finally(restore);
    expect([failed.json.code, refused]).toEqual(['role-missing', ['merge']]);
    const [two, one, begun] = await stateOf(second, first);
    expect([two.active, two.link, one.active, one.link, begun]).toEqual([true, undefined, true, undefined, undefined]);

    expect((await merge()).status).toBe(200);
    const merged = await stateOf(second, first);
    expect(merged).toMatchObject([{ active: false }, { active: true }, { state: 'merged' }]);
    server.node.ledger.submit = async (call, privateArgs) =>
      call.payload.transaction === 'unmerge'
        ? { kind: 'refused', callId: null, code: 'role-missing' }
        : submit(call, privateArgs);
    const kept = await unmerge().finally(restore);
    expect(kept.json.code).toBe('role-missing');
    expect(await stateOf(second, first)).toEqual(merged);
    expect((await unmerge()).status).toBe(200);
    const apart = await stateOf(second, first);
    expect(apart.map((each) => [each?.active, each?.link])).toEqual([
      [true, undefined],
      [true, undefined],
      [undefined, undefined],
    ]);
  });
});

type Registered = Awaited<ReturnType<typeof patientOf>>;

async function register(): Promise<Registered> {
  const raw = JSON.stringify({ resourceType: 'Patient', active: true, name: [{ family: 'Doe' }] });
  const { json, text } = await server.send('POST', `${BASE}/Patient`, { token: desk, raw, type: FHIR });
  if (json?.id === undefined) throw new Error(text);
  return { fhirId: json.id, pid: (await vault().patients.findByFhirId(json.id))!.pid };
}

/** Both Patients as they stand, and what is known of their merge. */
async function stateOf(second: Registered, first: Registered) {
  const [two, one] = await Promise.all(
    [second, first].map(async ({ fhirId }) =>
      JSON.parse((await vault().feedLookup.findCurrent('Patient', fhirId))!.text),
    ),
  );
  return [two, one, (await vault().merges.find(second.pid)) as ReturnType<typeof JSON.parse>] as const;
}
