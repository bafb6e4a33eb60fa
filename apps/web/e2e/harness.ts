import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { findChromium } from '@salus/testing';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { vi } from 'vitest';
import { type RunningNode, startNode } from './demonstration.ts';
import { watch } from './watch.ts';

/** A loaded machine builds, founds and starts first. */
const BEGIN_MS = 300_000;
const WALK_MS = 480_000;
const WAIT_MS = 120_000;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 320, height: 720 };

// For every walk of the file that imports this.
vi.setConfig({ testTimeout: WALK_MS, hookTimeout: BEGIN_MS });

/** `describe.skipIf(!hasBrowser)`: false only where there is no Chromium and none is demanded. */
export const hasBrowser = findChromium() !== undefined;

export interface StaffPerson {
  readonly organisation: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly account: string;
  readonly password: string;
  /** Everything that this person's browser needs, in one line. */
  readonly device: string;
}

export interface PatientPerson {
  readonly name: string;
  /** What happened to the person: `chest-pain`, `diabetic-year` or `surgery`. */
  readonly story: string;
  readonly at: readonly { readonly organisation: string; readonly fhirId: string; readonly pid: string }[];
  /** Only of those who have claimed their pids. */
  readonly device?: string;
  readonly recoveryCode?: string;
  /** Only of the others. */
  readonly slips?: readonly string[];
}

/** What the demonstration's file of credentials holds. */
export interface Cast {
  readonly staff: readonly StaffPerson[];
  readonly patients: readonly PatientPerson[];
}

export interface Opening {
  readonly language?: 'en' | 'hi' | 'ar';
  readonly narrow?: boolean;
  /** Whether the app may install its service worker; else it costs each device seconds. */
  readonly installs?: boolean;
}

/** A node with the demonstration and a browser; each person has a context, and so a device, of their own. */
export interface Stage {
  readonly url: string;
  readonly node: RunningNode;
  readonly webDirectory: string;
  readonly browser: Browser;
  readonly cast: Cast;
  /** A new device, with one page on the app's start page. */
  newDevice(opening?: Opening): Promise<Page>;
  /** Ends all. @throws Error naming every violation, uncaught error and foreign request of any page */
  close(): Promise<void>;
}

/** For `beforeAll`; `stage.close()` belongs into `afterAll`. */
export async function openStage(): Promise<Stage> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('there is no Chromium');
  const folder = mkdtempSync(join(tmpdir(), 'salus-walk-'));
  const webDirectory = await buildApp();
  const node = await startNode(folder, webDirectory);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  const contexts: BrowserContext[] = [];
  const problems: string[][] = [];
  const cast = readCast(folder);
  return {
    url: node.url,
    node,
    webDirectory,
    browser,
    cast,
    newDevice: async ({ language = 'en', narrow = false, installs = false } = {}) => {
      const context = await browser.newContext({
        baseURL: node.url,
        viewport: narrow ? NARROW : WIDE,
        locale: language,
        serviceWorkers: installs ? 'allow' : 'block',
        reducedMotion: 'reduce',
      });
      contexts.push(context);
      context.setDefaultTimeout(WAIT_MS);
      problems.push((await watch(context, node.url)).problems);
      const page = await context.newPage();
      await page.goto('/');
      return page;
    },
    close: async () => {
      await Promise.all(contexts.map((context) => context.close()));
      await browser.close();
      await node.end();
      rmSync(folder, { recursive: true, force: true });
      const found = [...new Set(problems.flat())];
      if (found.length > 0) throw new Error(`pages did what they may not:\n${found.join('\n')}`);
    },
  };
}

/** In a process of its own: in that of a test the tools would build what tests want. */
async function buildApp(): Promise<string> {
  const build = resolve(import.meta.dirname, '../build/main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [build], { timeout: BEGIN_MS });
  return stdout.trim();
}

function readCast(folder: string): Cast {
  const file = join(folder, 'config', 'salus', 'demonstration', 'credentials.json');
  return JSON.parse(readFileSync(file, 'utf8')) as Cast;
}

/** Takes the page's picture in both widths where SALUS_SHOTS names a folder; else does nothing. */
export async function photograph(page: Page, name: string): Promise<void> {
  const folder = process.env.SALUS_SHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  const before = page.viewportSize() ?? WIDE;
  for (const size of [WIDE, NARROW]) {
    await page.setViewportSize(size);
    await page.screenshot({ path: join(folder, `${name}-${size.width}.png`), fullPage: true });
  }
  await page.setViewportSize(before);
}
