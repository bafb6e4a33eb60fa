import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openLedgerState, verifyLedger } from '@salus/ledger';
import { backupData, restoreData, verifyRecords } from '@salus/records';
import { staffCall } from '@salus/wallet';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Answer, openApi, send } from '../../test/api.ts';
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
import { prescriptionsBundle } from '../../test/patient-bundle.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const AT = 'hospital-a';
const SEED = 51;

let consortium: TestConsortium;
let patient: TestPatient;
let pid: string;
/** Granted before the backup; the second is revoked after it. */
let kept: string;
let revoked: string;

beforeEach(async () => {
  consortium = await foundConsortium([AT, 'hospital-b'], 'rollback');
  patient = await addPatient(consortium, { at: [AT], seed: SEED, prescriptions: 2 });
  pid = patient.pids.get(AT)!;
  kept = await grantMedication(consortium, patient, { author: AT, reader: 'hospital-b' });
  revoked = await grantMedication(consortium, patient, { author: AT, reader: 'hospital-b' });
});

afterEach(async () => {
  await consortium[Symbol.asyncDispose]();
});

const read = (grant: string): Promise<readonly string[]> => readAll(consortium, 'b.novak', { author: AT, pid, grant });

/** A backup, then a revocation and a record that it does not have, then the backup in the place of the data. */
async function goBack(): Promise<void> {
  const backup = join(consortium.directory, 'backup');
  const vaults = [...consortium.node.organisations.values()].map(({ vault }) => vault);
  const { ledger } = consortium.node;
  const source = { network: ledger.network, backup: (toFile: string) => ledger.backup!(toFile) };
  await backupData({ vaults, ledger: source, directory: backup, clock: consortium.clock.nowMs });
  await revokeGrant(consortium, patient, { author: AT, grant: revoked });
  await writeBundle(consortium, authorAt(AT), prescriptionsBundle(AT, SEED, { from: 7, count: 1 }));
  await expect(read(revoked)).rejects.toMatchObject({ detail: 'grant-revoked' });
  await consortium.close();
  const restored = join(consortium.directory, 'restored');
  await restoreData({ from: backup, to: restored });
  const { dataDirectory } = consortium.settings;
  rmSync(join(dataDirectory, 'orgs'), { recursive: true });
  for (const name of ['ledger.sqlite', 'ledger.sqlite-wal', 'ledger.sqlite-shm']) {
    rmSync(join(dataDirectory, 'ledger', name), { force: true });
  }
  cpSync(restored, dataDirectory, { recursive: true });
  await consortium.open();
}

/** The administrator's signed call over HTTP, as `salus rollback` sends it. */
async function nameRollback(account: string): Promise<Answer> {
  const { from, to, hash } = consortium.node.ledger.rollbackNeeded!;
  const content = { contract: 'access', transaction: 'rollback', args: { from, to, hash } };
  const { call } = await staffCall(consortium.cast.staff(account), consortium.cast.occasion(), content);
  const app = await openApi(consortium.node, consortium, []);
  try {
    return await send(app, 'POST', `/api/v1/orgs/${AT}/calls`, { body: { call } });
  } finally {
    await app.close();
  }
}

test('a restored older backup releases nothing until its rollback is named and later revocations are back', async () => {
  await goBack();
  const { ledger } = consortium.node;
  expect(ledger.rollbackNeeded).toMatchObject({ from: expect.any(Number), to: expect.any(Number) });
  for (const grant of [kept, revoked]) {
    await expect(read(grant)).rejects.toMatchObject({ detail: 'rollback-unnamed' });
  }
  // At home neither, for the author's staff and for the patient.
  const { vault } = consortium.cast.organisation(AT);
  const { kid } = patient.wallet.content.pids.find((entry) => entry.pid === pid)!;
  const home = { kind: 'patient', who: { kind: 'patient', pid, kid } } as const;
  const { recordId } = await vault.store.read
    .selectFrom('record')
    .select('recordId')
    .where('wrap', 'is not', null)
    .limit(1)
    .executeTakeFirstOrThrow();
  expect(await vault.repository.readRecord(home, recordId!)).toEqual({ kind: 'refused', code: 'rollback-unnamed' });

  const report = await verifyLedger(consortium.layout.ledgerFile, {
    checkpointFile: consortium.settings.checkpointFile,
  });
  expect(report.findings.map(({ code }) => code)).toContain('rollback-unnamed');

  // A clinician cannot name it, an administrator can.
  expect(await nameRollback('a.rossi')).toMatchObject({ status: 403 });
  await expect(read(kept)).rejects.toMatchObject({ detail: 'rollback-unnamed' });
  expect(await nameRollback('hospital-a.admin')).toMatchObject({ status: 200 });
  expect(ledger.rollbackNeeded).toBeUndefined();

  expect((await read(kept)).length).toBe(2);
  await expect(read(revoked)).rejects.toMatchObject({ detail: 'grant-revoked' });
  expect(await ledger.get(`grant/${pid}/${revoked}`)).toMatchObject({ status: 'revoked' });
});

test('and stays as it became: after another start the revoked grant is still revoked, and everything verifies', async () => {
  await goBack();
  await consortium.close();
  await consortium.open();
  // Starting again names nothing.
  await expect(read(kept)).rejects.toMatchObject({ detail: 'rollback-unnamed' });
  expect(await nameRollback('hospital-a.admin')).toMatchObject({ status: 200 });
  await consortium.close();
  const { layout, settings, organisations } = consortium;
  const report = await verifyLedger(layout.ledgerFile, { checkpointFile: settings.checkpointFile });
  expect(report.findings).toEqual([]);
  using ledger = openLedgerState(layout.ledgerFile);
  for (const { slug } of organisations) {
    const { findings } = await verifyRecords({ directory: layout.organisation(slug), organisation: slug, ledger });
    expect(findings).toEqual([]);
  }
  await consortium.open();
  await expect(read(revoked)).rejects.toMatchObject({ detail: 'grant-revoked' });
  expect((await read(kept)).length).toBe(2);
});
