const FIRST_MS = 10;
const LONGEST_MS = 1_000;
const DOUBLINGS_MAX = 7;

/** How long to wait after `attempts` failed ones: 10 ms doubled up to 1 s, of which a random half. */
export function backOffMs(attempts: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts, DOUBLINGS_MAX));
  return (full * (1 + Math.random())) / 2;
}

/** Resolves after `ms`, or as soon as `ended` is aborted. */
export function pause(ms: number, ended: AbortSignal): Promise<void> {
  if (ended.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      ended.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    ended.addEventListener('abort', end, { once: true });
  });
}
