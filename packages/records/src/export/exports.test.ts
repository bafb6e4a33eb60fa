import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newNonce } from '@salus/crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { EVERYTHING, exportedStory, PATIENTS_BEFORE, sightOfAllBut } from '../../test/exporting.ts';
import { makePlace, type Place } from '../../test/place.ts';
import { startWriting } from '../../test/writing.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { listCompartment } from '../compartment.ts';
import type { WritingCaller } from '../repository.ts';
import type { Owner } from '../vault-types.ts';
import { EXPORT_RESUMES_MAX, type ExportJob, objectsOf, type RunningJob } from './export-job.ts';
import { nameLine } from './export-line.ts';
import { Exports } from './exports.ts';
import type { Recall } from './recall.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const PROGRAM = fileURLToPath(new URL('../../test/exporting-process.ts', import.meta.url));
/** Of the clock, when it is set back. */
const SET_BACK_MS = 3_600_000;
const WAIT = { timeout: 120_000, interval: 20 };
const LOST_JOBS = 20;
const FAMILIES = ['Abe', 'Baba', 'Celik', 'Diaz'];
const workers = new BundleWorkers(1);
let place: Place;
let caller: WritingCaller;
/** In the order in which an export goes through them. */
let owners: readonly Owner[];
const failures: unknown[] = [];

beforeAll(async () => {
  place = await makePlace({ workers });
  caller = await place.writer();
  for (const family of FAMILIES) await transact(exportedStory(family));
  const pids = (await place.vault.patients.list({ limit: 10 })).map(({ pid }) => pid);
  owners = pids.map((pid): Owner => `pid:${pid}`);
  // For what is corrected and hidden meanwhile.
  const { clinician, registrar } = place.organisation;
  const by = { kind: 'member', id: registrar.id, organisation: 'hospital-a', roles: registrar.roles } as const;
  const nowMs = Date.now();
  for (const pid of pids) {
    const care = { pid, actor: clinician.id, fromMs: nowMs - 1_000, untilMs: nowMs + 3_600_000 };
    await place.vault.access.assign(by, care);
  }
});
afterAll(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
});
afterEach(async () => {
  await using exports = await open();
  for (const { jobId } of await keptJobs()) await exports.remove({ who: who(), jobId, binding: null });
  if (filesOf().length > 0) throw new Error('a job that was removed left files');
});

const who = () => caller.writer.who;
const open = (more: Partial<Parameters<typeof Exports.open>[0]> = {}) =>
  Exports.open({ ...place.vault, onFailure: (error) => failures.push(error), ...more });
const find = (exports: Exports, { jobId }: ExportJob) => exports.find(who(), jobId, null);
const keptJobs = async (): Promise<readonly ExportJob[]> =>
  (await place.vault.documents.list('export-job')).map(({ value }) => value as unknown as ExportJob);
const keep = (job: ExportJob) => place.vault.documents.put('export-job', job.jobId, JSON.parse(JSON.stringify(job)));

async function transact(text: string): Promise<void> {
  const result = await place.vault.repository.transaction(caller, text);
  if (result.kind === 'refused') throw new Error(`${result.code} ${JSON.stringify(result.issues)}`);
}

/** All may see everything but what is of `except`. */
function recalling(except: readonly Owner[] = []): Recall {
  return { sight: async () => sightOfAllBut(who(), new Set(except)), filters: () => new Map() };
}

const exportsDirectory = (): string => join(place.directory, 'hospital-a', 'objects', 'exports');

