import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StaffWallet, staffCall } from '@salus/wallet';
import { openWalletFile, staffWalletOf } from '@salus/wallet/node';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeRelease } from '../build/release.ts';
import { press } from './by-keys.ts';
import { hasBrowser, openStage, type Stage } from './harness.ts';

const folders: string[] = [];
let stage: Stage;

function hashOf(webDirectory: string): string {
  return createHash('sha256')
    .update(readFileSync(join(webDirectory, 'release.json')))
    .digest('base64url');
}

/** The same app with one file changed, as whoever breaks into a node would change it, with a release to match. */
function changedBuild(mark: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'salus-changed-'));
  folders.push(folder);
  cpSync(stage.webDirectory, folder, { recursive: true });
  const assets = join(folder, 'assets');
  const script = readdirSync(assets).find((name) => /^index-.*\.js$/.test(name));
  appendFileSync(join(assets, script!), `\nglobalThis.salusMark = ${JSON.stringify(mark)};\n`);
  writeRelease(folder);
  return folder;
}

async function administrator(slug: string): Promise<{ readonly wallet: StaffWallet; readonly network: string }> {
  const directory = join(stage.node.folder, 'config', 'salus', 'demonstration');
  const { staff, network } = JSON.parse(readFileSync(join(directory, 'credentials.json'), 'utf8')) as {
    readonly network: string;
    readonly staff: readonly { readonly account: string; readonly wallet: string; readonly passphrase: string }[];
  };
  const found = staff.find(({ account }) => account === `${slug}.admin`)!;
  const stored = await openWalletFile(join(directory, found.wallet), found.passphrase);
  if (stored.kind !== 'staff') throw new Error('the wallet of an administrator is one of staff');
  return { wallet: staffWalletOf(stored), network };
}

async function change(slug: string, transaction: 'listRelease' | 'withdrawRelease', hash: string): Promise<number> {
  const { wallet, network } = await administrator(slug);
  const { account, password } = stage.cast.staff.find((person) => person.account === `${slug}.admin`)!;
  const post = (path: string, body: object, token?: string) =>
    fetch(`${stage.url}/api/v1/orgs/${slug}/${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  const { token } = (await (await post('login', { account, password })).json()) as { readonly token: string };
  const occasion = { network, nowMs: Date.now() };
  const { call } = await staffCall(wallet, occasion, {
    contract: 'membership',
    transaction,
    args: { name: 'web', hash },
  });
  return (await post('calls', { call }, token)).status;
}

/** Opens the app until its worker answers for it. */
async function install(): Promise<Page> {
  const page = await stage.newDevice({ installs: true });
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  return page;
}

const markOf = (page: Page) => page.evaluate(() => (globalThis as { readonly salusMark?: string }).salusMark);

/** Until the page runs the version with this mark: its scripts may start after the page has loaded. */
const runs = (page: Page, mark: string) =>
  page.waitForFunction((wanted) => (globalThis as { readonly salusMark?: string }).salusMark === wanted, mark);

/** Has the installed app look at the node's release, and waits for what it says. */
async function look(page: Page): Promise<string> {
  return page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        navigator.serviceWorker.addEventListener('message', ({ data }) => resolve(data.kind), { once: true });
        navigator.serviceWorker.controller!.postMessage('look');
      }),
  );
}

describe.skipIf(!hasBrowser)('the installed app', () => {
  beforeAll(async () => {
    stage = await openStage();
    // Founded with an earlier build, perhaps.
    const { listings } = (await (await fetch(`${stage.url}/api/v1/releases/${hashOf(stage.webDirectory)}`)).json()) as {
      readonly listings: readonly unknown[];
    };
    if (listings.length === 0) await change('hospital-a', 'listRelease', hashOf(stage.webDirectory));
  });
  afterAll(async () => {
    await (stage as Stage | undefined)?.close();
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  it('opens without a node, keeps its policy, and has kept no answer of the API', async () => {
    const page = await install();
    await page.context().setOffline(true);
    const answer = await page.goto('/patient/start');
    expect(answer!.fromServiceWorker()).toBe(true);
    expect(answer!.headers()['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w-]{24}';/,
    );
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByText('You are offline').waitFor();
    const kept = await page.evaluate(async () => {
      const names = await caches.keys();
      const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
      return requests.flat().map(({ url }) => new URL(url).pathname);
    });
    expect(kept.length).toBeGreaterThan(20);
    expect(kept.filter((path) => /^\/api|\/fhir\//.test(path))).toEqual([]);
    await page.context().setOffline(false);
  });

  it('goes on with its own version where the node serves one that nobody listed, and says so', async () => {
    const page = await install();
    const changed = changedBuild('unlisted');
    await stage.node.serve(changed);
    await page.reload();
    await page.getByText('A version that nobody signed for').waitFor();
    expect(await markOf(page)).toBeUndefined();
    // Nor is a single file of it taken.
    const answer = await page.evaluate(async () => {
      const response = await fetch('/assets/made-up.js').catch(() => undefined);
      return response?.status;
    });
    expect(answer).toBeUndefined();
    // A first visit has nothing to compare with: it shows the changed app, but does not install it.
    const first = await stage.newDevice({ installs: true });
    await first.getByRole('heading', { level: 1 }).waitFor();
    expect(await markOf(first)).toBe('unlisted');
    await first.getByText('A version that nobody signed for').waitFor();
    expect(await first.evaluate(() => navigator.serviceWorker.controller)).toBeNull();
    await stage.node.serve(stage.webDirectory);
  });

  it('takes no version that an administrator of another organisation listed', async () => {
    const page = await install();
    const changed = changedBuild('foreign');
    expect(await change('hospital-b', 'listRelease', hashOf(changed))).toBe(200);
    await stage.node.serve(changed);
    await page.reload();
    expect(await look(page)).toBe('unlisted');
    expect(await markOf(page)).toBeUndefined();
    await stage.node.serve(stage.webDirectory);
  });

  it('takes a listed version from the next page on, and tells when its own was withdrawn', async () => {
    const page = await install();
    const next = changedBuild('next');
    expect(await change('hospital-a', 'listRelease', hashOf(next))).toBe(200);
    await stage.node.serve(next);
    await page.reload();
    await press(page.getByRole('button', { name: 'Reload' }));
    await runs(page, 'next');
    expect(await change('hospital-a', 'withdrawRelease', hashOf(next))).toBe(200);
    expect(await look(page)).toBe('withdrawn');
    await page.getByText('This version was taken back').waitFor();
    // Nor does the node bring back what was listed before it.
    await stage.node.serve(stage.webDirectory);
    expect(await look(page)).toBe('withdrawn');
    await page.reload();
    await runs(page, 'next');
  });

  it('lets no page that the node writes run a script beside the keys of the device', async () => {
    const page = await install();
    const answer = await page.goto('/api/v1/network');
    expect(answer!.headers()['content-security-policy']).toContain("script-src 'none'");
  });
});
