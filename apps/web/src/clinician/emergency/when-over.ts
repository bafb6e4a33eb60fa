const LOOK_MS = 1_000;

/**
 * Calls `onOver` once that time is there. It looks at the clock over and over: a timer stands still while the device sleeps.
 *
 * @returns ends the waiting.
 */
export function whenOver(untilMs: number, onOver: () => void, nowMs: () => number = Date.now): () => void {
  const watch = setInterval(() => {
    if (nowMs() < untilMs) return;
    clearInterval(watch);
    onOver();
  }, LOOK_MS);
  return () => clearInterval(watch);
}
