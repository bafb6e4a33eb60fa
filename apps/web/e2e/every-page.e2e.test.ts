import { globSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scaled } from '@salus/testing';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectAccessible, expectNoSidewaysScrolling } from './accessibility.ts';
import { choose } from './by-keys.ts';
import { lineOf, PAGES, type PageOfApp, type Place, type Visitor } from './every-page.ts';
import { hasBrowser, openStage, type PatientPerson, type Stage } from './harness.ts';
import { reachByKeyboard } from './keyboard.ts';
import { signIn } from './sign-in.ts';

vi.setConfig({ testTimeout: 600_000 });

const VISITORS: readonly Visitor[] = [
  'nobody',
  'patient',
  'doctor',
  'desk',
  'administrator',
  'laboratory',
  'pharmacist',
];
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 320, height: 720 };
/** With SALUS_SCREENS pages are only photographed, into this folder, as they stand in docs/screens. */
const SCREENS = process.env.SALUS_SCREENS;
const PICTURE_HEIGHT_MAX = 1_500;
const PICTURE_QUALITY = 50;
/** Pages that are photographed in each script. */
const IN_ALL_SCRIPTS = new Set(['home', 'patient-home', 'access', 'record-timeline', 'chart', 'steward-node']);
const ATTEMPTS_MAX = 6;
/** A node counts log-ins by the minute. */
const PAUSE_MS = 15_000;
const WORDS_MAX = 1_500;
const SETTLED = { timeout: 60_000, interval: 100 };
/** The desk has a task once the patient has asked for a visit. */
const TOGETHER = new Set(['visit', 'task']);
/** All pages, or in a short run every fifth of them. */
const CHOSEN = PAGES.filter(({ name }, at) => at % scaled(5, 1) === 0 || TOGETHER.has(name));

let stage: Stage;
let place: Place;

/** The diabetic of the demonstration: the longest record, known at several places, with a wallet. */
function patientOf({ cast }: Stage): PatientPerson {
  const found = cast.patients.find(({ story, device }) => story === 'diabetic-year' && device !== undefined);
  if (found === undefined) throw new Error('the demonstration has no such patient');
  return found;
}

async function arrive(visitor: Visitor): Promise<Page> {
  const page = await stage.newDevice();
  const line = lineOf(stage.cast, visitor, place.patient);
  if (line !== undefined) await signIn(page, line);
  return page;
}

/** On the page as it stands: in every language the list of languages has the same options. */
async function speak(page: Page, language: 'en' | 'hi' | 'ar'): Promise<void> {
  await choose(page.locator('select:has(option[value="hi"])'), language);
  const direction = language === 'ar' ? 'rtl' : 'ltr';
  await page.locator(`html[lang="${language}"][dir="${direction}"]`).waitFor({ state: 'attached' });
  await settle(page, language);
}

/**
 * Opens a page and waits until nothing on it is under way. Each opening here logs a patient in at every place anew, which may be
 * more often than a node allows for one address: then the page says so, and is opened again a little later.
 */
async function open(page: Page, one: PageOfApp): Promise<void> {
  const { name } = one;
  for (let attempt = 1; ; attempt += 1) {
    const failure = await goTo(page, one).catch((cause: unknown) => new Error(wordsOf(cause), { cause }));
    const limited = (await page.getByText('too-many-requests').count()) > 0;
    if (!limited && failure !== undefined) throw failure;
    if (!limited) break;
    expect(attempt, `${name}: too many requests`).toBeLessThan(ATTEMPTS_MAX);
    await page.waitForTimeout(PAUSE_MS);
  }
  expect(await page.locator('h1').count(), `${name}: headings of level 1`).toBe(1);
  expect(await page.title(), name).toMatch(/.+ · Salus$/);
  expect(await page.locator('main').count(), `${name}: main landmarks`).toBe(1);
}

async function goTo(page: Page, { name, open: go }: PageOfApp): Promise<undefined> {
  await go(page, place);
  await settle(page, name);
  return undefined;
}

