import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findLayerViolations, importedSpecifiers, readWorkspaces, type Workspace } from './layers.ts';

const root = resolve(import.meta.dirname, '..');

function workspace(name: string, parts: Partial<Workspace> = {}): Workspace {
  const folder = `packages/${name}`;
  return { folder, name: `@salus/${name}`, dependencies: [], devDependencies: [], sources: [], ...parts };
}

function file(path: string, text: string): Partial<Workspace> {
  return { sources: [{ path, text }] };
}

describe('the layer check', () => {
  it('sees every workspace of this repository and finds its layout in order', () => {
    const workspaces = readWorkspaces(root);
    expect(workspaces.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['@salus/contracts', '@salus/crypto', '@salus/records', '@salus/server', '@salus/cli']),
    );
    expect(workspaces.find(({ name }) => name === '@salus/testing')?.sources.length).toBeGreaterThan(0);
    expect(findLayerViolations(workspaces)).toEqual([]);
  });

  it('refuses a dependency on a higher layer', () => {
    expect(findLayerViolations([workspace('crypto', { dependencies: ['@salus/records'] })])).toEqual([
      'packages/crypto/package.json: @salus/crypto may not depend on @salus/records',
    ]);
  });

  it('refuses a dependency on the same layer, which tests alone may have', () => {
    const planted = workspace('wallet', { dependencies: ['@salus/ledger'] });
    expect(findLayerViolations([planted])).toHaveLength(1);
    expect(findLayerViolations([workspace('wallet', { devDependencies: ['@salus/ledger'] })])).toEqual([]);
    expect(findLayerViolations([workspace('wallet', { devDependencies: ['@salus/records'] })])).toHaveLength(1);
  });

  it.each([
    `import { vault } from '@salus/records';`,
    `import type { Vault } from "@salus/records";`,
    `import {\n  a,\n  b,\n} from '@salus/records';`,
    `export * from '@salus/records';`,
    `import '@salus/records';`,
    `const vault = await import('@salus/records');`,
    `import { vault } from '@salus/records/deep';`,
  ])('refuses a planted import from a higher layer: %s', (text) => {
    const planted = workspace('ledger', file('packages/ledger/src/engine.ts', `const x = 1;\n${text}\n`));
    expect(findLayerViolations([planted])).toEqual([
      'packages/ledger/src/engine.ts: @salus/ledger may not import @salus/records',
    ]);
  });

  it('refuses an import from a lower layer that package.json does not list', () => {
    const source = file('packages/ledger/src/engine.ts', `import { sign } from '@salus/crypto/node';`);
    expect(findLayerViolations([workspace('ledger', source)])).toHaveLength(1);
    expect(findLayerViolations([workspace('ledger', { ...source, dependencies: ['@salus/crypto'] })])).toEqual([]);
  });

  it('refuses a relative path into another package', () => {
    const planted = workspace(
      'ledger',
      file('packages/ledger/src/engine.ts', `import { a } from '../../crypto/src/a.ts';`),
    );
    expect(findLayerViolations([planted])).toEqual([
      'packages/ledger/src/engine.ts: imports ../../crypto/src/a.ts, a file outside its package',
    ]);
  });

  it('lets only tests, suites and benches import the test plumbing', () => {
    const text = `import { scaled } from '@salus/testing';`;
    const importing = (path: string) =>
      findLayerViolations([workspace('ledger', { ...file(path, text), devDependencies: ['@salus/testing'] })]);
    expect(importing('packages/ledger/src/engine.test.ts')).toEqual([]);
    expect(importing('packages/ledger/src/conformance.ts')).toEqual([]);
    expect(importing('packages/ledger/src/engine.ts')).toHaveLength(1);
    expect(findLayerViolations([workspace('bench', { dependencies: ['@salus/testing'] })])).toEqual([]);
  });

  it('lets the command line compose the server and nothing else import an application', () => {
    expect(findLayerViolations([workspace('cli', { dependencies: ['@salus/server'] })])).toEqual([]);
    expect(findLayerViolations([workspace('server', { dependencies: ['@salus/cli'] })])).toHaveLength(1);
    expect(findLayerViolations([workspace('bench', { dependencies: ['@salus/server'] })])).toEqual([]);
    expect(findLayerViolations([workspace('records', { devDependencies: ['@salus/bench'] })])).toHaveLength(1);
  });

  it('refuses a package that has no layer', () => {
    expect(findLayerViolations([workspace('helpers')])).toEqual([
      'packages/helpers: @salus/helpers has no layer in scripts/layers.ts',
    ]);
  });
});

describe('importedSpecifiers', () => {
  it('is not misled by words in text', () => {
    expect(importedSpecifiers(`const message = 'an important export from the past';`)).toEqual([]);
  });
});
