import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findChromium } from '@salus/testing';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { BenchResult } from './bench-result.ts';
import { observationsBundle } from './made-bundle.ts';
import { type NodeProcess, sendJson, startNode } from './node-process.ts';
import { percentile } from './percentile.ts';
import { changeTo, isLong, largestPaint, scroll } from './web-in-page.js';

const BUILD = fileURLToPath(new URL('../../apps/web/build/main.ts', import.meta.url));
const SLOWER = 4;
const PAINT_TARGET_MS = 1_500;
const CHANGE_TARGET_MS = 200;
const FRAMES_TARGET = 50;
const BUNDLE = 500;
const SCROLLED_MS = 4_000;
const SCROLLED_PX = 90;
const WAIT_MS = 120_000;

interface WebLoad {
  /** First visits, each by a browser that has nothing yet. */
  readonly visits?: number;
  /** How often each page of the menu is opened. */
  readonly rounds?: number;
  readonly resources?: number;
}

/** The web app on the demonstration's data in Chromium, its processor slowed down four times where the figure says so. */
export async function benchWeb({
  visits = 10,
  rounds = 10,
  resources = 5_000,
}: WebLoad = {}): Promise<readonly BenchResult[]> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error('this bench needs Chromium');
  await promisify(execFile)(process.execPath, [BUILD]);
  await using node = await startNode();
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const paints = await firstPaints(browser, node, visits);
    const patient = await findPatient(node);
    const staff = await lineOf(node, 'a.rossi');
    const ofPatient = await pageChanges(browser, node, { device: patient.device, rounds });
    const ofClinician = await pageChanges(browser, node, { device: staff, rounds });
    await fill(node, patient.fhirId, resources);
    const frames = await framesPerSecond(browser, node, { device: patient.device, resources });
    return [
      paintFigure(paints),
      changeFigure('of a patient', ofPatient),
      changeFigure('of a clinician', ofClinician),
      frameFigure(frames, resources),
    ];
  } finally {
    await browser.close();
  }
}

async function newPage(
  browser: Browser,
  node: NodeProcess,
  slower: number,
): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ baseURL: node.url, viewport: { width: 1280, height: 800 }, locale: 'en' });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  await slowDown(page, slower);
  return { context, page };
}

async function slowDown(page: Page, slower: number): Promise<void> {
  const debug = await page.context().newCDPSession(page);
  await debug.send('Emulation.setCPUThrottlingRate', { rate: slower });
}

/** Largest Contentful Paint of the first page (W3C), without anything in the browser's cache. */
async function firstPaints(browser: Browser, node: NodeProcess, visits: number): Promise<readonly number[]> {
  const paints: number[] = [];
  for (let visit = 0; visit < visits; visit += 1) {
    const { context, page } = await newPage(browser, node, SLOWER);
    await page.goto('/');
    await page.getByRole('heading', { level: 1 }).waitFor();
    paints.push(await page.evaluate(largestPaint));
    await context.close();
  }
  return paints;
}

interface Changes {
  readonly first: readonly number[];
  readonly later: readonly number[];
}

/** From the click on an entry of the menu to the frame in which the page's heading stands. */
async function pageChanges(
  browser: Browser,
  node: NodeProcess,
  { device, rounds }: { readonly device: string; readonly rounds: number },
): Promise<Changes> {
  const { context, page } = await newPage(browser, node, 1);
  await signIn(page, device);
  await slowDown(page, SLOWER);
  const entries = await page.locator('#navigation a').all();
  const [home = '', ...others] = await Promise.all(entries.map(async (entry) => (await entry.getAttribute('href'))!));
  // Where one is after signing in comes last: going there at once would change nothing.
  const links = [...others, home];
  const first: number[] = [];
  const later: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    for (const link of links) (round === 0 ? first : later).push(await page.evaluate(changeTo, link));
  }
  await context.close();
  return { first, later };
}

