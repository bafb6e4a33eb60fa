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
import { areasOfApp, routesIn, routesOfApp } from './routes-of-app.ts';
import { signIn } from './sign-in.ts';

vi.setConfig({ testTimeout: 600_000 });

const VISITORS: readonly Visitor[] = [
  'nobody',
  'patient',
  'guardian',
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
const SETTLED = { timeout: 120_000, interval: 100 };
/** The desk has a task once the patient has asked for a visit. */
const TOGETHER = new Set(['visit', 'task']);
/** All pages, or in a short run every fifth of them. */
const CHOSEN = PAGES.filter(({ name }, at) => at % scaled(5, 1) === 0 || TOGETHER.has(name));
const SCRIPTS = { hi: /\p{Script=Devanagari}/u, ar: /\p{Script=Arabic}/u } as const;

type Language = 'en' | keyof typeof SCRIPTS;

let stage: Stage;
let place: Place;

/** The diabetic of the demonstration has the longest record, known at several places, and a wallet. */
const isPatient = ({ story, device }: PatientPerson) => story === 'diabetic-year' && device !== undefined;
const isWard = ({ slips = [], at }: PatientPerson) =>
  slips.length > 0 && at.some(({ organisation }) => organisation === 'hospital-a');

function find({ cast }: Stage, isWanted: (one: PatientPerson) => boolean): PatientPerson {
  const found = cast.patients.find(isWanted);
  if (found === undefined) throw new Error('the demonstration has no such patient');
  return found;
}

async function arrive(visitor: Visitor): Promise<Page> {
  const page = await stage.newDevice();
  const line = await lineOf(visitor, place);
  if (line !== undefined) await signIn(page, line);
  return page;
}

/** On the page as it stands: in every language the list of languages has the same options. */
async function speak(page: Page, language: Language): Promise<void> {
  await choose(page.locator('select:has(option[value="hi"])'), language);
  await expectSpoken(page, language);
}

async function expectSpoken(page: Page, language: Language): Promise<void> {
  const direction = language === 'ar' ? 'rtl' : 'ltr';
  await page.locator(`html[lang="${language}"][dir="${direction}"]`).waitFor({ state: 'attached' });
  await settle(page, language);
  await expectWhole(page, language);
  if (language === 'en') return;
  const main = page.locator('main');
  await vi.waitFor(async () => expect(await main.innerText(), language).toMatch(SCRIPTS[language]), SETTLED);
}

async function expectWhole(page: Page, name: string): Promise<void> {
  expect(await page.locator('h1').count(), `${name}: headings of level 1`).toBe(1);
  expect(await page.title(), name).toMatch(/.+ · Salus$/);
  expect(await page.locator('main').count(), `${name}: main landmarks`).toBe(1);
}

/**
 * Opens a page and waits until nothing on it is under way. Each opening here logs a patient in at every place anew, which may be
 * more often than a node allows for one address: then the page says so, and is opened again a little later.
 */
async function open(page: Page, one: Pick<PageOfApp, 'name' | 'open'>): Promise<void> {
  const { name } = one;
  for (let attempt = 1; ; attempt += 1) {
    const failure = await goTo(page, one).catch((cause: unknown) => new Error(wordsOf(cause), { cause }));
    const limited = (await page.getByText('too-many-requests').count()) > 0;
    if (!limited && failure !== undefined) throw failure;
    if (!limited) break;
    expect(attempt, `${name}: too many requests`).toBeLessThan(ATTEMPTS_MAX);
    await page.waitForTimeout(PAUSE_MS);
  }
  await expectWhole(page, name);
}

async function goTo(page: Page, { name, open: go }: Pick<PageOfApp, 'name' | 'open'>): Promise<undefined> {
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
async function onEach(pages: readonly PageOfApp[], check: (one: PageOfApp) => Promise<void>): Promise<void> {
  const failed: string[] = [];
  for (const one of pages) {
    await check(one).catch((error: unknown) => failed.push(`${one.name}: ${wordsOf(error)}`));
  }
  expect(failed).toEqual([]);
}

describe('the walks', () => {
  it('go by keys alone, but for that of the tester, who has a mouse', () => {
    const byMouse =
      /\.(?:click|dblclick|tap|hover|dragTo|fill|check|uncheck|setChecked|selectOption|setInputFiles|dispatchEvent)\(|\.(?:mouse|touchscreen)\b/;
    const walks = globSync('*.ts', { cwd: import.meta.dirname });
    const clicking = walks.filter((file) => byMouse.test(readFileSync(join(import.meta.dirname, file), 'utf8')));
    expect(walks.length).toBeGreaterThan(10);
    expect(clicking).toEqual(['tester.e2e.test.ts']);
  });
});

describe('the list of pages', () => {
  it('names every route of every area, each by its whole path, and no other', () => {
    const files = globSync('**/*routes.tsx', { cwd: join(import.meta.dirname, '../src') });
    const areas = areasOfApp().map(({ file }) => file);
    const listed = new Set(PAGES.map(({ route }) => route));
    expect(files.length).toBeGreaterThan(8);
    expect(areas.toSorted()).toEqual(files.toSorted());
    expect([...listed].toSorted()).toEqual(routesOfApp().toSorted());
  });

  it('tells routes of the same name in two places apart', () => {
    const text =
      "[{ element: <X />, children: [{ index: true }, { path: 'a', children: [{ path: ':b' }] }, { path: 'c' }] }]";
    expect(routesIn(text, '/x')).toEqual(['/x', '/x/a', '/x/a/:b', '/x/c']);
    expect(routesOfApp()).toEqual(expect.arrayContaining(['/patient/record', '/patient/access/record']));
  });

  it('has pages of every visitor', () => {
    expect(VISITORS.filter((visitor) => !PAGES.some((one) => one.visitor === visitor))).toEqual([]);
  });
});

describe.skipIf(!hasBrowser)('every page', () => {
  beforeAll(async () => {
    stage = await openStage();
    place = { stage, patient: find(stage, isPatient), ward: find(stage, isWard) };
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  for (const visitor of VISITORS) {
    const pages = CHOSEN.filter((one) => one.visitor === visitor);
    if (pages.length === 0) continue;
    it(`of a ${visitor} is accessible wide, narrow and from right to left, fits in Devanagari, and is reached by keyboard`, async () => {
      const page = await arrive(visitor);
      await onEach(pages, async (one) => {
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
          await inOtherLanguages(page, one, { hi: one === pages[0], ar: one === pages.at(-1) });
        } finally {
          await speak(page, 'en');
        }
      });
    });
  }
});

/**
 * The page turns round as it stands: no other page is loaded for it. Somebody whose language it is loads it in that language:
 * one page of each visitor is loaded so.
 */
async function inOtherLanguages(
  page: Page,
  { name }: PageOfApp,
  isLoaded: { readonly [language in keyof typeof SCRIPTS]: boolean },
): Promise<void> {
  for (const language of ['hi', 'ar'] as const) {
    await speak(page, language);
    if (IN_ALL_SCRIPTS.has(name)) await photograph(page, `${name}-${language}`);
    await expectFit(page, language);
  }
  if (SCREENS !== undefined) return;
  for (const language of (['hi', 'ar'] as const).filter((one) => isLoaded[one])) {
    await speak(page, language);
    await open(page, { name: `${name}, loaded in ${language}`, open: reload });
    await expectSpoken(page, language);
    await expectFit(page, language);
  }
}

async function expectFit(page: Page, language: keyof typeof SCRIPTS): Promise<void> {
  if (language === 'ar') await expectAccessible(page);
  else await expectNoSidewaysScrolling(page);
}

async function reload(page: Page): Promise<void> {
  await page.reload();
}
