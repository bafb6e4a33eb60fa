import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openLedgerState } from '@salus/ledger';
import { scaled } from '@salus/testing';
import { afterAll, expect, test } from 'vitest';
import { demandConsistent } from '../test/consistency.ts';
import { testWriter } from '../test/network.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import type { Finding } from './verify/finding.ts';
import { verifyRecords } from './verify/verify-records.ts';

const workers = new BundleWorkers(1);
afterAll(() => workers[Symbol.asyncDispose]());

const PROCESS = fileURLToPath(new URL('../test/writing-process.ts', import.meta.url));
const KILLS = scaled(3, 30);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Starts the writer on the place's files; resolves with it once its first write is acknowledged. */
async function startWriting(
  place: Place,
  run: number,
): Promise<{ readonly child: ChildProcess; readonly acknowledged: string[] }> {
  const { organisation, consortium } = place;
  const { submitter: _submitter, ...writer } = await testWriter(consortium, organisation);
  const instructions = {
    directory: place.directory,
    ledgerKey: text(consortium.ledgerKey),
    masterKey: text(place.masterKey),
    node: { id: organisation.node.id, key: text(organisation.node.privateKey) },
    writer,
    run,
  };
  const child = spawn(process.execPath, [PROCESS], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin?.end(JSON.stringify(instructions));
  const acknowledged: string[] = [];
  const lines = createInterface({ input: child.stdout! });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the writing process ended by itself')));
    lines.on('line', (line) => {
      acknowledged.push(line);
      resolve();
    });
  });
  child.removeAllListeners('exit');
  return { child, acknowledged };
}

/** What verification finds in the files as the kill left them. */
async function findingsIn(place: Place): Promise<readonly Finding[]> {
  using ledger = openLedgerState(join(place.directory, 'ledger.sqlite'));
  const directory = join(place.directory, 'hospital-a');
  return (await verifyRecords({ directory, organisation: 'hospital-a', ledger })).findings;
}

test(`no acknowledged write is lost and nothing is half there after ${KILLS} kills under load`, async () => {
  const place = await makePlace({ workers });
  try {
    const acknowledged: string[] = [];
    for (let run = 0; run < KILLS; run += 1) {
      await place.close();
      const writing = await startWriting(place, run);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
      const ended = once(writing.child, 'exit');
      writing.child.kill('SIGKILL');
      await ended;
      acknowledged.push(...writing.acknowledged);
      expect(await findingsIn(place)).toEqual([]);
      await place.open();
      const { records } = await demandConsistent(place.vault);
      expect(records).toBeGreaterThanOrEqual(acknowledged.length * 3);
      expect(records % 3).toBe(0);
    }
    expect(acknowledged.length).toBeGreaterThan(KILLS);
    for (const line of acknowledged) {
      const [patient = '', observation = '', document = ''] = line.split(' ');
      expect(await place.vault.patients.findByFhirId(patient)).toBeDefined();
      expect(await place.vault.rows.findResource('Observation', observation)).toBeDefined();
      expect(await place.vault.rows.findResource('DocumentReference', document)).toBeDefined();
    }
  } finally {
    await place.remove();
  }
}, 1_800_000);
