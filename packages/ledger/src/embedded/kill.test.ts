import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { generateSigningKeySync, signerFromPkcs8, toBase64url } from '@salus/crypto';
import { scaled } from '@salus/testing';
import { afterAll, expect, it } from 'vitest';
import { notebook } from '../../test/notebook.ts';
import { verifyLedger } from '../verify/verify.ts';
import { openEmbeddedLedger } from './open.ts';

const KILLS = scaled(4, 100);
/** Kills of one ledger: all of its blocks are verified after each of them. */
const KILLS_OF_A_LEDGER = 20;
/** A kill comes at a random moment of this span after the first write. */
const RUN_MS_MAX = 300;

const folders: string[] = [];
const key = generateSigningKeySync();
const child = fileURLToPath(new URL('../../test/kill-child.ts', import.meta.url));
const runtimeModule = new URL('../../test/notebook-runtime.ts', import.meta.url).href;

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** Runs a writer and kills it; the lines that it managed to say. */
async function runAndKill(folder: string, kill: number): Promise<readonly string[]> {
  const writer = spawn(process.execPath, [child, folder, kill === 0 ? 'found' : 'open'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(writer, 'exit');
  let said = '';
  let failed = '';
  writer.stderr.on('data', (chunk) => {
    failed += chunk;
  });
  const ready = new Promise<void>((resolve, reject) => {
    writer.stdout.on('data', (chunk) => {
      said += chunk;
      // Every other kill comes at any moment after the start, the rest once something was acknowledged.
      if (said.includes(kill % 2 === 0 ? 'ready\n' : 'page/')) resolve();
    });
    writer.on('exit', () => reject(new Error(`the writer ended by itself: ${failed}`)));
  });
  await ready;
  await sleep(Math.random() * RUN_MS_MAX);
  writer.kill('SIGKILL');
  await exit;
  if (!writer.stdout.readableEnded) await once(writer.stdout, 'end');
  // A last line without its end was never complete.
  return said.split('\n').slice(1, -1);
}

it(`loses nothing that was acknowledged in ${KILLS} kills under load, and needs no manual step`, async () => {
  let acknowledged = 0;
  for (let killed = 0; killed < KILLS; killed += KILLS_OF_A_LEDGER) {
    acknowledged += await killOneLedger(Math.min(KILLS_OF_A_LEDGER, KILLS - killed));
  }
  expect(acknowledged).toBeGreaterThanOrEqual(Math.floor(KILLS / 2));
}, 1_800_000);

/** Founds a ledger and kills its writer so many times; tells how many calls were acknowledged, all of which it still has. */
async function killOneLedger(kills: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'salus-kill-'));
  folders.push(folder);
  const file = join(folder, 'ledger.db');
  const checkpointFile = join(folder, 'outside', 'checkpoint');
  writeFileSync(join(folder, 'ledger-key'), toBase64url(key.privateKey), { mode: 0o600 });
  let acknowledged = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const lines = await runAndKill(folder, kill);
    acknowledged += lines.length;
    // As the power cut left it, read without opening it for writing.
    const cut = await verifyLedger(file, { checkpointFile, runtimeModule, threads: 0 });
    expect(cut.findings, `kill ${kill}`).toEqual([]);
    await using ledger = await openEmbeddedLedger({
      file,
      checkpointFile,
      checkpointSigners: () => [],
      signer: signerFromPkcs8(key.privateKey),
      clock: Date.now,
      runtime: notebook,
    });
    expect(ledger.rollbackNeeded).toBeUndefined();
    for (const line of lines) {
      const [pageKey = '', callId = '', block, index] = line.split(' ');
      expect(await ledger.get(pageKey), line).toBeDefined();
      expect(await ledger.transaction(callId), line).toMatchObject({ block: Number(block), index: Number(index) });
    }
  }
  const report = await verifyLedger(file, { checkpointFile, runtimeModule, reexecute: true });
  expect(report.findings).toEqual([]);
  expect(report.checkpoint).toMatchObject({ kind: 'compared', newest: report.head?.number });
  return acknowledged;
}
