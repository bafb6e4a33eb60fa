import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { KnipConfig } from 'knip';

/** A workspace joins the check with its first entry: before, all its dependencies would count as unused. */
const withoutEntry = globSync('{packages,apps}/*/package.json')
  .concat('bench/package.json', 'network/package.json')
  .filter((path) => {
    const manifest = JSON.parse(readFileSync(path, 'utf8')) as { exports?: Readonly<Record<string, string>> };
    const entry = manifest.exports?.['.'] ?? './src/main.ts';
    return !existsSync(join(dirname(path), entry));
  })
  .map(dirname);

const config: KnipConfig = {
  ignoreExportsUsedInFile: true,
  exclude: ['types'],
  // scripts/test.ts starts both by path; oxlint finds its type checker by name.
  ignoreDependencies: ['oxlint', 'oxlint-tsgolint'],
  // Of the machine: HAPI's suite runs where they are.
  ignoreBinaries: ['java', 'mvn'],
  ignoreWorkspaces: withoutEntry,
  workspaces: {
    '.': { entry: ['scripts/{setup,run}.mjs', 'scripts/{test,soak}.ts'], project: ['scripts/**/*.{ts,mjs}', '*.ts'] },
    'packages/*': { project: ['src/**/*.ts'] },
    // What its tests compare searches with has a dependency of its own.
    'packages/records': { project: ['src/**/*.ts', 'test/independent-search.ts'] },
    // The entry of the chaincode's bundle is started by path, out of the bundle.
    'packages/ledger-fabric': { entry: ['src/chaincode/main.ts'], project: ['src/**/*.ts'] },
    'apps/*': { entry: ['src/main.ts'], project: ['src/**/*.ts', 'test/**/*.ts'] },
    // The built page, its build, and the walks through it; of icons and styles the tool knows nothing.
    'apps/web': {
      entry: ['src/main.tsx', 'build/{main,draw-icons}.ts', 'e2e/*.e2e.test.ts'],
      project: ['src/**/*.{ts,tsx}', 'build/**/*.ts', 'e2e/**/*.ts'],
    },
    // Its main is an export.
    'apps/server': { project: ['src/**/*.ts', 'test/**/*.ts'] },
    bench: { entry: ['src/*.ts', 'src/fabric/bare-chaincode.ts'], project: ['src/**/*.ts'] },
    network: { project: ['src/**/*.ts'] },
    testing: { project: ['src/**/*.ts'] },
  },
};

export default config;
