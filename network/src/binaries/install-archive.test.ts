import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import tar, { type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkLayout } from '../layout.ts';
import { platformName } from './fabric-version.ts';
import { installArchive } from './install-archive.ts';

type Entry = readonly [header: Partial<Header> & Pick<Header, 'name'>, content?: string];

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-install-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A script that answers as Fabric's program of that name does. */
function program(name: 'peer' | 'orderer', version = 'v3.1.5'): Entry {
  const lines = [`${name}:`, ` Version: ${version}`, ' Commit SHA: 0', ' Go version: go1', ' OS/Arch: linux/amd64'];
  return [{ name: `bin/${name}`, mode: 0o755 }, `#!/bin/sh\nprintf '%s\\n' '${lines.join("' '")}'\n`];
}

const release: readonly Entry[] = [
  [{ name: 'bin/', type: 'directory' }],
  program('peer'),
  program('orderer'),
  [{ name: 'bin/osnadmin' }, '#!/bin/sh\n'],
  [{ name: 'builders/ccaas/bin/detect' }, '#!/bin/sh\n'],
  [{ name: 'config/core.yaml' }, 'peer: {}\n'],
];

async function archiveOf(entries: readonly Entry[], name = nameOf('3.1.5')): Promise<string> {
  const pack = tar.pack();
  for (const [header, content] of entries) pack.entry(header, content ?? '');
  pack.finalize();
  const file = join(folder, name);
  writeFileSync(file, gzipSync(await buffer(pack)));
  return file;
}

function nameOf(version: string, platform = platformName()): string {
  return `hyperledger-fabric-${platform}-${version}.tar.gz`;
}

function install(archive: string, sha256?: string) {
  const layout = networkLayout(join(folder, 'network'));
  return installArchive({ layout, archive, ...(sha256 === undefined ? {} : { sha256 }) });
}

function digestOf(archive: string): string {
  return createHash('sha256').update(readFileSync(archive)).digest('hex');
}

/** Nothing of a refused archive stays, not even what was unpacked before the refusal. */
function expectNothing(): void {
  const directory = join(folder, 'network');
  if (existsSync(directory)) expect(readdirSync(directory)).toEqual([]);
  expect(readdirSync(folder).filter((name) => !['network'].includes(name) && !name.endsWith('.gz'))).toEqual([]);
}

