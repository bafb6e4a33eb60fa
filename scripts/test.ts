// `npm test`: every check of the repository, then every test; the last line is `N passed, N failed`.
// Arguments go to vitest: `npm test -- packages/ledger` runs all checks and the tests of one package.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findLayerViolations, readWorkspaces } from './layers.ts';
import { findLockProblems } from './locks.ts';
import { type Command, runCommand, type StepResult, seconds, stopOnSignals } from './step.ts';
import { parseTestReport, type TestCounts } from './test-report.ts';

const root = resolve(import.meta.dirname, '..');
const concurrentMax = 2;
const checkTimeoutMs = 5 * 60_000;
const testsTimeoutMs = 3 * 60 * 60_000;

interface Check {
  readonly name: string;
  readonly run: () => Promise<StepResult>;
}

const checks: readonly Check[] = [
  tool('types', 'typescript/bin/tsc', ['--noEmit']),
  // Of its own: only the browser's code may see the browser's globals.
  tool('types of the web app', 'typescript/bin/tsc', ['--noEmit', '-p', 'apps/web/tsconfig.json']),
  tool('lint with types (oxlint)', 'oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']),
  tool('format and lint (biome)', '@biomejs/biome/bin/biome', [
    'check',
    '--error-on-warnings',
    '--no-errors-on-unmatched',
    '.',
  ]),
  tool('unused code (knip)', 'knip/bin/knip.js', ['--no-progress']),
  sentences('layers', () => findLayerViolations(readWorkspaces(root))),
  sentences('lock files', () => [root, join(root, 'runtime')].flatMap(findLockProblems)),
];

function tool(name: string, script: string, args: readonly string[]): Check {
  const path = join(root, 'node_modules', script);
  return { name, run: () => runCommand(onNode([path, ...args], checkTimeoutMs), 'collect') };
}

/** A check in this process, which fails with the sentences that it returns. */
function sentences(name: string, find: () => readonly string[]): Check {
  return {
    name,
    run: async () => {
      const startedMs = performance.now();
      const found = find();
      return { ok: found.length === 0, output: found.join('\n'), durationMs: performance.now() - startedMs };
    },
  };
}

function onNode(args: readonly string[], timeoutMs: number, environment: NodeJS.ProcessEnv = {}): Command {
  const env = { ...process.env, NODE_ENV: 'test', ...environment };
  return { file: process.execPath, args, cwd: root, env, timeoutMs };
}

/** Two checks at a time; each prints its own lines at once when it ends. */
async function runChecks(): Promise<TestCounts> {
  const waiting = [...checks];
  let passed = 0;
  let failed = 0;
  const work = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const { ok, output, durationMs } = await check.run();
      if (ok) passed += 1;
      else failed += 1;
      print(`${ok ? 'passed' : 'FAILED'}  ${check.name}  ${seconds(durationMs)}`);
      if (!ok) print(output.trimEnd());
    }
  };
  await Promise.all(Array.from({ length: concurrentMax }, work));
  return { passed, failed };
}

async function runTests(filters: readonly string[]): Promise<TestCounts> {
  const folder = mkdtempSync(join(tmpdir(), 'salus-test-'));
  try {
    const report = join(folder, 'report.json');
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const command = onNode([vitest, 'run', ...filters], testsTimeoutMs, { SALUS_TEST_REPORT: report });
    const { ok, durationMs } = await runCommand(command, 'stream');
    const requireAll = process.env.SALUS_TEST_REQUIRE === 'all';
    const { counts, failures, problems, skipped } = parseTestReport(readReport(report), { exitedWell: ok, requireAll });
    for (const name of skipped) print(`skipped ${name}`);
    for (const failure of [...failures, ...problems]) print(`FAILED  ${failure}`);
    print(`${counts.failed === 0 ? 'passed' : 'FAILED'}  tests (vitest)  ${seconds(durationMs)}`);
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    return { unreadable: String(cause) };
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

stopOnSignals();
const startedMs = performance.now();
const ofChecks = await runChecks();
const ofTests = await runTests(process.argv.slice(2));
const passed = ofChecks.passed + ofTests.passed;
const failed = ofChecks.failed + ofTests.failed;
print(
  `Scale ${process.env.SALUS_TEST_SCALE ?? 'reduced'}, ${seconds(performance.now() - startedMs)} on Node ${process.version}`,
);
print(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
