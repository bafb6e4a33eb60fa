import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fabricBinaries } from './fabric-binaries.ts';

let folder = '';

function program(path: string, mode = 0o755): string {
  writeFileSync(path, '#!/bin/sh\n', { mode });
  return path;
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-fabric-bin-'));
  mkdirSync(join(folder, 'named'));
  mkdirSync(join(folder, 'path'));
  vi.stubEnv('FABRIC_BIN', join(folder, 'named'));
  vi.stubEnv('PATH', join(folder, 'path'));
  vi.stubEnv('SALUS_REQUIRE_FABRIC', undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('fabricBinaries', () => {
  it('finds both programs below FABRIC_BIN before those of PATH', () => {
    for (const place of ['named', 'path']) {
      for (const name of ['peer', 'orderer']) program(join(folder, place, name));
    }
    expect(fabricBinaries()).toEqual({
      peer: join(folder, 'named', 'peer'),
      orderer: join(folder, 'named', 'orderer'),
    });
  });

  it('finds both programs on PATH', () => {
    const peer = program(join(folder, 'path', 'peer'));
    const orderer = program(join(folder, 'path', 'orderer'));
    expect(fabricBinaries()).toEqual({ peer, orderer });
  });

  it('does not mix the peer of one folder with the orderer of another', () => {
    program(join(folder, 'named', 'peer'));
    program(join(folder, 'path', 'orderer'));
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(fabricBinaries()).toBeUndefined();
  });

  it('takes neither a folder nor a file that cannot be executed for a program', () => {
    mkdirSync(join(folder, 'path', 'peer'));
    program(join(folder, 'path', 'orderer'), 0o644);
    vi.stubEnv('SALUS_REQUIRE_FABRIC', '1');
    expect(() => fabricBinaries()).toThrow(/FABRIC_BIN or PATH/);
  });

  it('throws when Fabric is required and absent', () => {
    vi.stubEnv('SALUS_REQUIRE_FABRIC', '1');
    expect(() => fabricBinaries()).toThrow(/SALUS_REQUIRE_FABRIC=1/);
  });

  it('refuses a requirement that it does not know instead of quietly skipping', () => {
    vi.stubEnv('SALUS_REQUIRE_FABRIC', 'yes');
    expect(() => fabricBinaries()).toThrow(RangeError);
  });

  it('says in one line, once, that the suite does not run and why', async () => {
    vi.resetModules();
    const fresh = await import('./fabric-binaries.ts');
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(fresh.fabricBinaries()).toBeUndefined();
    expect(fresh.fabricBinaries()).toBeUndefined();
    expect(write).toHaveBeenCalledTimes(1);
    expect(String(write.mock.calls[0]?.[0])).toMatch(/^skipped: .*FABRIC_BIN or PATH.*\n$/);
  });
});
