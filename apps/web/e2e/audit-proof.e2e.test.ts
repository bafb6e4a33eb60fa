import type { Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { press, untick } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';
import { signIn } from './sign-in.ts';

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

describe.skipIf(!hasBrowser)('a line of the log', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('is proven in the browser with the network off, whichever it is', async () => {
    const page = await openLog();
    await untick(page.getByRole('checkbox', { name: 'Leave out what I did myself' }));
    await page.context().setOffline(true);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const buttons = page.getByRole('button', { name: /^Prove it/ });
    const count = await buttons.count();
    expect(count).toBeGreaterThan(2);
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
    expect(asked.filter((url) => url.includes('/api/'))).toEqual([]);
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
    const buttons = page.getByRole('button', { name: /^Prove it/ });
    const wrong = page.getByRole('listitem').filter({ hasText: 'Not proven' });
    await wrong.waitFor();
    expect(await wrong.count()).toBe(1);
    expect(await page.getByText('Proven', { exact: true }).count()).toBe((await buttons.count()) - 1);
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
