import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { parseJson } from '@salus/crypto';
import { ServerError } from '../server-error.ts';

const RELEASE_BYTES_MAX = 1024 * 1024;
const FILES_MAX = 2_000;
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const BUILD_NAME = /^[0-9a-f]{16}$/;
const COMPRESSED_FROM_BYTES = 1_024;

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
};
const COMPRESSIBLE = new Set(['.css', '.js', '.json', '.svg', '.wasm', '.webmanifest']);
const compress = promisify(gzip);

/** A file of the app; `gzipped` is made when it is first asked for. */
export interface WebFile {
  readonly type: string;
  readonly bytes: Buffer;
  readonly gzipped: () => Promise<Buffer> | undefined;
}

/** A built app, in memory: what is served is what was there, whole and as its release says, when the node started. */
export interface WebApp {
  /** base64url of SHA-256 of `release.json`: what the ledger lists. */
  readonly hash: string;
  readonly page: string;
  readonly policy: string;
  /** By path, with the leading slash. */
  readonly files: ReadonlyMap<string, WebFile>;
}

/** Where `npm start` and `npm test` put the last build; undefined where there is none. */
export function findBuiltWebApp(): string | undefined {
  const dist = resolve(import.meta.dirname, '../../../web/dist');
  const current = join(dist, 'current');
  if (!existsSync(current)) return undefined;
  const name = readFileSync(current, 'utf8').trim();
  const folder = join(dist, 'builds', name);
  return BUILD_NAME.test(name) && existsSync(folder) ? folder : undefined;
}

/** @throws ServerError `bad-setting` where the folder holds no build, or one whose files are not what its release says */
export function openWebApp(folder: string): WebApp {
  const release = readRelease(folder);
  const paths = Object.entries(release.files);
  if (paths.length > FILES_MAX) throw broken('has too many files');
  const files = new Map(paths.map(([path, sha256]) => [path, openFile(folder, path, sha256)]));
  const page = files.get('/index.html');
  if (page === undefined) throw broken('has no page');
  files.delete('/index.html');
  // As it was built, for installed apps that verify it: no browser shows it as a page.
  files.set('/release/index.html', { ...page, type: 'text/plain; charset=utf-8' });
  const text = readFileSync(join(folder, 'release.json'));
  files.set('/release.json', fileOf('/release.json', text));
  return {
    hash: createHash('sha256').update(text).digest('base64url'),
    page: page.bytes.toString('utf8'),
    policy: release.policy,
    files,
  };
}

interface Release {
  readonly policy: string;
  readonly files: Readonly<Record<string, string>>;
}

function readRelease(folder: string): Release {
  const file = join(folder, 'release.json');
  if (!existsSync(file)) throw broken('holds no release.json');
  const parsed = parseJson(readFileSync(file), { sizeMax: RELEASE_BYTES_MAX, depthMax: 3 }) as Partial<Release> | null;
  if (typeof parsed?.policy !== 'string' || typeof parsed.files !== 'object' || parsed.files === null) {
    throw broken('holds a release.json of another kind');
  }
  return parsed as Release;
}

function openFile(folder: string, path: string, sha256: string): WebFile {
  if (!/^(?:\/[\w-][\w.-]*)+$/.test(path)) throw broken('names a file with another path than a build has');
  const bytes = readFileSync(join(folder, path));
  if (bytes.length > FILE_BYTES_MAX) throw broken('has too large a file');
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw broken('was changed after it was built');
  return fileOf(path, bytes);
}

function fileOf(path: string, bytes: Buffer): WebFile {
  const extension = extname(path);
  let made: Promise<Buffer> | undefined;
  const gzipped = (): Promise<Buffer> | undefined => {
    if (!COMPRESSIBLE.has(extension) || bytes.length < COMPRESSED_FROM_BYTES) return undefined;
    made ??= compress(bytes);
    return made;
  };
  return { type: TYPES[extension] ?? 'application/octet-stream', bytes, gzipped };
}

function broken(problem: string): ServerError {
  return new ServerError('bad-setting', `SALUS_WEB ${problem}: build the app with npm start.`);
}
