import { toBase64url } from '@salus/crypto';
import { endOverdue, endUnattended, type KeyValueStore } from '@salus/wallet/web';
import { openIndexedStore } from '../session/indexed-store.ts';
import { withoutScripts } from './nodes-own.ts';
import type { ReleaseNews } from './release.ts';
import { findFile, findInstalled, findPage } from './release-store.ts';
import { update } from './update.ts';

/** What a service worker has of its global scope; the DOM's types, which this program shares with the pages, lack it. */
interface WorkerScope {
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options?: {
      readonly includeUncontrolled: true;
    }): Promise<readonly { postMessage(news: ReleaseNews): void }[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Lasting) => void): void;
  addEventListener(type: 'fetch', listener: (event: Fetching) => void): void;
  addEventListener(type: 'message', listener: (event: Lasting & { readonly data: unknown }) => void): void;
}

interface Lasting {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetching extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const scope = globalThis as unknown as WorkerScope;
const NONCE_PLACE = '__CSP_NONCE__';
const NONCE_BYTES = 18;
const LOOKS_APART_MS = 60_000;
/** Who left one page may be on the way to the next. */
const LEFT_FOR_MS = 10_000;
/** The API, FHIR and apps' log-ins go to the node; no answer of theirs is kept, and none runs a script of its own. */
const NODES_OWN = /^\/(?:api|shl|metrics|health|release|\.well-known)(?:[/.]|$)|^\/[^/]{1,64}\/(?:fhir|oauth)(?:\/|$)/;

let lookedMs = 0;

scope.addEventListener('install', (event) => event.waitUntil(install()));
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('message', (event) => {
  if (event.data === 'look') event.waitUntil(look());
  if (event.data === 'left') event.waitUntil(lockLeft());
});
scope.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  const isNodes = NODES_OWN.test(pathname);
  if (request.mode === 'navigate') {
    event.waitUntil(lockOverdue());
    event.respondWith(isNodes ? fetch(request).then(withoutScripts) : answerPage(request));
    if (!isNodes && Date.now() - lookedMs > LOOKS_APART_MS) event.waitUntil(look());
    return;
  }
  if (request.method === 'GET' && !isNodes) event.respondWith(answerFile(request, pathname));
});
// Whatever wakes the worker: keys whose time is over do not lie there until somebody opens a page.
void lockOverdue();

/** Fails, and leaves the browser without a worker, where the node's release is not listed; the page says so then. */
async function install(): Promise<void> {
  const news = await update();
  if (news.kind === 'unlisted') {
    const pages = await scope.clients.matchAll({ includeUncontrolled: true });
    for (const page of pages) page.postMessage(news);
    throw new TypeError('the release that the node serves is not listed on the ledger');
  }
  await scope.skipWaiting();
}

async function look(): Promise<void> {
  lookedMs = Date.now();
  // Without a connection the installed release goes on.
  const news = await update().catch((error: unknown): ReleaseNews => {
    if (error instanceof TypeError) return { kind: 'current' };
    throw error;
  });
  for (const client of await scope.clients.matchAll()) client.postMessage(news);
}

let kept: Promise<KeyValueStore> | undefined;

function openStore(): Promise<KeyValueStore> {
  kept ??= openIndexedStore();
  return kept;
}

async function lockOverdue(): Promise<void> {
  await endOverdue(await openStore(), Date.now());
}

async function lockLeft(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, LEFT_FOR_MS));
  if ((await scope.clients.matchAll()).length === 0) await endUnattended(await openStore());
}

async function answerPage(request: Request): Promise<Response> {
  const installed = await findInstalled();
  const page = installed === undefined ? undefined : await findPage(installed);
  if (page === undefined) return fetch(request);
  const nonce = toBase64url(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)));
  return new Response(page.html.replaceAll(NONCE_PLACE, nonce), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': page.release.policy.replaceAll(NONCE_PLACE, nonce),
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  });
}

/** A file that no verified release holds is not taken from the node either. */
async function answerFile(request: Request, path: string): Promise<Response> {
  const installed = await findInstalled();
  if (installed === undefined) return fetch(request);
  return (await findFile(installed, path)) ?? Response.error();
}