function filesOf(): readonly string[] {
  return readdirSync(exportsDirectory(), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What `begin` starts, as the end of its process leaves it: `before` patients are written, and one more half. */
async function cutOff(begin: (exports: Exports) => Promise<unknown>, before = PATIENTS_BEFORE): Promise<ExportJob> {
  const standing = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let patients = 0;
  const exports = await open({
    savePointRows: 1,
    listStatements: async () => {
      patients += 1;
      if (patients > before) {
        standing.resolve();
        await ended.promise;
      }
      return [];
    },
  });
  await begin(exports);
  await standing.promise;
  const closing = exports[Symbol.asyncDispose]();
  await nextTurn();
  ended.resolve();
  await closing;
  return (await keptJobs()).find(({ state }) => state.kind === 'running')!;
}

const begun = () => cutOff((exports) => exports.start(sightOfAllBut(who()), EVERYTHING));

/** The next process, in which the job goes on until it ends. */
async function goOn(job: ExportJob, recall: Recall = recalling()): Promise<ExportJob> {
  await using exports = await open();
  expect((await find(exports, job))?.state.kind).toBe('running');
  await exports.resume(recall);
  await exports.ended(job.jobId);
  return (await find(exports, job))!;
}

type Lines = Readonly<Record<string, readonly string[]>>;
const countsOf = (lines: Lines) => Object.fromEntries(Object.entries(lines).map(([name, list]) => [name, list.length]));
const sorted = (lines: Lines) =>
  Object.fromEntries(Object.entries(lines).map(([name, list]) => [name, list.toSorted()]));

/** The lines of each file, by its name; as many as the job says. */
async function linesOf({ state }: ExportJob): Promise<Lines> {
  if (state.kind !== 'complete') throw new Error(`the export is ${JSON.stringify(state)}`);
  await using exports = await open();
  const files: Record<string, readonly string[]> = {};
  for (const file of state.files) {
    let text = '';
    for await (const piece of exports.read(sightOfAllBut(who()), file)) text += piece;
    const lines = text.split('\n').slice(0, -1);
    expect(lines).toHaveLength(file.count);
    files[file.name] = lines;
  }
  return files;
}

async function uninterrupted(): Promise<ExportJob> {
  await using exports = await open();
  const job = await exports.start(sightOfAllBut(who()), EVERYTHING);
  await exports.ended(job.jobId);
  return (await find(exports, job))!;
}

async function codeOf(job: ExportJob): Promise<unknown> {
  await using exports = await open();
  await exports.resume(recalling());
  await exports.ended(job.jobId);
  return (await find(exports, job))?.state;
}

test('a killed export goes on from what is durable, and is then as one that was never cut off', async () => {
  await place.close();
  const { child } = await startWriting(place, 0, PROGRAM);
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  await place.open();
  const [job] = await keptJobs();
  const named = objectsOf(job!.state);
  expect(named).toHaveLength(PATIENTS_BEFORE * 2);
  // What was on its way to the disk, whether or not the kill left any of it.
  const torn = join(exportsDirectory(), 'AA');
  mkdirSync(torn, { recursive: true });
  writeFileSync(join(torn, `${'A'.repeat(22)}.attachment`), readFileSync(filesOf()[0]!).subarray(0, 40));
  expect(filesOf().length).toBeGreaterThan(named.length);
  await (await open())[Symbol.asyncDispose]();
  const left = filesOf().map((path) => /([\w-]{22})[.]attachment$/.exec(path)?.[1]);
  expect(new Set(left)).toEqual(new Set(named));

  const complete = await goOn(job!);
  // Not begun anew: what was durable is part of it as it is.
  expect(objectsOf(complete.state)).toEqual(expect.arrayContaining([...named]));
  const lines = await linesOf(complete);
  expect(countsOf(lines)).toEqual({
    ...{ 'Patient.1.ndjson': FAMILIES.length, 'Observation.1.ndjson': FAMILIES.length * 2 },
    'Practitioner.1.ndjson': FAMILIES.length,
  });
  expect(sorted(lines)).toEqual(sorted(await linesOf(await uninterrupted())));
  expect(complete).toMatchObject({ transactionMs: job!.transactionMs, createdMs: job!.createdMs });
});

test('nothing of whom consent was taken back meanwhile is in a cut off export, written before or not', async () => {
  const revoked = [owners[0]!, owners.at(-1)!];
  const job = await begun();
  const { progress } = job.state as RunningJob['state'];
  // As if each patient's first record had been too large.
  const skipped: string[] = [];
  for (const owner of owners.slice(0, PATIENTS_BEFORE)) {
    for await (const [record] of listCompartment(place.vault, owner)) skipped.push(nameLine(record!));
  }
  await keep({ ...job, state: { kind: 'running', resumes: 0, progress: { ...progress!, skipped } } });
  const complete = await goOn(job, recalling(revoked));
  expect(countsOf(await linesOf(complete))).toEqual({
    ...{ 'Patient.1.ndjson': 2, 'Observation.1.ndjson': 4, 'Practitioner.1.ndjson': 2 },
  });
  expect(skipped).toHaveLength(PATIENTS_BEFORE);
  // No count tells of them, either.
  expect(complete.state).toMatchObject({ skipped: 1 });
});

test('what was corrected, hidden or first written meanwhile makes no resource twice and none be missing', async () => {
  const observations = (await linesOf(await uninterrupted()))['Observation.1.ndjson']!.map(
    (line) => JSON.parse(line) as { id: string; code: { text: string } },
  );
  const [first, hidden, last] = [observations[0]!, observations[1]!, observations.at(-1)!];
  const job = await begun();
  const corrected = [first, last].map((resource) => ({
    resource: { ...resource, code: { text: `${resource.code.text}, corrected` } },
    request: { method: 'PUT', url: `Observation/${resource.id}` },
  }));
  const entry = [...corrected, { request: { method: 'DELETE', url: `Observation/${hidden.id}` } }];
  await transact(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }));
  await transact(exportedStory('Eze'));
  const lines = await linesOf(await goOn(job));
  const shown = lines['Observation.1.ndjson']!.map((line) => JSON.parse(line) as (typeof observations)[number]);
  expect(shown.map(({ id }) => id).toSorted()).toEqual(
    observations.flatMap(({ id }) => (id === hidden.id ? [] : [id])).toSorted(),
  );
  expect(shown.find(({ id }) => id === last.id)?.code.text).toMatch(/, corrected$/);
  expect(lines['Patient.1.ndjson']).toHaveLength(FAMILIES.length);
});

