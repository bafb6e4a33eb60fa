import { createHash, randomUUID } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');
const PREFIX = 'salus-template-';
const KEPT_MS = 6 * 3_600_000;
/** What a founded network depends on. */
const SOURCES = ['apps/server/src/**/*.ts', 'packages/*/src/**/*.{ts,json}', 'package-lock.json'];

/**
 * The folder that `make` fills once for a state of the sources, in whichever test comes first: to be copied and left as it is, so
 * that what one test does, no other sees.
 *
 * @param kind what is made, as part of a file's name
 */
export async function templateFolder(kind: string, make: (folder: string) => Promise<void>): Promise<string> {
  const template = join(tmpdir(), `${PREFIX}${kind}-${stampOfSources()}`);
  if (existsSync(template)) return template;
  removeOld();
  const making = join(tmpdir(), `${PREFIX}making-${randomUUID()}`);
  mkdirSync(making, { mode: 0o700 });
  try {
    await make(making);
    renameSync(making, template);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another worker was faster.
    if (!existsSync(template)) throw error;
  }
  return template;
}

function removeOld(): void {
  const oldestMs = Date.now() - KEPT_MS;
  for (const name of readdirSync(tmpdir())) {
    const path = join(tmpdir(), name);
    if (!name.startsWith(PREFIX)) continue;
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
    if (mtimeMs < oldestMs) rmSync(path, { recursive: true, force: true });
  }
}

function stampOfSources(): string {
  const hash = createHash('sha256');
  const files = SOURCES.flatMap((pattern) => globSync(pattern, { cwd: repository }))
    .filter((path) => !path.includes('.test.'))
    .sort();
  if (files.length === 0) throw new Error('broken invariant: the repository has sources');
  for (const path of files) hash.update(`${path}\n`).update(readFileSync(join(repository, path)));
  return hash.digest('hex').slice(0, 16);
}
