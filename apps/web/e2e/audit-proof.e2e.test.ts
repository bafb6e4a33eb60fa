import type { Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { press, untick } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

/** Lines wait for a root of the log, and the page asks again until they are proven. */
const ROOTED = { timeout: 120_000, interval: 200 };

interface Answer {
  readonly lines: readonly { readonly pidSeq: number; readonly text: string }[];
}

let stage: Stage;

/** The log of a patient whom others have read, on a device of their own. */
async function openLog(change?: (answer: string) => string): Promise<Page> {
  const page = await stage.newDevice();
  await signIn(page, stage.cast.patients[0]!.device!);
  if (change !== undefined) {
    await page.route(
      (url) => url.pathname.endsWith('/patient/audit'),
      async (route: Route) => {
        const answer = await route.fetch();
        await route.fulfill({ response: answer, body: change(await answer.text()) });
      },
    );
  }
  await page.goto('/patient/access/log?place=hospital-a');
  await page
    .getByRole('button', { name: /^Prove it/ })
    .first()
    .waitFor();
  return page;
}

/** Waits until all lines but so many are proven. @returns how many lines there are */
async function allProvenBut(wrong: number, page: Page): Promise<number> {
  return vi.waitFor(async () => {
    const count = await page.getByRole('button', { name: /^Prove it/ }).count();
    expect(await page.getByText('Proven', { exact: true }).count()).toBe(count - wrong);
    return count;
  }, ROOTED);
}

describe.skipIf(!hasBrowser)('a line of the log', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('is proven in the browser with the network off, whichever it is', async () => {
    const page = await openLog();
    await untick(page.getByRole('checkbox', { name: 'Leave out what I did myself' }));
    const count = await allProvenBut(0, page);
    expect(count).toBeGreaterThan(2);
    await page.context().setOffline(true);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const buttons = page.getByRole('button', { name: /^Prove it/ });
    for (let at = 0; at < count; at += 1) {
      await press(buttons.nth(at));
      const proof = page.getByRole('dialog', { name: /^Proof of line/ });
      await proof.getByText('Checked on this device, without the network.').waitFor();
      await proof.getByText('stands in the ledger').waitFor();
      if (at === 0) {
        await expectAccessible(page);
        await photograph(page, 'access-proof');
      }
      await press(proof.getByRole('button', { name: 'Close' }).last());
      await proof.waitFor({ state: 'detached' });
    }
    // The stream of events is looked for again and again; no proof needs it.
    expect(asked.filter((url) => url.includes('/api/') && !url.endsWith('/events'))).toEqual([]);
  });

  it('is refused when one byte of it was changed, and takes no other line with it', async () => {
    const changed = { line: 0 };
    const page = await openLog((body) => {
      const answer = JSON.parse(body) as Answer;
      const target = answer.lines.find(({ text }) => text.includes('"kind":"read"'))!;
      changed.line = target.pidSeq;
      const text = target.text.replace('"outcome":"ok"', '"outcome":"oj"');
      expect(text).not.toBe(target.text);
      return JSON.stringify({
        ...answer,
        lines: answer.lines.map((line) => (line === target ? { ...line, text } : line)),
      });
    });
    const wrong = page.getByRole('listitem').filter({ hasText: 'Not proven' });
    await wrong.waitFor();
    expect(await wrong.count()).toBe(1);
    await allProvenBut(1, page);
    await press(page.getByRole('button', { name: `Prove it: line ${changed.line}` }));
    const proof = page.getByRole('dialog', { name: `Proof of line ${changed.line}` });
    await proof.getByText('is not what the ledger covers').waitFor();
    await expectAccessible(page);
    await photograph(page, 'access-proof-refused');
  });

  it('that was left out is missed', async () => {
    const page = await openLog((body) => {
      const answer = JSON.parse(body) as Answer;
      return JSON.stringify({ ...answer, lines: answer.lines.filter((_, at) => at !== 1) });
    });
    await page.getByRole('alert').getByText('A line is missing between these').waitFor();
  });
});
