import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { installedNode, SetupError, setup } from './setup.mjs';

const root = resolve(import.meta.dirname, '..');
const runner = join(root, 'scripts', 'run.mjs');
let folder = '';

/** An installation as npm and the first phase leave it, with this Node where the bundled one would be. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-setup-'));
  mkdirSync(join(folder, 'runtime'));
  const lock = {
    lockfileVersion: 3,
    packages: {
      '': { name: 'tiny' },
      'node_modules/present': { version: '1.0.0', integrity: 'sha512-a' },
      'node_modules/other-platform': { version: '1.0.0', integrity: 'sha512-b', optional: true, os: ['plan9'] },
    },
  };
  writeFileSync(join(folder, 'package.json'), '{"name":"tiny"}');
  writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock));
  mkdirSync(join(folder, 'node_modules'));
  const installed = { packages: { 'node_modules/present': lock.packages['node_modules/present'] } };
  writeFileSync(join(folder, 'node_modules', '.package-lock.json'), JSON.stringify(installed));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('setup', () => {
  it('is a no-op the second time', async () => {
    const said: string[] = [];
    const say = (line: string) => said.push(line);
    const first = await setup({ root: folder, say });
    expect(first.installed).toBe(true);
    const stamp = join(folder, 'node_modules', '.salus-setup.json');
    const writtenMs = statSync(stamp).mtimeMs;

    expect(await setup({ root: folder, say })).toEqual({ node: first.node, installed: false });
    expect(statSync(stamp).mtimeMs).toBe(writtenMs);
    expect(said).toEqual([]);
    expect(existsSync(join(folder, 'runtime', '.setup-lock'))).toBe(false);
  });

  it('links a Node of version 24 or newer where npm scripts look for it', async () => {
    await setup({ root: folder, say: () => undefined });
    const linked = spawnSync(join(folder, 'node_modules', '.bin', 'node'), ['--version'], { encoding: 'utf8' });
    expect(Number(/^v(\d+)\./.exec(linked.stdout)?.[1])).toBeGreaterThanOrEqual(24);
  });

  it('sees that a lock file changed since the installation', async () => {
    await setup({ root: folder, say: () => undefined });
    expect(installedNode(folder)).toBeDefined();
    writeFileSync(join(folder, 'runtime', 'package-lock.json'), '{}');
    expect(installedNode(folder)).toBeUndefined();
  });

  it('installs again after a half-written stamp', async () => {
    await setup({ root: folder, say: () => undefined });
    writeFileSync(join(folder, 'node_modules', '.salus-setup.json'), '{"key":');
    expect(installedNode(folder)).toBeUndefined();
    expect((await setup({ root: folder, say: () => undefined })).installed).toBe(true);
  });

  it('takes over the lock of an installation that died', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    writeFileSync(join(folder, 'runtime', '.setup-lock'), String(dead));
    expect((await setup({ root: folder, say: () => undefined })).installed).toBe(true);
  });

  it('waits for a living installation, and says for which', async () => {
    const lock = join(folder, 'runtime', '.setup-lock');
    writeFileSync(lock, String(process.pid));
    const said: string[] = [];
    const finished = setup({
      root: folder,
      say: (line: string) => {
        said.push(line);
        rmSync(lock);
      },
    });
    expect((await finished).installed).toBe(true);
    expect(said).toEqual([`Waiting for the installation by process ${process.pid} …`]);
  });

  it('names the folder when there is nothing to install from', async () => {
    rmSync(join(folder, 'package-lock.json'));
    await expect(setup({ root: folder, say: () => undefined })).rejects.toThrow(SetupError);
    await expect(setup({ root: folder, say: () => undefined })).rejects.toThrow('No package-lock.json');
  });

  it('finds this repository installed', () => {
    expect(installedNode(root)).toBeDefined();
  });
});

describe('the runner', () => {
  it('gives the file its arguments and returns its exit code', () => {
    const script = join(folder, 'script.mjs');
    writeFileSync(script, 'console.log(process.version, import.meta.main, ...process.argv.slice(2)); process.exit(7);');
    const { status, stdout } = spawnSync(process.execPath, [runner, script, 'a', '--b'], { encoding: 'utf8' });
    expect(status).toBe(7);
    expect(stdout).toMatch(/^v2[4-9]\.\S+ true a --b\n$/);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('lets %s reach the file, which ends in its own way', async (signal) => {
    const script = join(folder, 'server.mjs');
    writeFileSync(
      script,
      `process.once('${signal}', () => { console.log('ended by ${signal}'); process.exit(3); });
       setTimeout(() => process.exit(9), 10_000);
       console.log('ready');`,
    );
    const child = spawn(process.execPath, [runner, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (text.startsWith('ready')) child.kill(signal);
    });
    const code = await new Promise((done) => child.once('close', done));
    expect(output).toBe(`ready\nended by ${signal}\n`);
    expect(code).toBe(3);
  });

  it('runs what it is given only by npm scripts that replace their shell, so that signals have one receiver', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    for (const name of ['start', 'test', 'bench'])
      expect(scripts[name]).toMatch(/^exec node scripts\/run\.mjs (?:--web )?[\w/-]+\.ts$/);
  });
});
