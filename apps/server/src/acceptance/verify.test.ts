import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openLedgerState, rebuildLedger, verifyLedger } from '@salus/ledger';
import { verifyRecords } from '@salus/records';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { assign } from '../../test/assign.ts';
import {
  addPatient,
  authorAt,
  foundConsortium,
  grantMedication,
  readAll,
  revokeGrant,
  type TestConsortium,
  type TestPatient,
  writeBundle,
} from '../../test/consortium.ts';
import { MUTATORS } from '../../test/mutations.ts';
import { prescriptionsBundle } from '../../test/patient-bundle.ts';
import { createAccount } from '../accounts.ts';
import { seeded } from '../demonstration/seeded.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 600_000, hookTimeout: 240_000 });

const AT = 'hospital-a';
const SLUGS = [AT, 'hospital-b'];
const SEED = 61;
/** Of them one in ten is a cut: everything put back together to an earlier moment. */
const MUTATIONS = scaled(20, 200);
const CLEAN_RUNS = scaled(3, 50);
const STAGES = 4;

let consortium: TestConsortium;
let patient: TestPatient;
/** Copies of the whole data directory at earlier moments, each consistent in itself. */
const earlier: string[] = [];

beforeAll(async () => {
  consortium = await foundConsortium(SLUGS, 'verify');
  patient = await addPatient(consortium, { at: SLUGS, seed: SEED, prescriptions: 3, results: 2 });
  const { accounts } = consortium.node.organisations.get(AT)!;
  const { id } = consortium.cast.staff(authorAt(AT));
  const care = { id: patient.fhirIds.get(AT)!, actor: id, nowMs: consortium.clock.nowMs() };
  await assign(consortium.cast.organisation(AT), care);
  await createAccount(accounts, { name: authorAt(AT), id, password: 'for tests only, long', nowMs: Date.now() });
  for (let stage = 0; stage < STAGES; stage += 1) {
    await live(stage);
    await consortium.close();
    const copy = join(consortium.directory, `earlier-${stage}`);
    cpSync(consortium.settings.dataDirectory, copy, { recursive: true });
    if (stage < STAGES - 1) {
      earlier.push(copy);
      await consortium.open();
    }
  }
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

/** Some of everything: records, a grant that is read and one that is revoked, a refusal. */
async function live(turn: number): Promise<void> {
  const bundle = prescriptionsBundle(AT, SEED, { from: 100 * (turn + 1), count: 2 });
  await writeBundle(consortium, authorAt(AT), bundle);
  const pid = patient.pids.get(AT)!;
  const grant = await grantMedication(consortium, patient, { author: AT, reader: 'hospital-b', maxUses: 2 });
  await readAll(consortium, 'b.novak', { author: AT, pid, grant });
  await revokeGrant(consortium, patient, { author: AT, grant });
  await expect(readAll(consortium, 'b.novak', { author: AT, pid, grant })).rejects.toMatchObject({
    detail: 'grant-revoked',
  });
}

/** Verifies a data directory as `salus verify` does: `<where>: <code>` of each finding, nothing secret needed. */
async function verify(directory: string, checkpointFile?: string): Promise<readonly string[]> {
  const file = join(directory, 'ledger', 'ledger.sqlite');
  const report = await verifyLedger(file, checkpointFile === undefined ? {} : { checkpointFile });
  const findings = report.findings.map(({ code, block, key, index, table }) => {
    const parts = { table, block, index, key };
    const where = Object.entries(parts).map(([name, value]) => (value === undefined ? '' : ` ${name} ${value} `));
    return `ledger ${where.join('')}: ${code}`;
  });
  // A ledger that contradicts itself vouches for no store.
  if (findings.length > 0) return findings;
  using ledger = openLedgerState(file);
  for (const organisation of SLUGS) {
    const stored = await verifyRecords({ directory: join(directory, 'orgs', organisation), organisation, ledger });
    if (stored.findings.length === 0) expect(stored.seen.records).toBeGreaterThan(0);
    findings.push(...stored.findings.map(({ code, place }) => `${organisation} ${place} : ${code}`));
  }
  return findings;
}

const verifyAll = (): Promise<readonly string[]> =>
  verify(consortium.settings.dataDirectory, consortium.settings.checkpointFile);

test(`finds ${MUTATIONS} of ${MUTATIONS} random changes of stored values, each at its place`, async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = seeded(seed);
  const kinds = Object.keys(MUTATORS);
  const seen = new Map<string, number>();
  const missed: string[] = [];
  expect(await verifyAll()).toEqual([]);
  for (let number = 0; number < MUTATIONS; ) {
    if (number % 10 === 9) {
      await demandCutFound(earlier[(number >> 3) % earlier.length]!);
      seen.set('a cut', (seen.get('a cut') ?? 0) + 1);
      number += 1;
      continue;
    }
    const kind = kinds[number % kinds.length]!;
    const mutation = MUTATORS[kind]!(consortium.settings.dataDirectory, random);
    if (mutation === undefined) continue;
    const findings = await verifyAll().finally(() => mutation.undo());
    const message = `${kind}: ${mutation.what} (seed ${seed}, number ${number}), not at ${mutation.places.join(' | ')} but:\n${findings.slice(0, 8).join('\n')}`;
    if (!findings.some((finding) => mutation.places.some((place) => finding.includes(place)))) missed.push(message);
    seen.set(kind, (seen.get(kind) ?? 0) + 1);
    number += 1;
  }
  expect(missed).toEqual([]);
  expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBe(MUTATIONS);
  expect(seen.size).toBe(kinds.length + 1);
  expect(await verifyAll()).toEqual([]);
});

/** Ledger, stores and logs all put back to the same earlier moment: only the checkpoint outside can tell. */
async function demandCutFound(copy: string): Promise<void> {
  expect(await verify(copy)).toEqual([]);
  using ledger = openLedgerState(join(copy, 'ledger', 'ledger.sqlite'));
  const height = (await verifyLedger(join(copy, 'ledger', 'ledger.sqlite'))).head!.number;
  expect(ledger.network).toBe(consortium.file.network);
  const findings = await verify(copy, consortium.settings.checkpointFile);
  expect(findings.map((finding) => finding.split(': ')[1])).toContain('checkpoint');
  const block = Number(/ block (\d+) /.exec(findings[0]!)?.[1]);
  expect(block).toBeGreaterThan(height);
}

test('state and history that are dropped and rebuilt from the blocks have the same commitment and the same rows', async () => {
  const directory = join(consortium.directory, 'rebuilt');
  cpSync(consortium.settings.dataDirectory, directory, { recursive: true });
  const file = join(directory, 'ledger', 'ledger.sqlite');
  const { head } = await verifyLedger(file);
  const before = rowsOf(file);
  expect(before.state!.length).toBeGreaterThan(50);
  expect(before.history!.length).toBeGreaterThan(10);
  {
    using database = new DatabaseSync(file);
    database.exec('delete from state; delete from history; delete from refusal');
  }
  const rebuilt = rebuildLedger(file);
  expect(rebuilt).toMatchObject({ number: head!.number, hash: head!.hash, stateCommitment: head!.stateCommitment });
  expect(rowsOf(file)).toEqual(before);
  expect(await verify(directory, consortium.settings.checkpointFile)).toEqual([]);
  rmSync(directory, { recursive: true });
});

function rowsOf(file: string): Record<string, readonly unknown[]> {
  using database = new DatabaseSync(file, { readOnly: true });
  const rows = (table: string, order: string): readonly unknown[] =>
    database.prepare(`select * from ${table} order by ${order}`).all();
  return {
    state: rows('state', 'key'),
    history: rows('history', 'key, position'),
    refusal: rows('refusal', 'call, position'),
  };
}

test(`raises no alarm on ${CLEAN_RUNS} clean runs`, async () => {
  for (let run = 0; run < CLEAN_RUNS; run += 1) {
    await consortium.open();
    await live(STAGES + run);
    await consortium.close();
    expect(await verifyAll(), `run ${run}`).toEqual([]);
  }
  await consortium.open();
});