async function signIn(page: Page, device: string): Promise<void> {
  await page.goto('/start');
  await page.getByRole('textbox', { name: 'Sign-in line' }).fill(device);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

interface Credential {
  readonly account?: string;
  readonly device?: string;
  readonly at?: readonly { readonly organisation: string; readonly fhirId: string }[];
}

async function readCredentials(node: NodeProcess, kind: 'staff' | 'patients'): Promise<readonly Credential[]> {
  const file = join(node.configDirectory, 'demonstration', 'credentials.json');
  return (JSON.parse(await readFile(file, 'utf8')) as Readonly<Record<string, readonly Credential[]>>)[kind]!;
}

async function lineOf(node: NodeProcess, account: string): Promise<string> {
  const staff = await readCredentials(node, 'staff');
  return staff.find((person) => person.account === account)!.device!;
}

/** One who has claimed and is known at hospital A. */
async function findPatient(node: NodeProcess): Promise<{ readonly device: string; readonly fhirId: string }> {
  for (const { device, at = [] } of await readCredentials(node, 'patients')) {
    const place = at.find(({ organisation }) => organisation === 'hospital-a');
    if (device !== undefined && place !== undefined) return { device, fhirId: place.fhirId };
  }
  throw new Error('no patient of the demonstration has claimed a pid at hospital A');
}

async function fill(node: NodeProcess, patientId: string, resources: number): Promise<void> {
  const { organisation, token } = await node.logIn('a.rossi');
  for (let first = 0; first < resources; first += BUNDLE) {
    await sendJson(node.send, {
      method: 'POST',
      path: `/${organisation}/fhir/R4`,
      token,
      type: 'application/fhir+json',
      body: observationsBundle(patientId, { first, count: Math.min(BUNDLE, resources - first) }),
    });
  }
}

interface Frames {
  readonly perSecond: number;
  readonly perSecondSlowed: number;
  readonly openedMs: number;
}

async function framesPerSecond(
  browser: Browser,
  node: NodeProcess,
  { device, resources }: { readonly device: string; readonly resources: number },
): Promise<Frames> {
  const { context, page } = await newPage(browser, node, 1);
  await signIn(page, device);
  const startedMs = performance.now();
  await page.goto('/patient/record');
  await page.waitForFunction(isLong, resources);
  const openedMs = performance.now() - startedMs;
  const perSecond = await page.evaluate(scroll, { ms: SCROLLED_MS, px: SCROLLED_PX });
  await slowDown(page, SLOWER);
  const perSecondSlowed = await page.evaluate(scroll, { ms: SCROLLED_MS, px: SCROLLED_PX });
  await context.close();
  return { perSecond, perSecondSlowed, openedMs };
}

function paintFigure(paints: readonly number[]): BenchResult {
  const value = percentile(paints, 0.5);
  return {
    name: `web: largest paint of the first page, ${SLOWER}× slower processor`,
    value,
    limit: PAINT_TARGET_MS,
    ratio: value / PAINT_TARGET_MS,
    target: 1,
    sense: 'at-most',
    details: { unit: 'ms', p95: percentile(paints, 0.95), visits: paints.length },
  };
}

function changeFigure(who: string, { first, later }: Changes): BenchResult {
  const value = percentile(later, 0.95);
  return {
    name: `web: change of page ${who}, p95, ${SLOWER}× slower processor`,
    value,
    limit: CHANGE_TARGET_MS,
    ratio: value / CHANGE_TARGET_MS,
    target: 1,
    sense: 'at-most',
    details: { unit: 'ms', p50: percentile(later, 0.5), firstTimeP95: percentile(first, 0.95), changes: later.length },
  };
}

function frameFigure({ perSecond, perSecondSlowed, openedMs }: Frames, resources: number): BenchResult {
  return {
    name: `web: scrolling a timeline of ${resources.toLocaleString('en')} resources`,
    value: perSecond,
    limit: FRAMES_TARGET,
    ratio: perSecond / FRAMES_TARGET,
    target: 1,
    sense: 'at-least',
    details: { unit: 'frames/s', slowed: perSecondSlowed, openedMs },
  };
}
