import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findChromium, freePort, scaled } from '@salus/testing';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { buildWebApp } from '../build/build.ts';
import { startNode } from './demonstration.ts';
import { hasBrowser } from './harness.ts';

const repository = resolve(import.meta.dirname, '../../..');
const READY_MS = 240_000;
const END_MS = 20_000;
/** Each step is one thing that the tester reads and does; at five seconds each, this many leave a minute and more for the machine. */
const STEPS_MAX = 22;

let folder: string;
let node: ChildProcess | undefined;
let browser: Browser;
let said = '';
const protocol: string[] = [];

/** One step of somebody who knows nothing but what stands on the screen. */
async function step(what: string, act: () => Promise<unknown>): Promise<void> {
  const beganMs = performance.now();
  await act();
  protocol.push(`${String(protocol.length + 1).padStart(2)}. ${what} (${Math.round(performance.now() - beganMs)} ms)`);
}

async function newWindow(url: string): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en' });
  context.setDefaultTimeout(120_000);
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** The long line below a person's name in people.txt. */
function lineBelow(people: string, words: string): { readonly name: string; readonly line: string } {
  const lines = people.split('\n');
  const at = lines.findIndex((line) => line.includes(words));
  return { name: (lines[at] ?? '').split(',', 1)[0] ?? '', line: lines[at + 1] ?? '' };
}

async function signIn(page: Page, who: string, line: string): Promise<void> {
  await step(`${who}: “Sign in” on the start page`, () => page.getByRole('link', { name: 'Sign in' }).first().click());
  await step(`${who}: pastes the line`, () => page.getByRole('textbox', { name: 'Sign-in line' }).fill(line));
  await step(`${who}: “Sign in”`, async () => {
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  });
}

describe.skipIf(!hasBrowser)('somebody who has never seen it', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'salus-tester-'));
    browser = await chromium.launch({
      executablePath: findChromium()!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    });
  });
  afterAll(async () => {
    await (browser as Browser | undefined)?.close();
    if (node !== undefined && node.exitCode === null) {
      const ended = new Promise((done) => node?.once('close', done));
      node.kill('SIGTERM');
      const timer = setTimeout(() => node?.kill('SIGKILL'), END_MS);
      await ended;
      clearTimeout(timer);
    }
    rmSync(folder, { recursive: true, force: true });
  });

  it('goes from `npm start` to the first shared record by what the screen says', async () => {
    await step('starts the node and waits until it is ready', scaled(0, 1) === 1 ? start : startFounded);
    const [, url = '', file = ''] = /open (\S+), choose “Sign in”, and paste a line from (\S+)/.exec(said) ?? [];
    const people = readFileSync(file, 'utf8');
    const patient = lineBelow(people, ', patient of ');
    const doctor = lineBelow(people, ', clinician at hospital-b');
    const own = await newWindow(url);
    await signIn(own, 'patient', patient.line);
    await step('patient: “Answer”, on the start page', () => own.getByRole('link', { name: 'Answer' }).click());
    await step('patient: “Allow this”', async () => {
      await own.getByRole('button', { name: 'Allow this' }).first().click();
      await own
        .getByText(/^allowed/)
        .first()
        .waitFor();
    });
    const ward = await newWindow(url);
    await signIn(ward, 'doctor', doctor.line);
    await step('doctor: types the patient’s name', () =>
      ward.getByRole('textbox', { name: 'Name' }).fill(patient.name),
    );
    await step('doctor: “Search”', () => ward.getByRole('button', { name: 'Search' }).click());
    await step('doctor: chooses the patient', () =>
      ward
        .getByRole('link', { name: `Choose ${patient.name}` })
        .last()
        .click(),
    );
    await step('doctor: “Yes, open the record”', () =>
      ward.getByRole('button', { name: 'Yes, open the record' }).click(),
    );
    await step('doctor: “Elsewhere”', () => ward.getByRole('link', { name: 'Elsewhere', exact: true }).click());
    const opened = ward.getByRole('region', { name: 'Records that the patient opened to you' });
    await step('doctor: opens what Hospital A keeps', async () => {
      await opened.locator('.mantine-Card-root').filter({ hasText: 'Hospital A' }).getByRole('button').first().click();
      await opened.getByText('Open, beside your own records, until').waitFor();
    });
    await step('doctor: “Everything”, and reads what Hospital A wrote', async () => {
      await ward.getByRole('link', { name: 'Everything', exact: true }).click();
      await ward.getByText('Hospital A').first().waitFor();
    });
    console.info(protocol.join('\n'));
    expect(protocol.length).toBeGreaterThan(10);
    expect(protocol.length).toBeLessThanOrEqual(STEPS_MAX);
  }, 480_000);
});

/** In a short run on a demonstration that was founded before. */
async function startFounded(): Promise<void> {
  const running = await startNode(folder, await buildWebApp(() => undefined));
  node = running.process;
  await vi.waitFor(() => expect(running.output()).toMatch(/paste a line from .*\n/), { timeout: END_MS });
  said = running.output();
}

/** As `npm start` does, on an empty data directory: the demonstration is founded first. */
async function start(): Promise<void> {
  const port = await freePort();
  const child = spawn(process.execPath, ['scripts/run.mjs', '--web', 'apps/server/src/main.ts'], {
    cwd: repository,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      XDG_CONFIG_HOME: join(folder, 'config'),
      SALUS_DATA: join(folder, 'data'),
      SALUS_PORT: String(port),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  node = child;
  await new Promise<void>((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`not ready in time: ${said}`)), READY_MS);
    const take = (bytes: Buffer): void => {
      said += bytes.toString();
      if (!said.includes('paste a line from') || !said.endsWith('\n')) return;
      clearTimeout(timer);
      done();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('exit', () => fail(new Error(`the node ended: ${said}`)));
  });
}
