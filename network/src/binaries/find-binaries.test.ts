import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkLayout } from '../layout.ts';
import { parseVersionOutput, platformName } from './fabric-version.ts';
import { describeProgram, diagnoseBinaries, requireBinaries } from './find-binaries.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-doctor-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function put(path: string, body: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return file;
}

function fabric(program: string, version = 'v3.1.5'): string {
  return `printf '${program}:\\n Version: ${version}\\n Commit SHA: 0\\n Go version: go1\\n OS/Arch: linux/amd64\\n'`;
}

function search(environment: Readonly<Record<string, string>>) {
  return { layout: networkLayout(join(folder, 'network')), environment };
}

describe('the search for Fabric’s programs', () => {
  it('goes through FABRIC_BIN, the network’s own bin, then PATH', async () => {
    const onPath = put('path/orderer', fabric('orderer'));
    put('path/peer', fabric('peer'));
    const own = put('network/bin/peer', fabric('peer'));
    const environment = { PATH: join(folder, 'path') };
    expect(await requireBinaries(search(environment))).toEqual({ peer: own, orderer: onPath });
    const named = put('named/peer', fabric('peer'));
    const FABRIC_BIN = join(folder, 'named');
    expect(await requireBinaries(search({ ...environment, FABRIC_BIN }))).toEqual({ peer: named, orderer: onPath });
  });

  it('says of absent programs where to get them, by archive and by Fabric’s own script', async () => {
    const { programs, binaries, advice } = await diagnoseBinaries(search({}));
    expect(binaries).toBeUndefined();
    expect(programs.map(({ state }) => state)).toEqual(['absent', 'absent']);
    expect(advice).toContain('https://github.com/hyperledger/fabric/releases/tag/v3.1.5');
    expect(advice).toContain(`salus network install --archive hyperledger-fabric-${platformName()}-3.1.5.tar.gz`);
    expect(advice).toContain('install-fabric.sh --fabric-version 3.1.5 binary');
    await expect(requireBinaries(search({}))).rejects.toMatchObject({ code: 'no-fabric' });
  });

  it('refuses another version and says what the 2.5 LTS lacks', async () => {
    put('path/peer', fabric('peer', 'v2.5.12'));
    put('path/orderer', fabric('orderer', 'v3.0.0'));
    const { programs, binaries } = await diagnoseBinaries(search({ PATH: join(folder, 'path') }));
    expect(binaries).toBeUndefined();
    expect(describeProgram(programs[0]!)).toMatch(/Fabric 2\.5\.12.*V3_0.*BFT/);
    expect(describeProgram(programs[1]!)).toMatch(/Fabric 3\.0\.0; Salus needs a release 3\.1/);
  });

  it('does not take a program of the same name for Fabric’s', async () => {
    put('path/peer', 'echo a peer');
    put('path/orderer', fabric('peer'));
    const { programs } = await diagnoseBinaries(search({ PATH: join(folder, 'path') }));
    expect(programs.map(({ state }) => state)).toEqual(['unfit', 'unfit']);
    put('path/peer', 'exit 3');
    const [peer] = (await diagnoseBinaries(search({ PATH: join(folder, 'path') }))).programs;
    expect(describeProgram(peer!)).toMatch(/cannot be run \(3\)/);
  });

  it('reads the version with and without v, and the chaincode lines that only peers print', () => {
    const output = 'peer:\n Version: 3.1.1\n Commit SHA: a\n Go version: go1\n OS/Arch: linux/arm64\n Chaincode:\n';
    expect(parseVersionOutput('peer', output)).toEqual({ version: '3.1.1', platform: 'linux/arm64' });
    expect(parseVersionOutput('orderer', output)).toBeUndefined();
  });
});
