import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** A workspace as the layer check sees it; `folder` and the sources' paths are relative to the repository, with `/`. */
export interface Workspace {
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly sources: readonly Source[];
}

export interface Source {
  readonly path: string;
  readonly text: string;
}

/**
 * The layers of the design: a workspace imports only lower ones. `outside` is the bench and the simulator, which may
 * import everything and are imported by nothing; only they, tests and suites may import `tests`.
 */
const layers: Readonly<Record<string, number | 'outside' | 'tests'>> = {
  '@salus/contracts': 0,
  '@salus/crypto': 0,
  '@salus/wallet': 1,
  '@salus/ledger': 1,
  '@salus/fhir': 1,
  '@salus/ledger-fabric': 2,
  '@salus/records': 2,
  '@salus/client': 2,
  '@salus/supply-chain': 2,
  '@salus/devices': 2,
  '@salus/research': 2,
  '@salus/transparency': 2,
  '@salus/network': 2,
  '@salus/server': 3,
  '@salus/web': 3,
  '@salus/cli': 3,
  '@salus/bench': 'outside',
  '@salus/simulator': 'outside',
  '@salus/testing': 'tests',
};

/**
 * The imports between two of the same layer: `salus start` composes the server in its own process, and a network is made of
 * the chaincode and connections that the engine defines.
 */
const composition = new Set(['@salus/cli → @salus/server', '@salus/network → @salus/ledger-fabric']);

/** Every import of the layout that the design refuses, as one sentence each; none when the layout holds. */
export function findLayerViolations(workspaces: readonly Workspace[]): string[] {
  return workspaces.flatMap((workspace) => [
    ...(layers[workspace.name] === undefined
      ? [`${workspace.folder}: ${workspace.name} has no layer in scripts/layers.ts`]
      : []),
    ...manifestViolations(workspace),
    ...workspace.sources.flatMap((source) => sourceViolations(workspace, source)),
  ]);
}

function manifestViolations(workspace: Workspace): string[] {
  const refused = (names: readonly string[], forTests: boolean) =>
    names
      .filter((name) => name.startsWith('@salus/') && !mayImport(workspace.name, name, forTests))
      .map((name) => `${workspace.folder}/package.json: ${workspace.name} may not depend on ${name}`);
  return [...refused(workspace.dependencies, false), ...refused(workspace.devDependencies, true)];
}

function sourceViolations(workspace: Workspace, source: Source): string[] {
  const forTests = isTest(source.path);
  const found: string[] = [];
  for (const specifier of importedSpecifiers(source.text)) {
    if (specifier.startsWith('.')) {
      const target = posix.normalize(posix.join(posix.dirname(source.path), specifier));
      if (!target.startsWith(`${workspace.folder}/`)) {
        found.push(`${source.path}: imports ${specifier}, a file outside its package`);
      }
      continue;
    }
    if (!specifier.startsWith('@salus/')) continue;
    const name = specifier.split('/').slice(0, 2).join('/');
    if (name === workspace.name) continue;
    if (!mayImport(workspace.name, name, forTests || isSuite(source.path))) {
      found.push(`${source.path}: ${workspace.name} may not import ${name}`);
    } else if (!forTests && !isSuite(source.path) && !workspace.dependencies.includes(name)) {
      found.push(`${source.path}: imports ${name}, which ${workspace.folder}/package.json does not list`);
    }
  }
  return found;
}

/** Tests may also use their neighbours of the same layer: a contract is tested with the real cryptography. */
function mayImport(importer: string, imported: string, forTests: boolean): boolean {
  const from = layers[importer];
  const to = layers[imported];
  if (to === 'tests') return forTests || from === 'outside';
  if (typeof to !== 'number') return false;
  if (from === 'outside') return true;
  if (typeof from !== 'number') return false;
  if (composition.has(`${importer} → ${imported}`)) return true;
  return to < from || (forTests && to === from && to < 3);
}

/** A test, or what the tests of one package share in its `test` folder. */
function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.split('/')[2] === 'test';
}

/** The suites that every engine of a port runs are test code that is published for other packages' tests. */
function isSuite(path: string): boolean {
  return path.endsWith('/conformance.ts') || path.includes('/conformance/');
}

/** Static, dynamic and type imports and re-exports. */
export function importedSpecifiers(text: string): string[] {
  const statement = /(?:^|[\s;}])(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])([^'"\n]+)\1/g;
  const bare = /(?:^|[\s;}])import\s*(['"])([^'"\n]+)\1/g;
  const call = /\b(?:import|require|import\.meta\.resolve)\s*\(\s*(['"`])([^'"`\n]+)\1/g;
  return [statement, bare, call].flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[2] ?? ''));
}

/** The workspaces that the root's `package.json` names, read from disk. */
export function readWorkspaces(root: string): Workspace[] {
  const patterns = parseManifest(join(root, 'package.json')).workspaces ?? [];
  return patterns
    .flatMap((pattern) => globSync(`${pattern}/package.json`, { cwd: root }))
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => {
      const folder = posix.dirname(path);
      const manifest = parseManifest(join(root, path));
      return {
        folder,
        name: manifest.name ?? folder,
        dependencies: Object.keys(manifest.dependencies ?? {}),
        devDependencies: Object.keys(manifest.devDependencies ?? {}),
        sources: readSources(root, folder),
      };
    });
}

function readSources(root: string, folder: string): Source[] {
  return globSync(`${folder}/{src,test}/**/*.{ts,tsx}`, { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

interface Manifest {
  readonly name?: string;
  readonly workspaces?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function parseManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}