test('what was written before the clock was set back is in an export, whatever time it bears', async () => {
  const before = await linesOf(await uninterrupted());
  await using exports = await open({ clock: () => Date.now() - SET_BACK_MS });
  const job = await exports.start(sightOfAllBut(who()), EVERYTHING);
  await exports.ended(job.jobId);
  expect(sorted(await linesOf((await find(exports, job))!))).toEqual(sorted(before));
});

test('cut off exports about which nobody can be asked keep no other waiting', async () => {
  const job = await begun();
  const lost = Array.from({ length: LOST_JOBS }, () => newNonce());
  for (const jobId of lost) await keep({ ...job, jobId, state: { kind: 'running', resumes: 0, progress: null } });
  await using exports = await open();
  const { filters } = recalling();
  const sight: Recall['sight'] = async ({ jobId }) => {
    if (lost.includes(jobId)) throw new Error('the key of its app is lost');
    return sightOfAllBut(who());
  };
  await vi.waitFor(async () => {
    await exports.resume({ filters, sight });
    expect((await find(exports, job))?.state.kind).toBe('complete');
  }, WAIT);
  for (const jobId of lost) expect((await find(exports, { ...job, jobId }))?.state.kind).toBe('running');
  for (const jobId of lost) await exports.ended(jobId);
  expect(new Set(failures.splice(0).map(String))).toEqual(new Set(['Error: the key of its app is lost']));
});

test('a cut off export that is deleted before it goes on is gone with its files', async () => {
  const job = await begun();
  await using exports = await open();
  expect(filesOf().length).toBeGreaterThan(0);
  expect(await exports.remove(job)).toBe(true);
  expect(filesOf()).toEqual([]);
  const unasked = { ...recalling(), sight: () => Promise.reject(new Error('must not be asked')) };
  await exports.resume(unasked);
  expect(await find(exports, job)).toBeUndefined();
});

const DAMAGES: Readonly<Record<string, (path: string) => void>> = {
  missing: (path) => unlinkSync(path),
  short: (path) => truncateSync(path, readFileSync(path).length - 1),
  'of other bytes': (path) => {
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0, bytes.length - 20));
  },
};

test.each(Object.entries(DAMAGES))(
  'a cut off export of which a file is %s fails and leaves none',
  async (_, damage) => {
    const job = await begun();
    damage(filesOf()[0]!);
    expect(await codeOf(job)).toEqual({ kind: 'failed', code: 'damaged' });
    expect(filesOf()).toEqual([]);
    failures.length = 0;
  },
);

test('an export is taken up again a bounded number of times', async () => {
  const job = await begun();
  const again = await cutOff((exports) => exports.resume(recalling()), 0);
  expect(again).toMatchObject({ jobId: job.jobId, state: { kind: 'running', resumes: 1 } });
  await keep({ ...again, state: { ...again.state, resumes: EXPORT_RESUMES_MAX } as ExportJob['state'] });
  expect(await codeOf(again)).toEqual({ kind: 'failed', code: 'interrupted' });
  expect(filesOf()).toEqual([]);
});

test('a cut off export waits while nothing may be released or nobody can be asked, and stops when its caller has no rights', async () => {
  const job = await begun();
  const { filters } = recalling();
  const closed = { ...place.vault.guard, isClosed: true } as typeof place.vault.guard;
  const unasked = { filters, sight: () => Promise.reject(new Error('must not be asked')) };
  expect((await afterLook({ guard: closed }, unasked)).state).toEqual(job.state);
  expect(failures).toEqual([]);
  const away = { filters, sight: () => Promise.reject(new Error('the ledger is away')) };
  expect((await afterLook({}, away)).state).toEqual(job.state);
  expect(failures.splice(0)).toEqual([expect.objectContaining({ message: 'the ledger is away' })]);
  const nobody = { filters, sight: async () => undefined };
  expect((await afterLook({}, nobody)).state).toEqual({ kind: 'stopped' });
  expect(filesOf()).toEqual([]);

  async function afterLook(parts: Parameters<typeof open>[0], recall: Recall): Promise<ExportJob> {
    await using exports = await open(parts);
    await exports.resume(recall);
    await exports.ended(job.jobId);
    return (await find(exports, job))!;
  }
});

test('nothing of it failed without being told', () => {
  expect(failures).toEqual([]);
});
