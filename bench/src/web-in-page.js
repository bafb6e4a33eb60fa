// What a bench has pages do. Plain JavaScript: it is sent to the browser as it stands, and only there are these globals.
/* global document, location, window, requestAnimationFrame, PerformanceObserver */

/** @returns {Promise<number>} milliseconds from navigation to the Largest Contentful Paint so far (W3C) */
export function largestPaint() {
  return new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      observer.disconnect();
      resolve(list.getEntries().at(-1).startTime);
    });
    observer.observe({ type: 'largest-contentful-paint', buffered: true });
  });
}

/**
 * Clicks an entry of the menu and waits for the frame in which the page's heading stands.
 *
 * @param {string} link
 * @returns {Promise<number>} milliseconds
 */
export function changeTo(link) {
  return new Promise((resolve) => {
    const shown = () => document.querySelector('h1')?.textContent;
    const [before, startedMs, giveUpMs] = [shown(), performance.now(), 20_000];
    const look = () => {
      const now = shown();
      const there = now !== undefined && now !== before && location.pathname.startsWith(link);
      // A page that never comes counts as the slowest of all, and ends the bench sooner than its patience.
      if (there || performance.now() - startedMs > giveUpMs) {
        requestAnimationFrame(() => resolve(performance.now() - startedMs));
      } else requestAnimationFrame(look);
    };
    document.querySelector(`#navigation a[href="${link}"]`).click();
    look();
  });
}

/**
 * Scrolls on with each frame and counts them.
 *
 * @param {{ ms: number, px: number }} how
 * @returns {Promise<number>} frames a second
 */
export function scroll({ ms, px }) {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    let frames = 0;
    const next = () => {
      frames += 1;
      window.scrollBy(0, px);
      const passedMs = performance.now() - startedMs;
      if (passedMs >= ms) resolve((frames * 1_000) / passedMs);
      else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
}

/**
 * @param {number} least
 * @returns {boolean} whether the timeline has at least so many rows
 */
export function isLong(least) {
  return Number(document.querySelector('li[aria-setsize]')?.getAttribute('aria-setsize') ?? 0) >= least;
}