async function settle(page: Page, name: string): Promise<void> {
  await page.locator('h1').first().waitFor();
  await vi.waitFor(
    async () => expect(await page.locator('.mantine-Loader-root:visible').count(), name).toBe(0),
    SETTLED,
  );
}

async function photograph(page: Page, name: string): Promise<void> {
  if (SCREENS === undefined) return;
  mkdirSync(SCREENS, { recursive: true });
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    scrollTo(0, 0);
  });
  const { width } = page.viewportSize() ?? WIDE;
  const full = await page.evaluate(() => document.documentElement.scrollHeight);
  const clip = { x: 0, y: 0, width, height: Math.min(full, PICTURE_HEIGHT_MAX) };
  const path = join(SCREENS, `${name}-${width}.jpg`);
  await page.screenshot({ path, type: 'jpeg', quality: PICTURE_QUALITY, fullPage: true, clip });
}

/** What a matcher found stands beside its message. */
function wordsOf(error: unknown): string {
  const found = error instanceof Error && 'actual' in error ? JSON.stringify(error.actual) : '';
  return `${String(error)} ${found}`.slice(0, WORDS_MAX);
}

/** Runs a check on each page and tells all that failed, by the page's name. */
async function onEach(visitor: Visitor, check: (one: PageOfApp) => Promise<void>): Promise<void> {
  const pages = CHOSEN.filter((one) => one.visitor === visitor);
  const failed: string[] = [];
  for (const one of pages) {
    await check(one).catch((error: unknown) => failed.push(`${one.name}: ${wordsOf(error)}`));
  }
  expect(failed).toEqual([]);
}

describe('the walks', () => {
  it('go by keys alone, but for that of the tester, who has a mouse', () => {
    const byMouse = /\.(?:click|dblclick|fill|check|uncheck|selectOption|tap)\(/;
    const walks = globSync('*.ts', { cwd: import.meta.dirname });
    const clicking = walks.filter((file) => byMouse.test(readFileSync(join(import.meta.dirname, file), 'utf8')));
    expect(walks.length).toBeGreaterThan(10);
    expect(clicking).toEqual(['tester.e2e.test.ts']);
  });
});

describe('the list of pages', () => {
  it('names every route of every area', () => {
    const source = join(import.meta.dirname, '../src');
    const files = globSync('**/*routes.tsx', { cwd: source });
    const paths = files.flatMap((file) => [...readFileSync(join(source, file), 'utf8').matchAll(/\bpath: '([^']+)'/g)]);
    const listed = PAGES.map(({ route }) => route);
    const missing = paths
      .map(([, path = '']) => path)
      .filter((path) => !listed.some((route) => route.endsWith(`/${path}`)));
    expect(paths.length).toBeGreaterThan(30);
    expect(missing).toEqual([]);
  });
});

describe.skipIf(!hasBrowser)('every page', () => {
  beforeAll(async () => {
    stage = await openStage();
    place = { stage, patient: patientOf(stage) };
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  for (const visitor of VISITORS) {
    it(`of a ${visitor} is accessible wide, narrow and from right to left, fits in Devanagari, and is reached by keyboard`, async () => {
      const page = await arrive(visitor);
      await onEach(visitor, async (one) => {
        await page.setViewportSize(WIDE);
        await open(page, one);
        await photograph(page, one.name);
        if (SCREENS === undefined) {
          await expectAccessible(page);
          await reachByKeyboard(page);
        }
        await page.setViewportSize(NARROW);
        await photograph(page, one.name);
        if (SCREENS === undefined) await expectAccessible(page);
        if (SCREENS !== undefined && !IN_ALL_SCRIPTS.has(one.name)) return;
        try {
          await inOtherLanguages(page, one);
        } finally {
          await speak(page, 'en');
        }
      });
    });
  }
});

/** The page turns round as it stands: no other page is loaded for it. */
async function inOtherLanguages(page: Page, { name }: PageOfApp): Promise<void> {
  for (const language of ['hi', 'ar'] as const) {
    await speak(page, language);
    if (IN_ALL_SCRIPTS.has(name)) await photograph(page, `${name}-${language}`);
    if (language === 'ar') await expectAccessible(page);
    else await expectNoSidewaysScrolling(page);
  }
}
