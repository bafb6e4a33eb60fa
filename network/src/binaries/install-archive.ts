import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import tar from 'tar-stream';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { platformName, versionProblem } from './fabric-version.ts';
import { askVersion } from './find-binaries.ts';

const NAME =
  /^hyperledger-fabric-(?<platform>(?:linux|darwin|windows)-(?:amd64|arm64))-(?<version>\d+\.\d+\.\d+)\.tar\.gz$/;
/** Everything that an official archive of Fabric 3.1 holds (its Makefile's `dist`); nothing else is taken. */
const CONTENT: ReadonlySet<string> = new Set([
  ...['configtxgen', 'configtxlator', 'cryptogen', 'discover', 'ledgerutil', 'orderer', 'osnadmin', 'peer'].map(
    (name) => `bin/${name}`,
  ),
  ...['detect', 'build', 'release'].map((name) => `builders/ccaas/bin/${name}`),
  ...['configtx', 'core', 'orderer'].map((name) => `config/${name}.yaml`),
]);
const FOLDERS: ReadonlySet<string> = new Set(['bin', 'builders', 'builders/ccaas', 'builders/ccaas/bin', 'config']);
const PROGRAMS = ['peer', 'orderer'] as const;
const TOP_FOLDERS = ['bin', 'builders', 'config'] as const;
const FILE_BYTES_MAX = 256 * 1024 * 1024;
const TOTAL_BYTES_MAX = 1024 * 1024 * 1024;
const SHA256 = /^[0-9a-f]{64}$/;

export interface InstallInput {
  readonly layout: NetworkLayout;
  /** `hyperledger-fabric-<platform>-<version>.tar.gz`, as the release page has it. */
  readonly archive: string;
  /** Hex of the archive's SHA-256, from the release page. */
  readonly sha256?: string;
}

export interface Installed {
  readonly version: string;
  readonly sha256: string;
  /** Whether the archive was compared with a given checksum, and its programs asked for their version. */
  readonly checked: boolean;
  readonly files: readonly string[];
}

/**
 * Unpacks an official release archive of Fabric into the network's directory. Nothing is put in place before the whole archive
 * was read and, where a checksum vouches for it, both programs named the version of the archive: what nothing vouches for is
 * not run here. Throws NetworkError `not-found`, `bad-input` (name, platform,
 * version), `wrong-checksum`, `bad-archive` (a path that leaves the directory, a link, foreign or oversized content).
 */
