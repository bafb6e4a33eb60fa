import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface LockEntry {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const dependencyFields = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;
const exactVersion = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/;

/** What is wrong with one lock file beside its manifests, as one sentence each; none when it installs anywhere. */
export function findLockProblems(folder: string): string[] {
  const path = join(folder, 'package-lock.json');
  const text = readFileSync(path, 'utf8');
  const packages = (JSON.parse(text) as { packages?: Readonly<Record<string, LockEntry>> }).packages ?? {};
  const entries = Object.entries(packages);
  if (entries.length < 2) return [`${path} locks nothing`];

  const problems: string[] = [];
  if (/"resolved": "(?:https?|git)/.test(text)) {
    problems.push(`${path} names a registry host: npm would ask it, whatever registry the user has set`);
  }
  for (const [location, entry] of entries) {
    if (location.startsWith('node_modules/')) {
      if (entry.link !== true && entry.integrity === undefined) problems.push(`${path}: ${location} has no integrity`);
    } else {
      problems.push(...manifestProblems(join(folder, location, 'package.json'), entry));
    }
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      if (!isLocked(packages, location, name)) {
        problems.push(`${path}: ${name}, wanted by ${location || 'the root'}, is missing, which npm 11 and 12 refuse`);
      }
    }
  }
  return problems;
}

/** The lock repeats what each manifest of the repository asks for, and npm refuses where the two differ. */
function manifestProblems(path: string, entry: LockEntry): string[] {
  if (!existsSync(path)) return [`${path} is locked and absent`];
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as LockEntry;
  return dependencyFields.flatMap((field) => {
    const asked = manifest[field] ?? {};
    const locked = entry[field] ?? {};
    const names = new Set([...Object.keys(asked), ...Object.keys(locked)]);
    return [...names].flatMap((name) => [
      ...(asked[name] === locked[name] ? [] : [`${path}: ${name} differs from the lock: run \`npm install\``]),
      ...(asked[name] === undefined || exactVersion.test(asked[name])
        ? []
        : [`${path}: the version of ${name} is not exact: ${asked[name]}`]),
    ]);
  });
}

/** Node's own search: the folder's node_modules, then each folder's above it. */
function isLocked(packages: Readonly<Record<string, LockEntry>>, location: string, name: string): boolean {
  for (let folder = location; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    if (packages[folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
  }
}
