import { createHash, randomUUID } from 'node:crypto';
import { globSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join, resolve } from 'node:path';

const repository = resolve(import.meta.dirname, '../..');
/** In nobody else's reach: a name that anybody can compute, in a folder that all users share, is anybody's to fill. */
const FOLDER = join(repository, 'node_modules/.cache/salus-templates');
const KEPT_MS = 6 * 3_600_000;
/** Mode bits by which group and others may write. */
const WRITABLE_BY_OTHERS = 0o022;
/** What a founded network depends on. */
const SOURCES = ['apps/server/src/**/*.ts', 'packages/*/src/**/*.{ts,json}', 'package-lock.json'];

/**
 * The folder that `make` fills once for a state of the sources, in whichever test comes first: to be copied and left as it is, so
 * that what one test does, no other sees. It is kept for six hours after it was last asked for.
 *
 * @param kind what is made, as part of a file's name
 * @param parent for tests of this alone
 */
export async function templateFolder(
  kind: string,
  make: (folder: string) => Promise<void>,
  parent = FOLDER,
): Promise<string> {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  demandOwn(parent);
  const template = join(parent, `${kind}-${stampOfSources()}`);
  if (isOwn(template)) return used(template);
  removeOld(parent);
  const making = join(parent, `making-${randomUUID()}`);
  mkdirSync(making, { mode: 0o700 });
  try {
    await make(making);
    renameSync(making, template);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another worker was faster.
    if (!isOwn(template)) throw error;
  }
  return used(template);
}

/** Whoever copies from it has it for as long as it is kept. */
function used(template: string): string {
  const now = new Date();
  utimesSync(template, now, now);
  return template;
}

/** A folder of this user's that nobody else can write to, and no link to one; false where there is nothing. */
function isOwn(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.isDirectory() && found.uid === process.getuid?.() && (found.mode & WRITABLE_BY_OTHERS) === 0) return true;
  throw new Error(`${path} is not a folder of this user's alone: remove it`);
}

function demandOwn(path: string): void {
  if (!isOwn(path)) throw new Error(`${path} is not there`);
}

function removeOld(parent: string): void {
  const oldestMs = Date.now() - KEPT_MS;
  for (const name of readdirSync(parent)) {
    const path = join(parent, name);
    const { mtimeMs } = lstatSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
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
