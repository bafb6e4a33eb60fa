import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type InlineConfig } from 'vite';
import { writeRelease } from './release.ts';

const web = resolve(import.meta.dirname, '..');
const repository = resolve(web, '../..');
const builds = join(web, 'dist', 'builds');
const currentFile = join(web, 'dist', 'current');
/** Nodes that run may still serve an older build than the last one. */
const BUILDS_KEPT_MAX = 6;

/** Everything that the bundle is made of: of our packages what the app leans on, of others what the lock file says. */
const SOURCES = [
  'apps/web/{src,public,build}/**/*',
  'apps/web/{index.html,vite.config.ts,package.json}',
  'packages/{client,contracts,crypto,fhir,ledger,wallet}/{src/**/*,package.json}',
  'package-lock.json',
];

/**
 * The folder of the built app: an existing build where nothing changed since, else a new one, which takes some seconds.
 * Builds lie side by side, named after what they are made of, so that a node that runs keeps the one that it serves.
 */
export async function buildWebApp(say: (line: string) => void): Promise<string> {
  const stamp = stampOf();
  const folder = join(builds, stamp);
  if (!existsSync(folder)) {
    say('Building the web app …');
    const making = join(builds, `.${stamp}-${randomUUID()}`);
    try {
      await build({ root: web, logLevel: 'warn', build: { outDir: making } });
      await build(workerBuild(making));
      writeRelease(making);
      putInPlace(making, folder);
    } finally {
      rmSync(making, { recursive: true, force: true });
    }
    removeOldBuilds(folder);
  }
  writeFileSync(currentFile, stamp);
  return folder;
}

/** The service worker is one file with a name that stays: browsers know it by that. */
function workerBuild(outDir: string): InlineConfig {
  return {
    root: web,
    logLevel: 'warn',
    publicDir: false,
    build: {
      outDir,
      emptyOutDir: false,
      rolldownOptions: {
        input: join(web, 'src/worker/main.ts'),
        output: { format: 'iife', entryFileNames: 'sw.js', codeSplitting: false },
      },
    },
  };
}

function stampOf(): string {
  const hash = createHash('sha256');
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: repository }))
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => !path.includes('.test.') && !path.includes('/conformance'))
    .sort();
  for (const path of files) {
    const file = join(repository, path);
    if (!statSync(file).isFile()) continue;
    hash.update(`${path}\n`).update(createHash('sha256').update(readFileSync(file)).digest());
  }
  return hash.digest('hex').slice(0, 16);
}

/** Two processes may have built the same: the first wins. */
function putInPlace(making: string, folder: string): void {
  mkdirSync(builds, { recursive: true });
  try {
    renameSync(making, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

function removeOldBuilds(newest: string): void {
  const byAge = readdirSync(builds)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(builds, name))
    .filter((folder) => folder !== newest)
    .map((folder) => ({ folder, madeMs: statSync(folder).mtimeMs }))
    .sort((left, right) => right.madeMs - left.madeMs);
  for (const { folder } of byAge.slice(BUILDS_KEPT_MAX - 1)) rmSync(folder, { recursive: true, force: true });
}
