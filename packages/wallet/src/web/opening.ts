import type { KeyValueStore, WebKey } from './key-value-store.ts';
import type { OpenKeys } from './open-keys.ts';

const OPEN = 'open';
/** Where the lock lies: without one nothing but the opening itself opens a device. */
export const LOCK = 'lock';
const VERSION = 'salus:web-open:v2';
/** A clock that was put right by less than this is no clock that somebody set back. */
const CLOCK_SLACK_MS = 60_000;

/** While a device is unlocked this lies in the browser's own store, so that a reload asks for no PIN: keys without bytes. */
export interface Opening {
  readonly version: typeof VERSION;
  /** Of which device: another master key has another. */
  readonly device: string;
  /** When somebody was there last; a clock that shows less was set back. */
  readonly touchedMs: number;
  readonly untilMs: number;
  readonly keys: OpenKeys;
  /** By the place where each lies wrapped, which tells nothing. */
  readonly privateKeys: Readonly<Record<string, WebKey>>;
}

/** As it lies there, whatever the time. */
export async function readOpening(store: KeyValueStore): Promise<Opening | undefined> {
  const opening = (await store.get(OPEN)) as Opening | undefined;
  return opening?.version === VERSION ? opening : undefined;
}

/** undefined where the device is locked, its time is over, or the clock was set back; nothing is left lying then. */
export async function findOpening(store: KeyValueStore, nowMs: number): Promise<Opening | undefined> {
  const opening = (await store.get(OPEN)) as Opening | undefined;
  if (opening === undefined) return undefined;
  const { version, touchedMs, untilMs } = opening;
  if (version === VERSION && nowMs < untilMs && nowMs >= touchedMs - CLOCK_SLACK_MS) return opening;
  await endOpening(store);
  return undefined;
}

export async function keepOpening(store: KeyValueStore, opening: Omit<Opening, 'version'>): Promise<void> {
  await store.put(OPEN, { version: VERSION, ...opening } satisfies Opening);
}

export async function endOpening(store: KeyValueStore): Promise<void> {
  await store.remove(OPEN);
}

/** Removes the handles of a device whose time is over, without opening it: for whatever runs when no page does. */
export async function endOverdue(store: KeyValueStore, nowMs: number): Promise<void> {
  await findOpening(store, nowMs);
}

/** Removes the handles where PIN or passkey can open the device again: for the moment when its last page is gone. */
export async function endUnattended(store: KeyValueStore): Promise<void> {
  if ((await store.get(LOCK)) !== undefined) await endOpening(store);
}
