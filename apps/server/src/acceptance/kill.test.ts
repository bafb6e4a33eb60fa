import { setTimeout as sleep } from 'node:timers/promises';
import type { GrantFact } from '@salus/contracts';
import { fromUtf8 } from '@salus/crypto';
import { openLedgerState, verifyLedger } from '@salus/ledger';
import { verifyRecords } from '@salus/records';
import { scaled } from '@salus/testing';
import { expect, test } from 'vitest';
import { addPatient, authorAt, foundConsortium, type TestConsortium, type TestPatient } from '../../test/consortium.ts';
import { type Acknowledged, type LoadPlan, PASSWORD, planLoad, runLoad } from '../../test/load.ts';
import { startNode } from '../../test/node-process.ts';
import { createAccount } from '../accounts.ts';

const KILLS = scaled(3, 100);
/** Kills of one network: all of its ledger and records are verified after each of them. */
const KILLS_OF_A_NETWORK = 20;
const LOAD_MS_MAX = 1_000;
const FIRST_WRITE_MS = 60_000;
const POLL_MS = 20;
/** Every fifth kill meets the node while it starts. */
const START_MS_MAX = 1_500;
const AT = 'hospital-a';
const SEED = 41;

let consortium: TestConsortium;
let patient: TestPatient;
let plan: LoadPlan;
let acknowledged: Acknowledged;

/** A network whose node is going to run elsewhere. */
async function found(): Promise<void> {
  acknowledged = { records: [], grants: new Map(), reads: 0 };
  consortium = await foundConsortium([AT, 'hospital-b'], 'kill');
  patient = await addPatient(consortium, { at: [AT], seed: SEED });
  const { accounts } = consortium.node.organisations.get(AT)!;
  const { id } = consortium.cast.staff(authorAt(AT));
  await createAccount(accounts, { name: authorAt(AT), id, password: PASSWORD, nowMs: Date.now() });
  plan = await planLoad(consortium, patient, SEED);
  await consortium.close();
}

test(`${KILLS} kills of the server at any moment lose nothing that was acknowledged and leave nothing half done`, async () => {
  const all = { records: 0, grants: 0, reads: 0 };
  for (let killed = 0; killed < KILLS; killed += KILLS_OF_A_NETWORK) {
    await found();
    try {
      await killOften(Math.min(KILLS_OF_A_NETWORK, KILLS - killed));
    } finally {
      await consortium[Symbol.asyncDispose]();
    }
    all.records += acknowledged.records.length;
    all.grants += acknowledged.grants.size;
    all.reads += acknowledged.reads;
  }
  expect(all.records).toBeGreaterThan(KILLS);
  expect(all.grants).toBeGreaterThan(KILLS / 2);
  expect(all.reads).toBeGreaterThan(KILLS);
  console.log(`${KILLS} kills: ${all.records} records, ${all.grants} grants, ${all.reads} reads acknowledged`);
}, 3_600_000);

async function killOften(kills: number): Promise<void> {
  for (let kill = 0; kill < kills; kill += 1) {
    const before = { records: acknowledged.records.length, grants: acknowledged.grants.size };
    if (kill % 5 === 4) await killWhileStarting();
    // Some meet the node before its first write, when its threads still read the FHIR definitions.
    else await killUnderLoad(kill % 5 === 3 ? 0 : before.records + 1);
    // The next start: no manual step, and everything is there. The node closes cleanly, so that the files can be verified.
    await consortium.open();
    await demandAcknowledged(before);
    await consortium.close();
    await demandVerified();
  }
  await consortium.open();
  await demandAcknowledged({ records: 0, grants: 0 });
}

/** Kills at a random moment after `records` are acknowledged in all. */
async function killUnderLoad(records: number): Promise<void> {
  const node = startNode(consortium);
  const load = runLoad(plan, await node.ready, acknowledged);
  for (let waitedMs = 0; acknowledged.records.length < records && waitedMs < FIRST_WRITE_MS; waitedMs += POLL_MS) {
    await Promise.race([sleep(POLL_MS), load]);
  }
  await Promise.race([sleep(Math.random() * LOAD_MS_MAX), load]);
  await node.kill();
  await load;
}

async function killWhileStarting(): Promise<void> {
  const node = startNode(consortium);
  const settled = node.ready.catch(() => undefined);
  await sleep(Math.random() * START_MS_MAX);
  await node.kill();
  await settled;
}

/** All of it, or what came since. */
async function demandAcknowledged(since: { readonly records: number; readonly grants: number }): Promise<void> {
  const { ledger } = consortium.node;
  const { vault } = consortium.cast.organisation(AT);
  const pid = patient.pids.get(AT)!;
  for (const reference of acknowledged.records.slice(since.records)) {
    const [type = '', id = ''] = reference.split('/');
    const record = await vault.rows.findResource(type, id);
    expect(record, reference).toBeDefined();
    expect(fromUtf8(await vault.ciphertext.readPlaintext(record!))).toContain('"MedicationRequest"');
  }
  for (const [grant, isRevoked] of [...acknowledged.grants].slice(since.grants)) {
    const fact = (await ledger.get(`grant/${pid}/${grant}`)) as GrantFact | undefined;
    const expected = { true: ['revoked'], false: ['active'], undefined: ['active', 'revoked'] }[String(isRevoked)];
    expect(expected, grant).toContain(fact?.status);
    expect((await vault.grants.find(pid, grant))?.terms.grant).toBe(grant);
  }
  // Every read was logged before its data left.
  const { count } = await vault.store.read
    .selectFrom('auditEvent')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('pidSeq', 'is not', null)
    .executeTakeFirstOrThrow();
  expect(count).toBeGreaterThanOrEqual(acknowledged.reads);
}

/** No record without its ledger entry nor the reverse, no row that nothing vouches for, and the checkpoint outside agrees. */
async function demandVerified(): Promise<void> {
  const { layout, settings, organisations } = consortium;
  const report = await verifyLedger(layout.ledgerFile, { checkpointFile: settings.checkpointFile });
  expect(report.findings).toEqual([]);
  expect(report.checkpoint).toMatchObject({ kind: 'compared', newest: report.head?.number });
  using ledger = openLedgerState(layout.ledgerFile);
  for (const { slug } of organisations) {
    const directory = layout.organisation(slug);
    const { findings, notes } = await verifyRecords({ directory, organisation: slug, ledger });
    expect(findings).toEqual([]);
    expect(notes).toMatchObject({ pendingBatches: 0, orphanFiles: 0 });
  }
}
