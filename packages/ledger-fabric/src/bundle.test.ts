import { hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTRACTS_VERSION } from '@salus/contracts';
import { createConsentWorld, revokeOf } from '@salus/contracts/test-world';
import { describe, expect, it } from 'vitest';
import { bundleChaincode, definitionVersion, findBundleHash, findDefinedBundle, packageLabel } from './bundle.ts';
import type { GatheredRuntime } from './chaincode/gathered-run.ts';

type Loaded = {
  readonly runtime: GatheredRuntime & { readonly inUse: { readonly version: string; readonly bundleHash: string } };
};

describe('the bundle', () => {
  it('is the same bytes whoever builds it from the same sources, wherever they lie', async () => {
    const before = process.cwd();
    const first = await bundleChaincode();
    process.chdir(tmpdir());
    try {
      const second = await bundleChaincode();
      expect(second.sha256hex).toBe(first.sha256hex);
      expect(second.code.equals(first.code)).toBe(true);
    } finally {
      process.chdir(before);
    }
    expect(first.sha256hex).toBe(hash('sha256', first.code, 'hex'));
    expect(first.contracts).toBe(CONTRACTS_VERSION);
    for (const path of [before, tmpdir()]) expect(first.code.includes(`${path}/`), path).toBe(false);
  });

  it('gives the contracts that endorsed, and does nothing else when it is loaded', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'salus-bundle-'));
    try {
      const { code, sha256hex } = await bundleChaincode();
      const file = join(folder, `${sha256hex}.cjs`);
      writeFileSync(file, code);
      const listeners = process.eventNames().map((name) => [name, process.listenerCount(name)]);
      const { runtime } = createRequire(import.meta.url)(file) as Loaded;
      expect(process.eventNames().map((name) => [name, process.listenerCount(name)])).toEqual(listeners);
      const bundleHash = Buffer.from(sha256hex, 'hex').toString('base64url');
      expect(runtime.inUse).toEqual({ version: CONTRACTS_VERSION, bundleHash });
      const world = await createConsentWorld();
      const { call } = world.sign(revokeOf(world, 'AAAAAAAAAAAAAAAAAAAAAA'));
      const outcome = await runtime.execute(world.host, { call, timestampMs: world.nowMs(), mode: 'public' });
      expect(await world.submit({ call })).toEqual(outcome);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the names of a bundle', () => {
  const sha256hex = 'ab'.repeat(32);

  it('lead back to its hash', () => {
    expect(findBundleHash(packageLabel('1.2.3', sha256hex))).toBe(sha256hex);
    expect(findBundleHash(`${packageLabel('1.2.3', sha256hex)}:${'cd'.repeat(32)}`)).toBe(sha256hex);
    expect(findDefinedBundle(definitionVersion('1.2.3', sha256hex))).toBe(sha256hex);
  });

  it.each([
    '',
    'salus',
    'salus_1.0.0',
    `salus_1.0.0-${'ab'.repeat(31)}`,
    `other_1.0.0-${sha256hex}`,
    `salus_-${sha256hex}:`,
  ])('lead nowhere from %j', (name) => {
    expect(findBundleHash(name)).toBeUndefined();
    expect(findDefinedBundle(name)).toBeUndefined();
  });
});