describe('an archive of a Fabric release', () => {
  it('is unpacked into the directory, its programs executable, and a second time over the first', async () => {
    const archive = await archiveOf(release);
    const sha256 = digestOf(archive);
    const installed = await install(archive, sha256.toUpperCase());
    expect(installed).toMatchObject({ version: '3.1.5', sha256 });
    expect(installed.files).toHaveLength(5);
    expect(statSync(join(folder, 'network', 'bin', 'peer')).mode & 0o777).toBe(0o755);
    expect(statSync(join(folder, 'network', 'config', 'core.yaml')).mode & 0o111).toBe(0);
    expect(installed.checked).toBe(true);
    await install(archive);
    expect(readdirSync(join(folder, 'network')).sort()).toEqual(['bin', 'builders', 'config']);
  });

  it('is not run while no checksum vouches for it', async () => {
    const trace = join(folder, 'network-ran.gz');
    const spy: Entry = [{ name: 'bin/peer', mode: 0o755 }, `#!/bin/sh\ntouch '${trace}'\n`];
    const archive = await archiveOf([spy, program('orderer')]);
    const installed = await install(archive);
    expect(installed).toMatchObject({ version: '3.1.5', checked: false, sha256: digestOf(archive) });
    expect(existsSync(trace)).toBe(false);
    await expect(install(archive, digestOf(archive))).rejects.toMatchObject({ code: 'bad-archive' });
    expect(existsSync(trace)).toBe(true);
  });

  it('is refused when its checksum is another, before anything is unpacked', async () => {
    await expect(install(await archiveOf(release), '0'.repeat(64))).rejects.toMatchObject({ code: 'wrong-checksum' });
    await expect(install(await archiveOf(release), 'abc')).rejects.toMatchObject({ code: 'bad-input' });
    expectNothing();
  });

  it.each<readonly [what: string, entry: Entry, message: RegExp]>([
    ['a path that climbs out', [{ name: '../evil' }, 'x'], /leaves the directory/],
    ['a path that climbs out from within', [{ name: 'bin/../../evil' }, 'x'], /leaves the directory/],
    ['an absolute path', [{ name: '/tmp/salus-evil' }, 'x'], /leaves the directory/],
    ['a path with backslashes', [{ name: 'bin\\..\\evil' }, 'x'], /leaves the directory/],
    ['a folder that climbs out', [{ name: '../evil/', type: 'directory' }], /leaves the directory/],
    ['a symbolic link', [{ name: 'bin/discover', type: 'symlink', linkname: '/etc/passwd' }], /is a symlink/],
    ['a hard link', [{ name: 'bin/discover', type: 'link', linkname: 'bin/peer' }], /is a link/],
    ['a device', [{ name: 'bin/discover', type: 'character-device' }], /is a character-device/],
    ['a foreign program', [{ name: 'bin/sh' }, 'x'], /no file of a Fabric release/],
    ['a foreign file at the top', [{ name: 'consortium.yaml' }, 'x'], /no file of a Fabric release/],
    ['a foreign folder', [{ name: 'organisations/', type: 'directory' }], /no folder of a Fabric release/],
    ['a file twice', program('peer'), /stands twice/],
  ])('is refused with %s, and nothing of it stays', async (_what, entry, message) => {
    const refused = install(await archiveOf([...release, entry]));
    await expect(refused).rejects.toMatchObject({ code: 'bad-archive', message: expect.stringMatching(message) });
    expectNothing();
    expect(existsSync('/tmp/salus-evil')).toBe(false);
  });

  it('is refused without the peer, with a program that is not Fabric’s, and with one of another version', async () => {
    const refusals = [
      [release.filter(([{ name }]) => name !== 'bin/peer'), /lacks bin\/peer/],
      [[[{ name: 'bin/peer' }, '#!/bin/sh\necho hello\n'], program('orderer')], /does not answer/],
      [[[{ name: 'bin/peer' }, 'no program'], program('orderer')], /cannot be run/],
      [[program('peer', 'v2.5.12'), program('orderer')], /of version 2\.5\.12, not 3\.1\.5/],
    ] as const;
    for (const [entries, message] of refusals) {
      const archive = await archiveOf(entries as readonly Entry[]);
      const refused = install(archive, digestOf(archive));
      await expect(refused).rejects.toMatchObject({ code: 'bad-archive', message: expect.stringMatching(message) });
      expectNothing();
    }
  });

  it('is refused when it is cut or no archive', async () => {
    const file = await archiveOf(release);
    const whole = readFileSync(file);
    for (const bytes of [whole.subarray(0, whole.length - 40), Buffer.from('no gzip'), gzipSync('no tar')]) {
      writeFileSync(file, bytes);
      await expect(install(file)).rejects.toMatchObject({ code: 'bad-archive' });
      expectNothing();
    }
  });

  it('is refused by a name of another release, platform or version', async () => {
    const names = [
      ['fabric.tar.gz', /no name of a Fabric release/],
      [nameOf('3.1.5', platformName() === 'linux-arm64' ? 'linux-amd64' : 'linux-arm64'), /this machine is/],
      [nameOf('2.5.12'), /2\.5 LTS lacks channel capability V3_0/],
      [nameOf('4.0.0'), /needs a release 3\.1/],
    ] as const;
    for (const [name, message] of names) {
      const refused = install(await archiveOf(release, name));
      await expect(refused).rejects.toMatchObject({ code: 'bad-input', message: expect.stringMatching(message) });
    }
    await expect(install(join(folder, nameOf('3.1.9')))).rejects.toMatchObject({ code: 'not-found' });
    expectNothing();
  });
});
