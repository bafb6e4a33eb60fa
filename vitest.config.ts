import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/longest-first.ts';
import { seededProperties } from './scripts/seeded-properties.ts';
import { SlowestFiles } from './scripts/slowest-files.ts';

const full = process.env.SALUS_TEST_SCALE === 'full';
/** Where `npm test` reads the counts; it also tells where the time went. */
const report = process.env.SALUS_TEST_REPORT;

export default defineConfig({
  plugins: [seededProperties()],
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'apps/*/src/**/*.test.{ts,tsx}',
      'apps/web/{build,e2e}/**/*.test.ts',
      'bench/src/**/*.test.ts',
      'network/src/**/*.test.ts',
      'testing/src/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    environment: 'node',
    pool: 'forks',
    // One more than the machines that run this have cores: half of the time goes into waiting for disks, browsers and networks.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // A machine may be busy with something else: what hangs is found all the same.
    testTimeout: full ? 600_000 : 240_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 120_000 } },
    ...(report === undefined ? {} : { reporters: ['default', ['json', { outputFile: report }], new SlowestFiles()] }),
    passWithNoTests: false,
    allowOnly: false,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts', 'apps/*/src/**/*.{ts,tsx}', 'network/src/**/*.ts'],
      exclude: ['**/*.test.ts'],
      reportsDirectory: 'coverage',
    },
  },
});
