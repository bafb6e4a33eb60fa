import { type Installed, parseRelease, type Release } from './release.ts';

const STATE_CACHE = 'salus-installed';
const STATE_PATH = '/installed.json';
const RELEASE_PREFIX = 'salus-release-';
const FETCHED_AT_ONCE = 6;

/** The caches of the installed app: files of verified releases, and which of them is used. Never an answer of the API. */
export async function findInstalled(): Promise<Installed | undefined> {
  const cache = await caches.open(STATE_CACHE);
  const found = await cache.match(STATE_PATH);
  return found === undefined ? undefined : ((await found.json()) as Installed);
}

export async function saveInstalled(installed: Installed): Promise<void> {
  const cache = await caches.open(STATE_CACHE);
  await cache.put(STATE_PATH, Response.json(installed));
  const kept = new Set([installed.current, installed.previous].map((hash) => `${RELEASE_PREFIX}${hash}`));
  const names = await caches.keys();
  await Promise.all(
    names.filter((name) => name.startsWith(RELEASE_PREFIX) && !kept.has(name)).map((name) => caches.delete(name)),
  );
}

/**
 * Fetches every file of a release and keeps those that are what the release says.
 *
 * @throws TypeError at the first that is not
 */
export async function storeRelease(hash: string, text: string): Promise<void> {
  const release = parseRelease(text);
  const cache = await caches.open(`${RELEASE_PREFIX}${hash}`);
  // The worker's own file is looked after by the browser.
  const waiting = Object.entries(release.files).filter(([path]) => path !== '/sw.js');
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await storeFile(cache, next);
  };
  await Promise.all(Array.from({ length: FETCHED_AT_ONCE }, work));
  await cache.put('/release.json', new Response(text));
}

async function storeFile(cache: Cache, [path, sha256]: readonly [string, string]): Promise<void> {
  if ((await cache.match(path)) !== undefined) return;
  // The page is fetched by a name of its own: the node writes a nonce into what it answers elsewhere.
  const response = await fetch(path === '/index.html' ? '/release/index.html' : path, {
    cache: 'no-store',
    credentials: 'omit',
  });
  if (!response.ok) throw new TypeError(`the node lacks ${path} of its release`);
  const bytes = await response.arrayBuffer();
  if ((await sha256Of(bytes)) !== sha256) throw new TypeError(`${path} is not what the release says`);
  const type = response.headers.get('content-type') ?? 'application/octet-stream';
  await cache.put(
    path,
    new Response(bytes, { headers: { 'content-type': type, 'x-content-type-options': 'nosniff' } }),
  );
}

async function sha256Of(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A file of the installed release, or of the one before it, which open pages may still need. */
export async function findFile(installed: Installed, path: string): Promise<Response | undefined> {
  for (const hash of [installed.current, installed.previous]) {
    if (hash === null) continue;
    const cache = await caches.open(`${RELEASE_PREFIX}${hash}`);
    const found = await cache.match(path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The page of the installed release with its policy. */
export async function findPage(
  installed: Installed,
): Promise<{ readonly html: string; readonly release: Release } | undefined> {
  const cache = await caches.open(`${RELEASE_PREFIX}${installed.current}`);
  const [page, release] = await Promise.all([cache.match('/index.html'), cache.match('/release.json')]);
  if (page === undefined || release === undefined) return undefined;
  return { html: await page.text(), release: parseRelease(await release.text()) };
}
