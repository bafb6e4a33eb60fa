import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Attachments, Exports, type Sight, sightOf } from '@salus/records';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AdmittedPatient,
  admitPatient,
  firstWritten,
  linkPractitioner,
  putInCare,
} from '../../../test/admitted.ts';
import { eraseRecords } from '../../../test/erase-records.ts';
import { type Answer, chapterAt, openTestServer, type TestPatient, type TestServer } from '../../../test/hospital.ts';
import type { Requester } from '../../subscriptions/requester.ts';
import { resumeExports } from './resume-exports.ts';

const A = '/api/v1/orgs/hospital-a';
const BASE = '/hospital-a/fhir/R4';
/** What an organisation owns. */
const DIRECTORY = /^(Practitioner|PractitionerRole|Organization|Location|Medication)$/;
let server: TestServer;
let doctor: string;
/** Has one of the two patients in care, by assignment. */
let nurse: string;
let patient: AdmittedPatient;
let other: TestPatient;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  patient = await admitPatient(server, 'hospital-a');
  other = await admitPatient(server, 'hospital-a', chapterAt('hospital-a', 21));
  doctor = await server.logIn('a.rossi', { writing: true });
  await linkPractitioner(server, { account: 'a.rossi', practitioner: firstWritten(patient, 'Practitioner') });
  nurse = await server.logIn('a.nurse');
  await putInCare(server, { pid: patient.pid, account: 'a.nurse' });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Manifest {
  readonly transactionTime: string;
  readonly request: string;
  readonly requiresAccessToken: boolean;
  readonly output: readonly { readonly type: string; readonly url: string; readonly count: number }[];
}

const exportsOf = () => server.node.organisations.get('hospital-a')!.exports;
const pathOf = (url: string): string => url.replace('http://127.0.0.1:8470', '');

async function kickOff(token: string, url: string, prefer = 'respond-async') {
  const headers = { authorization: `Bearer ${token}`, prefer, accept: 'application/fhir+json' };
  const answer = await server.app.inject({ method: 'GET', url: `${BASE}/${url}`, headers });
  const place = String(answer.headers['content-location'] ?? '');
  return { status: answer.statusCode, place: pathOf(place), text: answer.body };
}

async function exported(token: string, url: string): Promise<{ manifest: Manifest; place: string }> {
  const { status, place, text } = await kickOff(token, url);
  expect(status, text).toBe(202);
  await exportsOf().ended(place.split('/').at(-1)!);
  const answer = await server.send('GET', place, { token });
  expect(answer.status, answer.text).toBe(200);
  return { manifest: answer.json as Manifest, place };
}

async function linesOf(token: string, { output }: Manifest): Promise<readonly Record<string, string>[]> {
  const lines: Record<string, string>[] = [];
  for (const { url } of output) {
    const { status, text, type }: Answer = await server.send('GET', pathOf(url), { token });
    expect(status, text).toBe(200);
    if (text !== '') expect(type).toBe('application/fhir+ndjson');
    lines.push(
      ...text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    );
  }
  return lines;
}

type KeptJob = { readonly jobId: string; readonly state: object };

const hosted = () => server.node.organisations.get('hospital-a')!;
const kept = async (place: string) =>
  (await hosted().vault.documents.find('export-job', place.split('/').at(-1)!)) as unknown as KeptJob;
const keep = (job: KeptJob): Promise<void> =>
  hosted().vault.documents.put('export-job', job.jobId, JSON.parse(JSON.stringify(job)));

/** Leaves a job as a crash does that came when every patient was written, and the directory was not. */
async function cutOff(place: string, requester?: Requester): Promise<void> {
  const job = await kept(place);
  const { files = [] } = job.state as { readonly files?: readonly { readonly type: string }[] };
  const written = files.filter(({ type }) => !DIRECTORY.test(type));
  const after = (await hosted().vault.patients.list({ limit: 10 })).at(-1)!.pid;
  const state = { kind: 'running', resumes: 0, progress: { after, written, skipped: [], looked: 1 } };
  await keep({ ...job, ...(requester === undefined ? {} : { requester }), state });
}

/** What another process has that starts on the same store. */
const laterExports = () => Exports.open({ ...hosted().vault, onFailure: (error) => expect(error).toBeNull() });

async function resumed(exports: Exports, place: string): Promise<void> {
  const organisations = new Map([['hospital-a', { ...hosted(), exports }]]);
  await resumeExports({ organisations }, async () => undefined);
  await exports.ended(place.split('/').at(-1)!);
}

const namesOf = (lines: readonly Record<string, string>[]) => lines.map((line) => `${line.resourceType}/${line.id}`);

