import type { Page } from 'playwright-core';

/** One value that a person entered into a field by hand. */
export interface Typed {
  readonly who: string;
  readonly field: string;
  readonly value: string;
}

/** Notes each value that is entered by hand on a device; what a page fills in by itself is no work of anybody. */
export async function noteTyped(page: Page, who: string, typed: Typed[]): Promise<void> {
  await page.context().exposeBinding('salusTyped', (_source, field: string, value: string) => {
    typed.push({ who, field, value });
  });
  await page.context().addInitScript(() => {
    const entered = new WeakSet<EventTarget>();
    const told = window as unknown as { readonly salusTyped: (field: string, value: string) => void };
    document.addEventListener(
      'input',
      ({ target, isTrusted }) => {
        if (isTrusted && target !== null) entered.add(target);
      },
      true,
    );
    document.addEventListener(
      'focusout',
      ({ target }) => {
        const isField = target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement;
        if (!isField || !entered.has(target) || target.type === 'radio') return;
        entered.delete(target);
        told.salusTyped(target.labels?.[0]?.textContent ?? '', target.value);
      },
      true,
    );
  });
}
