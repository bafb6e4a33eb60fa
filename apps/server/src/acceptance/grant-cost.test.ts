import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { canonical, type Json } from '@salus/crypto';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { assign } from '../../test/assign.ts';
import {
  addPatient,
  bringRequest,
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

const FEW = 10;
const MANY = scaled(1_000, 10_000);
const BUNDLE_RECORDS = 500;
const AT = 'hospital-a';

let consortium: TestConsortium;

beforeAll(async () => {
  consortium = await foundConsortium([AT, 'hospital-b'], 'grant-cost');
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

async function patientWith(seed: number, records: number): Promise<TestPatient> {
  const patient = await addPatient(consortium, { at: [AT], seed, prescriptions: 0 });
  const care = { id: patient.fhirIds.get(AT)!, actor: consortium.cast.staff('a.rossi').id };
  await assign(consortium.cast.organisation(AT), { ...care, nowMs: consortium.clock.nowMs() });
  for (let done = 0; done < records; done += BUNDLE_RECORDS) {
    const count = Math.min(BUNDLE_RECORDS, records - done);
    await writeBundle(consortium, 'a.rossi', prescriptionsBundle(AT, seed, { from: done, count }));
  }
  return patient;
}

/** Every object file: its bytes' hash, its size and its time of change to the nanosecond. */
function objects(): readonly string[] {
  const directory = join(consortium.layout.organisation(AT), 'objects');
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => {
      const { size, mtimeNs } = statSync(path, { bigint: true });
      return `${path} ${size} ${mtimeNs} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
    });
}

/** Rows in each table of the author's store; logs apart, whose entries depend on timers. */
function rows(): ReadonlyMap<string, number> {
  using database = new DatabaseSync(join(consortium.layout.organisation(AT), 'records.sqlite'), { readOnly: true });
  const tables = database.prepare(`select "name" from sqlite_master where "type" = 'table'`).all();
  const counts = tables.map(({ name }) => {
    const { count } = database.prepare(`select count(*) as "count" from "${String(name)}"`).get() as { count: number };
    return [String(name), count] as const;
  });
  return new Map(counts.filter(([name]) => !['auditEvent', 'rowEntry', 'logNode'].includes(name)));
}

interface Cost {
  readonly rows: { readonly [table: string]: number };
  readonly seals: number;
  readonly transactions: readonly string[];
  readonly bytesOnLedger: number;
}

/** What one grant changed, and that it touched no object. */
async function costOfGrant(patient: TestPatient): Promise<Cost & { readonly grant: string }> {
  const { ledger } = consortium.node;
  const before = { objects: objects(), rows: rows(), height: await ledger.height() };
  const grant = await grantMedication(consortium, patient, { author: AT, reader: 'hospital-b' });
  const after = rows();
  expect(objects()).toEqual(before.objects);
  expect(before.objects.length).toBeGreaterThan(0);
  const added = [...after].map(([table, count]) => [table, count - before.rows.get(table)!] as const);
  const transactions: string[] = [];
  let bytesOnLedger = 0;
  for (let number = before.height + 1; number <= (await ledger.height()); number += 1) {
    for (const { call, outcome } of (await ledger.block(number))!.transactions) {
      if (call.payload.contract === 'access') continue;
      transactions.push(`${call.payload.contract}.${call.payload.transaction}`);
      bytesOnLedger += canonical({ call, outcome } as unknown as Json).length;
    }
  }
  const sealed = added.find(([table]) => table === 'envelope')![1];
  const changed = Object.fromEntries(added.filter(([, count]) => count !== 0));
  return { rows: changed, seals: sealed, transactions, bytesOnLedger, grant };
}

test('a grant touches no object and costs the same for few records and for many', async () => {
  const few = await patientWith(31, FEW);
  const many = await patientWith(32, MANY);
  const { grant: fewGrant, ...costOfFew } = await costOfGrant(few);
  const { grant: manyGrant, ...costOfMany } = await costOfGrant(many);
  expect(costOfMany).toEqual(costOfFew);
  expect(costOfFew.transactions).toEqual(['consent.grant']);
  expect(costOfFew.seals).toBeGreaterThan(0);
  const counts = await Promise.all(
    [
      { patient: few, grant: fewGrant },
      { patient: many, grant: manyGrant },
    ].map(async ({ patient, grant }) => recordsIn(patient.pids.get(AT)!, grant)),
  );
  expect(counts).toEqual([FEW, MANY]);
}, 240_000);

test('no use and no revocation of a grant changes an object', async () => {
  const patient = await patientWith(33, FEW);
  const before = objects();
  const grant = await grantMedication(consortium, patient, { author: AT, reader: 'hospital-b' });
  expect(await readAll(consortium, 'b.novak', { author: AT, pid: patient.pids.get(AT)!, grant })).toHaveLength(FEW);
  await revokeGrant(consortium, patient, { author: AT, grant });
  expect(objects()).toEqual(before);
});

/** How many records the grant opens, proven complete to the reader. */
async function recordsIn(pid: string, grant: string): Promise<number> {
  const request = await bringRequest(consortium, 'b.novak', { author: AT, pid, grant });
  const { reader } = consortium.cast.organisation('hospital-b').exchange;
  const { session } = await reader.open(request);
  return (await reader.chart(session)).records.size;
}