describe('$export', () => {
  it('gives each record that the caller may see once, in files by type, and nothing of patients in nobody’s care', async () => {
    const { manifest, place } = await exported(nurse, 'Patient/$export');
    expect(manifest).toMatchObject({
      requiresAccessToken: true,
      request: `http://127.0.0.1:8470${BASE}/Patient/$export`,
    });
    const lines = await linesOf(nurse, manifest);
    const names = namesOf(lines);
    const own = patient.written.filter((name) => !name.startsWith('Practitioner'));
    for (const name of own) expect(names, name).toContain(name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).not.toContain(`Patient/${other.fhirId}`);
    expect(manifest.output.reduce((sum, { count }) => sum + count, 0)).toBe(lines.length);
    for (const { type, url } of manifest.output) expect(url).toContain(`/${type}.`);
    expect(JSON.stringify([manifest, lines])).not.toContain(patient.pid);
    await server.send('DELETE', place, { token: nurse });
  });

  it('keeps to types, times and filters', async () => {
    const typed = await exported(doctor, 'Patient/$export?_type=Patient,Condition');
    expect(typed.manifest.output.map(({ type }) => type).toSorted()).toEqual(['Condition', 'Patient']);
    const future = new Date(server.occasion().nowMs + 86_400_000).toISOString();
    expect((await exported(doctor, `Patient/$export?_since=${future}`)).manifest.output).toEqual([]);
    const gender = encodeURIComponent('Patient?gender=unknown');
    const filtered = await exported(doctor, `Patient/$export?_type=Patient,Condition&_typeFilter=${gender}`);
    expect(filtered.manifest.output.map(({ type }) => type)).toEqual(['Condition']);
    for (const { place } of [typed, filtered]) {
      expect((await server.send('DELETE', place, { token: doctor })).status).toBe(202);
      expect((await server.send('GET', place, { token: doctor })).status).toBe(404);
    }
  });

  it('refuses what it cannot do, before it starts', async () => {
    const chained = encodeURIComponent('Observation?subject:Patient.name=x');
    for (const url of [
      'Patient/$export?_elements=id',
      'Patient/$export?_type=Horse',
      `Patient/$export?_typeFilter=${chained}`,
    ])
      expect((await kickOff(doctor, url)).status, url).toBe(400);
    expect((await kickOff(doctor, 'Patient/$export?_outputFormat=csv')).status).toBe(400);
    expect((await kickOff(doctor, 'Patient/$export', 'return=minimal')).status).toBe(400);
    expect((await kickOff(doctor, 'Group/none/$export')).status).toBe(404);
    expect((await server.app.inject({ method: 'GET', url: `${BASE}/Patient/$export` })).statusCode).toBe(401);
  });

  it('is seen, downloaded and deleted by nobody but who asked', async () => {
    const { manifest, place } = await exported(patient.token, 'Patient/$export?_type=Patient');
    expect(namesOf(await linesOf(patient.token, manifest))).toEqual([`Patient/${patient.fhirId}`]);
    for (const token of [doctor, other.token]) {
      expect((await server.send('GET', place, { token })).status).toBe(404);
      expect((await server.send('DELETE', place, { token })).status).toBe(404);
      expect((await server.send('GET', pathOf(manifest.output[0]!.url), { token })).status).toBe(404);
    }
    expect((await server.send('GET', place, { token: patient.token })).status).toBe(200);
  });

  it('carries away nobody whom the caller only knows by name', async () => {
    const desk = await server.logIn('a.desk');
    expect((await server.send('GET', `${BASE}/Patient/${other.fhirId}`, { token: desk })).status).toBe(200);
    const { manifest } = await exported(desk, 'Patient/$export');
    expect(manifest.output).toEqual([]);
  });

  it('tells the patient, at the writing and at each download', async () => {
    const before = await server.send('GET', `${A}/patient/audit?limit=1`, { token: patient.token });
    const { manifest, place } = await exported(doctor, 'Patient/$export?_type=Patient');
    await linesOf(doctor, manifest);
    const { json } = await server.send('GET', `${A}/patient/audit?limit=10`, { token: patient.token });
    const fresh = (json.lines as { pidSeq: number; event: { kind: string; who: { id: string } } }[]).filter(
      ({ pidSeq }) => pidSeq > before.json.lines[0].pidSeq,
    );
    const exportsSeen = fresh.filter(({ event }) => event.kind === 'export');
    expect(exportsSeen.map(({ event }) => event.who.id)).toEqual([
      server.wallet('a.rossi').id,
      server.wallet('a.rossi').id,
    ]);
    await server.send('DELETE', place, { token: doctor });
  });

  it('follows a group to its members, for who may open it, and shows of them what the caller may see', async () => {
    const member = [patient.fhirId, other.fhirId].map((id) => ({ entity: { reference: `Patient/${id}` } }));
    const raw = JSON.stringify({ resourceType: 'Group', type: 'person', actual: true, member });
    const made = await server.send('POST', `${BASE}/Group`, { token: doctor, raw, type: 'application/fhir+json' });
    expect(made.status, made.text).toBe(201);
    const { id } = made.json as { id: string };
    const { manifest, place } = await exported(nurse, `Group/${id}/$export?_type=Patient`);
    expect(namesOf(await linesOf(nurse, manifest))).toEqual([`Patient/${patient.fhirId}`]);
    await server.send('DELETE', place, { token: nurse });
    const desk = await server.logIn('a.desk');
    for (const token of [desk, patient.token, other.token]) {
      expect((await kickOff(token, `Group/${id}/$export`)).status).toBe(403);
      expect((await server.send('GET', `${BASE}/Group/${id}`, { token })).status).toBe(403);
      expect(
        (await server.send('GET', `${BASE}/Group?member=Patient/${other.fhirId}`, { token })).json.entry,
      ).toBeUndefined();
    }
  });

  it('leaves out at download what was taken back after it was written', async () => {
    const { manifest, place } = await exported(nurse, 'Patient/$export');
    const body = { persons: [server.wallet('a.nurse').id], labelClasses: [] };
    const denied = await server.send('POST', `${A}/patient/denials`, { token: patient.token, body });
    const left = await linesOf(nurse, manifest);
    expect(left.length).toBeGreaterThan(0);
    expect(left.every(({ resourceType }) => DIRECTORY.test(resourceType!))).toBe(true);
    await server.send('DELETE', `${A}/patient/denials/${denied.json.denialId}`, { token: patient.token });
    expect(namesOf(await linesOf(nurse, manifest))).toContain(`Patient/${patient.fhirId}`);
    await server.send('DELETE', place, { token: nurse });
  });

  it('goes on after a restart as who asked may see now, without what was erased meanwhile', async () => {
    const files = filesOf().length;
    const { manifest, place } = await exported(nurse, 'Patient/$export');
    const before = namesOf(await linesOf(nurse, manifest));
    const gone = before.find((name) => name.startsWith('Observation/'))!;
    await cutOff(place);
    await eraseRecords(server, patient, [gone]);
    await using later = await laterExports();
    expect((await server.send('GET', place, { token: nurse })).status).toBe(202);
    await resumed(later, place);
    const again = (await server.send('GET', place, { token: nurse })).json as Manifest;
    const names = namesOf(await linesOf(nurse, again));
    expect(names.toSorted()).toEqual(before.filter((name) => name !== gone).toSorted());
    // Not only left out at the download.
    expect(again.output.reduce((sum, { count }) => sum + count, 0)).toBe(names.length);
    expect([again.transactionTime, again.request]).toEqual([manifest.transactionTime, manifest.request]);
    await server.send('DELETE', place, { token: nurse });
    expect(filesOf()).toHaveLength(files);
  });

  it('does not go on, and says so, when who asked may see nothing any more or what was written is damaged', async () => {
    const files = filesOf().length;
    const { accounts } = hosted();
    const { place } = await exported(nurse, 'Patient/$export?_type=Patient');
    await using later = await laterExports();
    const account = (await accounts.find('a.nurse'))!;
    await accounts.put({ ...account, disabledMs: 1 });
    await cutOff(place);
    await resumed(later, place);
    await accounts.put(account);
    expect((await server.send('GET', place, { token: nurse })).status).toBe(403);
    expect(filesOf()).toHaveLength(files);
    await cutOff(place, { kind: 'app', token: { clientId: 'x', grantId: null, scope: '', untilMs: null } });
    await resumed(later, place);
    expect((await server.send('GET', place, { token: nurse })).status).toBe(403);
    for (const code of ['damaged', 'interrupted', 'internal']) {
      await keep({ ...(await kept(place)), state: { kind: 'failed', code } });
      const { status, text } = await server.send('GET', place, { token: nurse });
      expect([status, text]).toEqual([500, expect.stringContaining('start it again')]);
    }
    await server.send('DELETE', place, { token: nurse });
  });

  it('lies sealed on the disk, and is gone when it has expired', async () => {
    const { manifest, place } = await exported(doctor, 'Patient/$export?_type=Patient');
    const files = filesOf();
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(file.includes('"resourceType"')).toBe(false);
    server.clock.offsetMs += 25 * 60 * 60 * 1000;
    const again = await server.logIn('a.rossi');
    expect((await server.send('GET', place, { token: again })).status).toBe(404);
    expect((await server.send('GET', pathOf(manifest.output[0]!.url), { token: again })).status).toBe(404);
    await exportsOf().sweep();
    expect(filesOf()).toEqual([]);
  });
});

