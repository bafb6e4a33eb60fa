import { toBase64url } from '@salus/crypto';
import { isOlder, judgeListings, type Listing, type Verdict } from './listing.ts';
import type { Installed, Pinned, ReleaseNews } from './release.ts';
import { findInstalled, saveInstalled, storeRelease } from './release-store.ts';

const RELEASE_BYTES_MAX = 1024 * 1024;

/**
 * Looks at the release that the node serves now. One that is listed, and not before the installed one, is fetched, verified file by file, and used from the next
 * page on; any other is left alone, and the installed one goes on.
 *
 * @throws TypeError where the node does not answer, or a file is not what the release says
 */
export async function update(): Promise<ReleaseNews> {
  const installed = await findInstalled();
  const { hash, text } = await fetchRelease();
  if (installed?.current === hash) return newsOfInstalled(installed);
  const verdict = await judge(hash, installed?.pinned ?? null);
  if (verdict.kind !== 'listed') return { kind: 'unlisted', hash };
  if (installed !== undefined && isOlder(verdict, installed)) return newsOfInstalled(installed);
  await storeRelease(hash, text);
  const { pinned, listedUntilMs } = verdict;
  await saveInstalled({ current: hash, previous: installed?.current ?? null, pinned, listedUntilMs });
  return { kind: 'ready' };
}

async function newsOfInstalled({ current, pinned }: Installed): Promise<ReleaseNews> {
  const { kind } = await judge(current, pinned);
  return { kind: kind === 'withdrawn' ? 'withdrawn' : 'current' };
}

async function fetchRelease(): Promise<{ readonly hash: string; readonly text: string }> {
  const bytes = await fetchBytes('/release.json');
  const hash = toBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
  return { hash, text: new TextDecoder().decode(bytes) };
}

async function judge(hash: string, pinned: Pinned | null): Promise<Verdict> {
  const bytes = await fetchBytes(`/api/v1/releases/${hash}`);
  const { listings } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly listings?: readonly Listing[] };
  return judgeListings(hash, Array.isArray(listings) ? listings : [], pinned);
}

async function fetchBytes(path: string): Promise<ArrayBuffer> {
  const response = await fetch(path, { cache: 'no-store', credentials: 'omit' });
  if (!response.ok) throw new TypeError(`the node answers ${path} with ${response.status}`);
  const bytes = await response.arrayBuffer();
  if (bytes.byteLength > RELEASE_BYTES_MAX) throw new TypeError(`${path} is larger than any that a node answers`);
  return bytes;
}
