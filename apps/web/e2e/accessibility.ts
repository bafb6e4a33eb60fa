import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

interface Axe {
  run(options: {
    readonly resultTypes: readonly string[];
  }): Promise<{ readonly violations: readonly Violation[]; readonly passes: readonly unknown[] }>;
}

/** A page that changes while axe looks at it, as a button that becomes enabled, is looked at again. */
const LOOKS_MAX = 3;
const PAUSE_MS = 500;

/** No serious or critical problem that axe finds on the page as it stands, and no scrolling sideways. */
export async function expectAccessible(page: Page): Promise<void> {
  // By the debugger's door: the page's own policy takes no inline script.
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  let grave = await findGrave(page);
  for (let looks = 1; looks < LOOKS_MAX && grave.length > 0; looks += 1) {
    await page.waitForTimeout(PAUSE_MS);
    grave = await findGrave(page);
  }
  expect(grave).toEqual([]);
  await expectNoSidewaysScrolling(page);
}

async function findGrave(page: Page): Promise<readonly string[]> {
  // Every rule runs; of those that pass axe describes one element instead of each.
  const { violations, passes } = await page.evaluate(async () =>
    (window as unknown as { readonly axe: Axe }).axe.run({ resultTypes: ['violations'] }),
  );
  expect(passes.length).toBeGreaterThan(0);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`);
}

export async function expectNoSidewaysScrolling(page: Page): Promise<void> {
  const overflowPx = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflowPx).toBeLessThanOrEqual(0);
}
