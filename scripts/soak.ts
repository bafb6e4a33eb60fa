// `npm run test:soak`: the long fault tests of a real Fabric network, alone on the machine, at the counts and times that are
// published; the last line is `N passed, N failed`. `npm test` runs them reduced.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runCommand, stopOnSignals } from './step.ts';
import { parseTestReport } from './test-report.ts';

const root = resolve(import.meta.dirname, '..');
const timeoutMs = 6 * 60 * 60_000;
/** Part of every path that holds them. */
const SOAK = '/soak/';

stopOnSignals();
const folder = mkdtempSync(join(tmpdir(), 'salus-soak-'));
try {
  const report = join(folder, 'report.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const filters = process.argv.length > 2 ? process.argv.slice(2) : [SOAK];
  const { ok } = await runCommand(
    {
      file: process.execPath,
      args: [
        vitest,
        'run',
        '--maxWorkers=1',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${report}`,
        ...filters,
      ],
      cwd: root,
      // A soak without Fabric shows nothing.
      env: {
        ...process.env,
        NODE_ENV: 'test',
        SALUS_TEST_SCALE: 'full',
        SALUS_TEST_SOAK: '1',
        SALUS_REQUIRE_FABRIC: '1',
      },
      timeoutMs,
    },
    'stream',
  );
  const { counts, failures, problems } = parseTestReport(readReport(report), { exitedWell: ok, requireAll: true });
  for (const failure of [...failures, ...problems]) process.stdout.write(`FAILED  ${failure}\n`);
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function readReport(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    return { unreadable: String(cause) };
  }
}
