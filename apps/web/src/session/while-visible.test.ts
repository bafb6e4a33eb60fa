import { describe, expect, it } from 'vitest';
import { whileVisible } from './while-visible.ts';

function createPage(hidden: boolean) {
  const target = Object.assign(new EventTarget(), { hidden });
  const show = (isShown: boolean): void => {
    target.hidden = !isShown;
    target.dispatchEvent(new Event('visibilitychange'));
  };
  const begun: { readonly signal: AbortSignal; readonly isLater: boolean }[] = [];
  const end = whileVisible(target as unknown as Document, (signal, isLater) => begun.push({ signal, isLater }));
  return { show, begun, end, running: () => begun.filter(({ signal }) => !signal.aborted).length };
}

describe('what a page does while it is seen', () => {
  it('begins at once where it is seen, with nothing missed', () => {
    const { begun, running } = createPage(false);
    expect(begun).toMatchObject([{ isLater: false }]);
    expect(running()).toBe(1);
  });

  it('ends when it is hidden, and begins anew with what was missed', () => {
    const { show, begun, running } = createPage(false);
    show(false);
    expect(running()).toBe(0);
    show(true);
    expect(begun).toMatchObject([{ isLater: false }, { isLater: true }]);
    expect(running()).toBe(1);
  });

  it('waits where the page was opened behind another', () => {
    const { show, begun } = createPage(true);
    expect(begun).toEqual([]);
    show(true);
    expect(begun).toMatchObject([{ isLater: true }]);
  });

  it('begins once, however often it is told that it is seen, and ends for good', () => {
    const { show, end, begun, running } = createPage(false);
    show(true);
    expect(begun.length).toBe(1);
    end();
    expect(running()).toBe(0);
    show(true);
    expect(begun.length).toBe(1);
  });
});