export async function installArchive({ layout, archive, sha256 }: InstallInput): Promise<Installed> {
  const version = requireName(archive);
  const digest = await digestOf(archive);
  requireChecksum(digest, sha256);
  const staging = join(layout.directory, `install.${process.pid}`);
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true, mode: 0o700 });
  try {
    const unpacked = await unpack(archive, staging);
    if (unpacked.sha256 !== digest) throw refusal('it changed while it was read');
    requirePrograms(staging);
    const checked = sha256 !== undefined;
    if (checked) await requireVersions(staging, version);
    for (const folder of TOP_FOLDERS) putInPlace(join(staging, folder), join(layout.directory, folder));
    return { version, sha256: digest, checked, files: unpacked.files };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** The version in an archive's name, which must be a supported one for this machine. */
function requireName(archive: string): string {
  const { platform, version } = NAME.exec(basename(archive))?.groups ?? {};
  if (platform === undefined || version === undefined) {
    const expected = `hyperledger-fabric-${platformName()}-3.1.5.tar.gz`;
    throw new NetworkError('bad-input', `${basename(archive)} has no name of a Fabric release, such as ${expected}.`);
  }
  if (platform !== platformName()) {
    throw new NetworkError('bad-input', `${basename(archive)} is for ${platform}; this machine is ${platformName()}.`);
  }
  const problem = versionProblem(version);
  if (problem !== undefined) throw new NetworkError('bad-input', `${basename(archive)} does not serve: ${problem}.`);
  if (!existsSync(archive)) throw new NetworkError('not-found', `There is no file ${archive}.`);
  return version;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

function requireChecksum(digest: string, expected: string | undefined): void {
  if (expected === undefined) return;
  if (!SHA256.test(expected.toLowerCase())) {
    throw new NetworkError('bad-input', 'A SHA-256 has 64 hexadecimal digits.');
  }
  if (digest !== expected.toLowerCase()) {
    throw new NetworkError('wrong-checksum', `The archive's SHA-256 is ${digest}, not ${expected.toLowerCase()}.`);
  }
}

async function unpack(
  archive: string,
  staging: string,
): Promise<{ readonly sha256: string; readonly files: readonly string[] }> {
  const hash = createHash('sha256');
  const source = createReadStream(archive);
  source.on('data', (chunk) => hash.update(chunk));
  const extract = tar.extract();
  const done = pipeline(source, createGunzip(), extract);
  const files: string[] = [];
  let total = 0;
  const read = async (): Promise<void> => {
    for await (const entry of extract) {
      const path = requireEntry(entry.header, files);
      if (path === undefined) {
        entry.resume();
        continue;
      }
      total += entry.header.size ?? 0;
      if (total > TOTAL_BYTES_MAX) throw refusal(`it unpacks to more than ${TOTAL_BYTES_MAX} bytes`);
      const target = join(staging, path);
      mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
      const mode = path.includes('bin/') ? 0o755 : 0o644;
      await pipeline(entry, createWriteStream(target, { flags: 'wx', mode }));
      files.push(path);
    }
  };
  try {
    await Promise.all([read(), done]);
  } catch (cause) {
    source.destroy();
    if (cause instanceof NetworkError) throw cause;
    throw refusal('it is no whole tar.gz', cause);
  }
  return { sha256: hash.digest('hex'), files };
}

interface Header {
  readonly name: string;
  readonly type?: string | null | undefined;
  readonly size?: number | undefined;
}

/** The path of a file to be written; undefined for a folder that the release has. */
function requireEntry({ name, type, size }: Header, before: readonly string[]): string | undefined {
  const path = name.replace(/^\.\//, '').replace(/\/$/, '');
  if (path.startsWith('/') || path.includes('\\') || path.split('/').includes('..')) {
    throw refusal(`${JSON.stringify(name)} leaves the directory`);
  }
  if (type === 'directory') {
    if (path === '.' || path === '' || FOLDERS.has(path)) return undefined;
    throw refusal(`${JSON.stringify(name)} is no folder of a Fabric release`);
  }
  if (type !== 'file') throw refusal(`${JSON.stringify(name)} is a ${String(type)}, not a plain file`);
  if (!CONTENT.has(path)) throw refusal(`${JSON.stringify(name)} is no file of a Fabric release`);
  if (before.includes(path)) throw refusal(`${JSON.stringify(name)} stands twice`);
  if (size === undefined || size > FILE_BYTES_MAX) throw refusal(`${JSON.stringify(name)} is too large`);
  return path;
}

function requirePrograms(staging: string): void {
  for (const program of PROGRAMS) {
    if (!existsSync(join(staging, 'bin', program))) throw refusal(`it lacks bin/${program}`);
  }
}

/** Runs both programs. */
async function requireVersions(staging: string, version: string): Promise<void> {
  for (const program of PROGRAMS) {
    const path = join(staging, 'bin', program);
    const answer = await askVersion(path, program);
    if (typeof answer === 'string') throw refusal(`its ${program} does not serve: ${answer}`);
    if (answer.version !== version) throw refusal(`its ${program} is of version ${answer.version}, not ${version}`);
  }
}

function putInPlace(from: string, to: string): void {
  if (!existsSync(from)) return;
  const old = `${to}.${process.pid}.old`;
  if (existsSync(to)) renameSync(to, old);
  renameSync(from, to);
  rmSync(old, { recursive: true, force: true });
}

function refusal(why: string, cause?: unknown): NetworkError {
  return new NetworkError('bad-archive', `The archive is refused: ${why}.`, { cause });
}
