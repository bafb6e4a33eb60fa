import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { apiClient, ClientError, readRecord } from '@salus/client';
import { expect } from 'vitest';
import { Imported, readBundle, type SentBundle, writeRegistration } from '../src/acceptance/bundles.ts';
import type { Desk, Ran } from '../src/acceptance/desk.ts';
import { EXIT } from '../src/exit-codes.ts';

const READ_EVERY_MS = 100;
/** What a busy machine answers now and then, and a program asks again for. */
const PASSING: ReadonlySet<string> = new Set(['peer-unreachable', 'ledger-unavailable']);
/** A root takes a second; a busy machine takes its time for the command lines that look. */
const ROOT_WAIT_MS = 60_000;

/** Who sits where: one desk for all where one process hosts everybody, else each with a node of its own. */
export interface StoryDesks {
  readonly a: Desk;
  readonly b: Desk;
  /** The patient's own device. */
  readonly home: Desk;
  /** File of the patient's passphrase, on that device. */
  readonly passphrase: string;
  /** Where hospital B's node listens now. */
  nodeOfB(): string;
}

/** Who acts for each side of the story. */
const PARTIES = {
  a: { organisation: 'hospital-a', doctor: 'a.rossi', clerk: 'a.desk' },
  b: { organisation: 'hospital-b', doctor: 'b.novak', clerk: 'b.desk' },
} as const;
type Side = keyof typeof PARTIES;

export interface ImportReport {
  readonly created: number;
  readonly matched: number;
  readonly refused: number;
  readonly resourcesPerSecond: number;
  readonly files: readonly {
    readonly file: string;
    readonly resources: readonly string[];
    readonly error?: { code: string };
  }[];
}
interface AuditLine {
  readonly pidSeq: number;
  readonly proof: 'proven' | 'pending';
  readonly signedByReader: boolean | null;
  readonly event: {
    readonly kind: string;
    readonly atMs: number;
    readonly who: { readonly id?: string; readonly organisation?: string; readonly roles?: readonly string[] } | null;
    readonly purpose: string | null;
    readonly grant: string | null;
    readonly session: string | null;
    readonly outcome: string;
    readonly records: readonly { readonly recordId: string }[];
  };
}

/** Import, slip, claim, request, partial grant, read, revocation, refusal, audit; returns what B read. */
export async function expectStory(desks: StoryDesks, name: string, file: string): Promise<readonly string[]> {
  const { grant, read } = await tellUntilRead(desks, name, file);
  await expectRefusedAfterRevocation(desks, name, { grant, read });
  await expectAudited(desks, name, { grant, read });
  return read.contents.map(({ text }) => text);
}

/** The story up to what B reads, or A where it is told `from` B: the grant still stands. */
export async function tellUntilRead(
  desks: StoryDesks,
  name: string,
  file: string,
  { mayKeep = false, from = 'a' }: { readonly mayKeep?: boolean; readonly from?: Side } = {},
): Promise<{ readonly grant: string; readonly read: ReadByB }> {
  const bundle = readBundle(file);
  const to: Side = from === 'a' ? 'b' : 'a';
  const [author, reader] = [PARTIES[from], PARTIES[to]];
  const [there, here] = [desks[from], desks[to]];
  const report = (await done(there, 'import', '--again', '--as', author.doctor, file)).json<ImportReport>();
  const imported = new Imported([bundle], report.files);
  await claimAt(desks, there, { ...author, wallet: name, patient: imported.patientOf(bundle) });
  const registration = writeRegistration(here.home, name);
  const registered = (await done(here, 'import', '--as', reader.doctor, registration)).json<ImportReport>();
  const known = registered.files[0]!.resources[0]!.replace('Patient/', '');
  await claimAt(desks, here, { ...reader, wallet: name, patient: known });

  const asked = await done(
    here,
    ...['request', '--patient', known, '--categories', 'laboratory,medication', '--purpose', 'TREAT'],
    ...['--for', 'organisation', '--text', 'Before surgery', '--as', reader.doctor],
  );
  const { request } = asked.json<{ request: string }>();
  const grant = await grantMedication(desks, name, { request, mayKeep, at: author.organisation });
  const read = await readUnder(here, { grant, as: reader.doctor });
  expectExactly(imported, bundle, read);
  return { grant, read };
}

async function claimAt(
  { home, passphrase }: StoryDesks,
  desk: Desk,
  {
    organisation,
    wallet,
    patient,
    clerk,
  }: {
    readonly organisation: string;
    readonly wallet: string;
    readonly patient: string;
    readonly clerk: string;
  },
): Promise<void> {
  const { slip } = (await done(desk, 'slip', patient, '--as', clerk)).json<{ slip: string }>();
  const claimed = (await done(home, 'patient', 'claim', slip, '--as', wallet, '--passphrase-file', passphrase)).json();
  expect(claimed).toMatchObject({ organisation });
  const twice = await home.salus('patient', 'claim', slip, '--as', `${wallet}-thief`, '--passphrase-file', passphrase);
  expect(twice.exit, twice.stderr).toBe(EXIT.refused);
}

