import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** Presses of Tab on one page; lists longer than this are walked as far. */
const PRESSES_MAX = 150;
const ROUND = 20;
const INTERACTIVE =
  'a[href], button, input, select, textarea, summary, [tabindex="0"], [role="button"], [role="link"], [role="checkbox"]';

/**
 * Walks the whole page with Tab: whatever can be operated with a mouse is reached, and shows that it has the focus. Of radio
 * buttons of one group the browser reaches one, arrows the others.
 */
export async function reachByKeyboard(page: Page): Promise<void> {
  const count = await page.evaluate(begin, INTERACTIVE);
  let presses = 0;
  let walked: Walked = { missed: [], invisible: [] };
  do {
    const more = presses === 0 ? Math.min(count + 2, PRESSES_MAX) : ROUND;
    for (let press = 0; press < more; press += 1) await page.keyboard.press('Tab');
    presses += more;
    walked = await page.evaluate(end, INTERACTIVE);
    // What comes into view on the way, as in a long list, takes more presses.
  } while (walked.missed.length > 0 && presses < PRESSES_MAX);
  const { missed, invisible } = walked;
  if (presses < PRESSES_MAX) expect(missed, 'not reached by Tab').toEqual([]);
  expect(invisible, 'no sign of the focus').toEqual([]);
}

/** In the page: notes what gets the focus from now on, and starts from the top. */
function begin(selector: string): number {
  const told = window as unknown as { reached: Set<Element>; invisible: Set<string>; noting?: boolean };
  told.reached = new Set();
  told.invisible = new Set();
  if (told.noting !== true) {
    told.noting = true;
    document.addEventListener('focusin', ({ target }) => {
      if (!(target instanceof HTMLElement)) return;
      told.reached.add(target);
      const { outlineStyle, boxShadow, borderColor } = getComputedStyle(target);
      const field = target.matches('input, select, textarea');
      const shown = outlineStyle !== 'none' || boxShadow !== 'none' || (field && borderColor !== '');
      if (!shown) told.invisible.add(target.outerHTML.slice(0, 160));
    });
  }
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  getSelection()?.removeAllRanges();
  return document.querySelectorAll(selector).length;
}

interface Walked {
  readonly missed: string[];
  readonly invisible: string[];
}

function end(selector: string): Walked {
  const { reached, invisible } = window as unknown as { reached: Set<Element>; invisible: Set<string> };
  const operable = [...document.querySelectorAll<HTMLElement>(selector)].filter((element) => {
    const { visibility } = getComputedStyle(element);
    const disabled = element.matches(':disabled') || element.closest('[inert]') !== null;
    return element.getClientRects().length > 0 && visibility !== 'hidden' && !disabled && element.tabIndex >= 0;
  });
  const groupReached = (element: Element): boolean =>
    element instanceof HTMLInputElement &&
    element.type === 'radio' &&
    [...reached].some((other) => other instanceof HTMLInputElement && other.name === element.name);
  const missed = operable.filter((element) => !reached.has(element) && !groupReached(element));
  return { missed: missed.map((element) => element.outerHTML.slice(0, 160)), invisible: [...invisible] };
}
