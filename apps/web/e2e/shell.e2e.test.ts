import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAccessible } from './accessibility.ts';
import { choose } from './by-keys.ts';
import { hasBrowser, openStage, photograph, type Stage } from './harness.ts';

let stage: Stage;

describe.skipIf(!hasBrowser)('the app', () => {
  beforeAll(async () => {
    stage = await openStage();
  });
  // Where nothing was opened there is nothing to close.
  afterAll(async () => (stage as Stage | undefined)?.close());

  it('opens with a question that everybody can answer, in each language, wide and narrow', async () => {
    for (const language of ['en', 'hi', 'ar'] as const) {
      for (const narrow of [false, true]) {
        const page = await stage.newDevice({ language, narrow });
        await page.getByRole('heading', { level: 1 }).waitFor();
        expect(await page.locator('html').getAttribute('lang')).toBe(language);
        expect(await page.locator('html').getAttribute('dir')).toBe(language === 'ar' ? 'rtl' : 'ltr');
        await expectAccessible(page);
        if (!narrow) await photograph(page, `start-${language}`);
      }
    }
  });

  it('changes its language at once, remembers it, and turns round for Arabic', async () => {
    const page = await stage.newDevice();
    await choose(page.getByRole('combobox', { name: 'Language' }), 'ar');
    await page.getByRole('heading', { level: 1, name: 'سجلّك الصحي بين يديك' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'سجلّك الصحي بين يديك' }).waitFor();
    expect(await page.locator('html').getAttribute('dir')).toBe('rtl');
  });

  it('says of an unknown address that there is no page, and of an unknown path of the API nothing but that', async () => {
    const page = await stage.newDevice();
    await page.goto('/nothing/here');
    await page.getByRole('heading', { level: 1, name: 'This page does not exist' }).waitFor();
    await expectAccessible(page);
    for (const path of [
      '/api/v1/nothing',
      '/hospital-a/fhir/nothing',
      '/assets/nothing.js',
      '/hospital-a/oauth/nothing',
    ]) {
      const answer = await fetch(`${stage.url}${path}`, { headers: { accept: 'text/html' } });
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.headers.get('content-type')).not.toContain('text/html');
    }
  });

  it('shows the way in instead of a page that belongs to others', async () => {
    const page = await stage.newDevice();
    for (const path of ['/patient/record', '/patient/access', '/clinician', '/steward']) {
      await page.goto(path);
      await page.getByRole('heading', { level: 1, name: 'Sign in first' }).waitFor();
    }
    await expectAccessible(page);
  });

  it('is walked by keyboard: the first stop is the way past the menu', async () => {
    const page = await stage.newDevice();
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.locator('body').press('Tab');
    const focused = () => page.evaluate(() => document.activeElement?.textContent);
    for (let stops = 0; (await focused()) !== 'Skip to the page'; stops += 1) {
      expect(stops).toBeLessThan(20);
      await page.keyboard.press('Shift+Tab');
    }
    await page.keyboard.press('Enter');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('page');
  });
});