async function grantMedication(
  desks: StoryDesks,
  wallet: string,
  { request, mayKeep, at }: { readonly request: string; readonly mayKeep: boolean; readonly at: string },
): Promise<string> {
  const { requests } = (await asPatient(desks, 'requests', '--as', wallet, '--open')).json<{
    requests: readonly { asked: { request: string; categories: readonly string[]; text: string } }[];
  }>();
  expect(requests).toMatchObject([
    { asked: { request, categories: ['laboratory', 'medication'], text: 'Before surgery' } },
  ]);
  const keep = mayKeep ? ['--may-keep'] : [];
  const words = [
    'grant',
    '--request',
    request,
    '--categories',
    'medication',
    '--labels',
    'all',
    '--as',
    wallet,
    ...keep,
  ];
  const unasked = await asPatientRaw(desks, ...words);
  expect(unasked.exit).toBe(EXIT.usage);
  expect(unasked.stderr).toMatch(/medication +N +[1-9]/);
  const granted = (await asPatient(desks, ...words, '--yes')).json<{
    answer: string;
    grants: readonly { grant: string; organisation: string }[];
  }>();
  expect(granted).toMatchObject({ answer: 'partly', grants: [{ organisation: at }] });
  return granted.grants[0]!.grant;
}

export interface ReadByB {
  readonly session: string;
  readonly records: readonly { readonly recordId: string; readonly category: string }[];
  readonly pairs: readonly { readonly state: string; readonly withheld: number }[];
  readonly contents: readonly { readonly reference: string; readonly text: string }[];
  /** The grant with its salt, as B keeps it. */
  readonly tokenFile: string;
}

async function readUnder(desk: Desk, { grant, as }: { readonly grant: string; readonly as: string }): Promise<ReadByB> {
  const held = (await done(desk, 'grants', '--as', as)).json<{
    grants: readonly { terms: { grant: string } }[];
  }>();
  const tokenFile = join(desk.home, `${grant}.json`);
  writeFileSync(tokenFile, JSON.stringify({ grants: held.grants.filter(({ terms }) => terms.grant === grant) }));
  for (const [categories, code] of [['laboratory', 'category-not-granted']] as const) {
    const refused = await desk.salus('records', '--json', '--grant', grant, '--categories', categories, '--as', as);
    expect(refused).toMatchObject({ exit: EXIT.refused });
    expect(refused.json()).toMatchObject({ error: { code } });
  }
  const read = (await done(desk, 'records', '--grant', grant, '--content', '--as', as)).json<ReadByB>();
  return { ...read, tokenFile };
}

function expectExactly(imported: Imported, bundle: SentBundle, read: ReadByB): void {
  expect(new Set(read.contents.map(({ reference }) => reference))).toEqual(imported.medicationOf(bundle));
  expect(read.records.every(({ category }) => category === 'medication')).toBe(true);
  expect(read.pairs.every(({ state, withheld }) => state === 'complete' && withheld === 0)).toBe(true);
  for (const { reference, text } of read.contents) expect(imported.isSent(reference, text), reference).toBe(true);
  expect(read.contents.length).toBeGreaterThan(read.records.length);
}

async function expectRefusedAfterRevocation(
  desks: StoryDesks,
  wallet: string,
  { grant, read }: { readonly grant: string; readonly read: ReadByB },
): Promise<void> {
  const desk = desks.b;
  const record = read.records[0]!.recordId;
  const inSession = ['records', record, '--session', read.session, '--as', 'b.novak'];
  await done(desk, ...inSession);
  const { refused } = await startReading(desks, read.session, record);
  await asPatient(desks, 'revoke', grant, '--as', wallet);
  const revokedMs = Date.now();
  const { code, allowedMs } = await refused;
  expect(code).toBe('grant-revoked');
  // By order, whatever a busy machine takes for each: that it takes less than a second is measured in `bench`.
  expect(allowedMs).toBeLessThanOrEqual(revokedMs);
  const open = await desk.salus(...inSession, '--json');
  expect(open.exit, open.stdout).toBe(EXIT.refused);
  expect(open.json()).toMatchObject({ error: { code: 'grant-revoked' } });
  const fresh = await desk.salus('records', '--json', '--token', read.tokenFile, '--as', 'b.novak');
  expect(fresh.exit).toBe(EXIT.refused);
  expect(fresh.json()).toMatchObject({ error: { code: 'grant-revoked' } });
  const { grants } = (await done(desk, 'grants', '--as', 'b.novak')).json<{
    grants: readonly { terms: { grant: string } }[];
  }>();
  expect(grants.some(({ terms }) => terms.grant === grant)).toBe(false);
}