function filesOf(): readonly Buffer[] {
  const directory = join(server.node.organisations.get('hospital-a')!.vault.directory, 'objects', 'exports');
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
}

describe('an export that runs', () => {
  const question = { patients: null, types: null, sinceMs: null, typeFilters: [] };
  const asked = { request: 'x', question, filters: new Map(), binding: null, requester: null };
  const sightOfPatient = (): Sight => {
    const { vault } = server.node.organisations.get('hospital-a')!;
    const { pid, wallet } = patient;
    const { kid } = wallet.content.pids.find((entry) => entry.pid === pid)!;
    return sightOf(vault, { kind: 'patient', who: { kind: 'patient', pid, kid } });
  };

  it('stops and keeps nothing when its caller loses what they saw', async () => {
    const sight = sightOfPatient();
    let decided = 0;
    const revoked: Sight = {
      ...sight,
      decide: async (meta) => (++decided > 3 ? { kind: 'denied', reason: 'revoked' } : sight.decide(meta)),
    };
    const job = await exportsOf().start(revoked, asked);
    await exportsOf().ended(job.jobId);
    expect((await exportsOf().find(sight.who, job.jobId, null))?.state).toEqual({ kind: 'stopped' });
    expect(filesOf()).toEqual([]);
  });

  it('is another’s for another app of the same person', async () => {
    const sight = sightOfPatient();
    const job = await exportsOf().start(sight, { ...asked, binding: 'one app' });
    await exportsOf().ended(job.jobId);
    for (const binding of [null, 'another app']) {
      expect(await exportsOf().find(sight.who, job.jobId, binding)).toBeUndefined();
      expect(await exportsOf().remove({ ...job, binding })).toBe(false);
    }
    expect(await exportsOf().remove(job)).toBe(true);
  });

  it('has failed after an upgrade where an earlier version left it running and kept nobody to ask for', async () => {
    const sight = sightOfPatient();
    const job = await exportsOf().start(sight, asked);
    await exportsOf().ended(job.jobId);
    const { requester: _, ...before } = job;
    await keep({ ...before, state: { kind: 'running' } });
    await using later = await laterExports();
    expect((await later.find(sight.who, job.jobId, null))?.state).toEqual({ kind: 'failed', code: 'interrupted' });
    expect(filesOf()).toEqual([]);
    expect(await exportsOf().remove(job)).toBe(true);
  });

  it('has failed when a backup brought back the job without its files', async () => {
    const { vault } = server.node.organisations.get('hospital-a')!;
    const sight = sightOfPatient();
    const job = await exportsOf().start(sight, asked);
    await exportsOf().ended(job.jobId);
    const { state } = (await exportsOf().find(sight.who, job.jobId, null))!;
    const files = new Attachments(vault.objects.place('exports'));
    for (const { content } of state.kind === 'complete' ? state.files : []) await files.remove(content.attachmentId);
    await using later = await Exports.open({ ...vault, onFailure: () => {} });
    expect((await later.find(sight.who, job.jobId, null))?.state).toEqual({ kind: 'failed', code: 'damaged' });
    await exportsOf().remove(job);
  });

  it('is gone after an upgrade where an earlier version wrote its lines, which no erasure reaches', async () => {
    const { vault } = server.node.organisations.get('hospital-a')!;
    const sight = sightOfPatient();
    const [before, now] = [
      await exportsOf().start(sight, asked),
      await exportsOf().start(sight, { ...asked, request: 'y' }),
    ];
    for (const { jobId } of [before, now]) await exportsOf().ended(jobId);
    const { lines: _, ...kept } = (await vault.documents.find('export-job', before.jobId)) as { lines: string };
    await vault.documents.put('export-job', before.jobId, kept);
    const files = filesOf().length;
    await using later = await Exports.open({ ...vault, onFailure: () => {} });
    expect(await later.find(sight.who, before.jobId, null)).toBeUndefined();
    expect((await later.find(sight.who, now.jobId, null))?.state.kind).toBe('complete');
    expect(filesOf()).toHaveLength(files / 2);
    await exportsOf().remove(now);
  });

  it('is one of a bounded number', async () => {
    const sight = sightOfPatient();
    const held = Promise.withResolvers<void>();
    const slow: Sight = { ...sight, decide: async (meta) => held.promise.then(() => sight.decide(meta)) };
    const start = () => exportsOf().start(slow, asked);
    const jobs = [await start(), await start()];
    await expect(start()).rejects.toMatchObject({ code: 'overloaded' });
    held.resolve();
    for (const job of jobs) {
      await exportsOf().ended(job.jobId);
      await exportsOf().remove(job);
    }
  });
});
