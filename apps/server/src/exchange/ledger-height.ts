import { setTimeout as wait } from 'node:timers/promises';

/** Names the newest block that the sender has seen; whoever gets it looks at its own ledger no earlier than that. */
export const HEIGHT_HEADER = 'salus-height';
/** How long an own ledger may take to see what another organisation has seen; followers are behind by milliseconds. */
export const HEIGHT_WAIT_MS = 5_000;
const LOOK_MS = 10;

/** The number that a header names; 0, which every ledger has reached, for anything else. */
export function parseHeight(header: string | readonly string[] | undefined): number {
  return typeof header === 'string' && /^\d{1,15}$/.test(header) ? Number(header) : 0;
}

/** Resolves true once the ledger holds block `height`, false when it does not within `waitMs`. */
export async function reachesHeight(
  ledger: { height(): Promise<number> },
  height: number,
  waitMs = HEIGHT_WAIT_MS,
): Promise<boolean> {
  const startMs = performance.now();
  while ((await ledger.height()) < height) {
    if (performance.now() - startMs >= waitMs) return false;
    await wait(LOOK_MS);
  }
  return true;
}