interface Refused {
  readonly code: string;
  readonly refusedMs: number;
  /** When the last reading began that was allowed. */
  readonly allowedMs: number;
}

/** Reads one record in an open session again and again, as a program of B would, until it is refused. */
export async function startReading(
  { b: desk, nodeOfB }: StoryDesks,
  session: string,
  record: string,
): Promise<{ readonly refused: Promise<Refused> }> {
  const { staff } = JSON.parse(
    readFileSync(join(desk.configDirectory, 'demonstration', 'credentials.json'), 'utf8'),
  ) as {
    staff: readonly { account: string; password: string }[];
  };
  const { account, password } = staff.find((member) => member.account === 'b.novak')!;
  const api = apiClient(nodeOfB(), fetch);
  const { token } = await api.send<{ token: string }>({
    method: 'POST',
    path: '/api/v1/orgs/hospital-b/login',
    body: { account, password },
  });
  const read = () => readRecord({ api, organisation: 'hospital-b', token }, session, record);
  // Allowed now; what follows runs beside the revocation.
  const beganMs = Date.now();
  await read();
  return { refused: readUntilRefused(read, beganMs) };
}

async function readUntilRefused(read: () => Promise<string>, firstMs: number): Promise<Refused> {
  for (let allowedMs = firstMs; ; ) {
    const beganMs = Date.now();
    try {
      await read();
      allowedMs = beganMs;
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      if (!PASSING.has(error.code)) return { code: error.code, refusedMs: Date.now(), allowedMs };
    }
    await wait(READ_EVERY_MS);
  }
}

async function expectAudited(
  desks: StoryDesks,
  wallet: string,
  { grant, read }: { readonly grant: string; readonly read: ReadByB },
): Promise<void> {
  const lines = await provenAudit(desks, wallet);
  const ofB = lines.filter(({ event }) => event.who?.organisation === 'hospital-b');
  for (const { event, proof, signedByReader } of ofB) {
    expect(event).toMatchObject({ purpose: 'TREAT', grant, who: { roles: ['clinician'] } });
    expect(Date.now() - event.atMs).toBeLessThan(600_000);
    expect({ proof, signedByReader }).toEqual({ proof: 'proven', signedByReader: true });
  }
  const outcomes = (kind: string): readonly string[] =>
    ofB.filter(({ event }) => event.kind === kind).map(({ event }) => event.outcome);
  expect(outcomes('session')).toEqual(['ok']);
  const refusals = outcomes('refusal');
  expect(refusals.filter((outcome) => outcome !== 'grant-revoked')).toEqual(['category-not-granted']);
  // What was on its way when the revocation came stands as released, and B's own node refused it on arrival: then the
  // reading beside the revocation adds no refusal here. The two reads after it always do.
  const revoked = refusals.filter((outcome) => outcome === 'grant-revoked').length;
  expect([2, 3]).toContain(revoked);
  const seen = new Set(
    ofB
      .filter(({ event }) => event.kind === 'read')
      .flatMap(({ event }) => event.records.map(({ recordId }) => recordId)),
  );
  for (const { recordId } of read.records) expect(seen.has(recordId)).toBe(true);
  expect(lines.map(({ pidSeq }) => pidSeq)).toEqual(lines.map((_line, at) => lines.length - at));
}

/** The patient's log at hospital A once its newest line is rooted on the ledger. */
async function provenAudit(desks: StoryDesks, wallet: string): Promise<readonly AuditLine[]> {
  const startMs = performance.now();
  for (;;) {
    const audit = await asPatient(desks, 'audit', '--at', 'hospital-a', '--limit', '1000', '--as', wallet);
    const { lines } = audit.json<{ logs: readonly { lines: readonly AuditLine[] }[] }>().logs[0]!;
    // The log-in that reads the log stands in it, too new for a root.
    if (lines.every(({ proof, event }) => proof === 'proven' || event.kind === 'login')) return lines;
    expect(performance.now() - startMs).toBeLessThan(ROOT_WAIT_MS);
    await wait(500);
  }
}

/** Runs a command that must succeed. */
export async function done(desk: Desk, ...words: readonly string[]): Promise<Ran> {
  const ran = await desk.salus(...words, '--json');
  expect(ran.exit, `${words.join(' ')}\n${ran.stderr}\n${ran.stdout.slice(0, 2_000)}`).toBe(EXIT.ok);
  return ran;
}

function asPatientRaw({ home, passphrase }: StoryDesks, ...words: readonly string[]): Promise<Ran> {
  return home.salus(...words, '--passphrase-file', passphrase, '--json');
}

async function asPatient({ home, passphrase }: StoryDesks, ...words: readonly string[]): Promise<Ran> {
  return done(home, ...words, '--passphrase-file', passphrase);
}
