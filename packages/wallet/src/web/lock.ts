import {
  CryptoError,
  openObject,
  openPasswordBox,
  PASSWORD_COST_MIN,
  randomBytes,
  sealObject,
  sealPasswordBox,
} from '@salus/crypto';
import { WalletError } from '../wallet-error.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { MASTER_BYTES } from './open-keys.ts';
import { LOCK } from './opening.ts';

const VERSION = 'salus:web-lock:v1';
/** Wrong PINs in a row before a pause; whoever copied the browser's files is not stopped by it, only by the PIN's length. */
export const PIN_TRIES_MAX = 10;
export const PIN_PAUSE_MS = 15 * 60_000;
export const PIN_LENGTH_MIN = 6;
export const PIN_LENGTH_MAX = 64;
const PASSKEY_CONTEXT = ['salus:web-passkey:v1'];

interface KeptLock {
  readonly version: typeof VERSION;
  /** The master key under the PIN: a password box. */
  readonly pin: Uint8Array;
  /** The master key under what a passkey's PRF gives for `salt`; null where there is no passkey. */
  readonly passkey: KeptPasskey | null;
  readonly wrong: number;
  readonly lastWrongMs: number;
}

/** What a browser needs to ask its passkey again (WebAuthn Level 3 §10.1.4, PRF extension). */
export interface PasskeyName {
  readonly credentialId: Uint8Array;
  /** 32 bytes. */
  readonly salt: Uint8Array;
}

interface KeptPasskey extends PasskeyName {
  readonly box: Uint8Array;
}

/** Draws the master key of a device and keeps it under a PIN. @throws WalletError `weak-pin` */
export async function createLock(store: KeyValueStore, pin: string): Promise<Uint8Array> {
  demandPin(pin);
  const master = randomBytes(MASTER_BYTES);
  const box = await sealPasswordBox(pin, master, PASSWORD_COST_MIN);
  await keep(store, { version: VERSION, pin: box, passkey: null, wrong: 0, lastWrongMs: 0 });
  return master;
}

/** Keeps the master key under a passkey too: `secret` is the 32 bytes that its PRF gives for `salt`. */
export async function addPasskey(
  store: KeyValueStore,
  master: Uint8Array,
  { secret, ...name }: PasskeyName & { readonly secret: Uint8Array },
): Promise<void> {
  const lock = await readLock(store);
  await keep(store, { ...lock, passkey: { ...name, box: sealObject(secret, master, PASSKEY_CONTEXT) } });
}

/** How this device is unlocked: undefined where it has no lock. */
export async function findLock(store: KeyValueStore): Promise<{ readonly passkey: PasskeyName | null } | undefined> {
  const lock = (await store.get(LOCK)) as KeptLock | undefined;
  if (lock === undefined) return undefined;
  const { passkey } = lock;
  return { passkey: passkey === null ? null : { credentialId: passkey.credentialId, salt: passkey.salt } };
}

/** @throws WalletError `wrong-pin`, `pin-paused`, `wallet-missing` */
export async function masterByPin(store: KeyValueStore, pin: string, nowMs: number): Promise<Uint8Array> {
  const lock = await readLock(store);
  const isPaused = lock.wrong >= PIN_TRIES_MAX && nowMs - lock.lastWrongMs < PIN_PAUSE_MS;
  if (isPaused) {
    throw new WalletError('pin-paused', `After ${PIN_TRIES_MAX} wrong PINs the next try is 15 minutes later.`);
  }
  // Counted before it is tried: closing the page in between gives no free try.
  await keep(store, { ...lock, wrong: lock.wrong + 1, lastWrongMs: nowMs });
  try {
    const master = await openPasswordBox(pin, lock.pin);
    await keep(store, { ...lock, wrong: 0 });
    return master;
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new WalletError('wrong-pin', 'This is not the PIN of this device.', { cause });
  }
}

/** @throws WalletError `wrong-passkey`, `wallet-missing` */
export async function masterByPasskey(store: KeyValueStore, secret: Uint8Array): Promise<Uint8Array> {
  const { passkey } = await readLock(store);
  if (passkey === null) throw new WalletError('wrong-passkey', 'This device is not unlocked by a passkey.');
  try {
    return openObject(secret, passkey.box, PASSKEY_CONTEXT);
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new WalletError('wrong-passkey', 'This is not the passkey of this device.', { cause });
  }
}

function demandPin(pin: string): void {
  const length = pin.normalize('NFC').length;
  if (length < PIN_LENGTH_MIN || length > PIN_LENGTH_MAX || new Set(pin).size === 1) {
    throw new WalletError('weak-pin', `A PIN has ${PIN_LENGTH_MIN} to ${PIN_LENGTH_MAX} characters, not all the same.`);
  }
}

async function readLock(store: KeyValueStore): Promise<KeptLock> {
  const lock = (await store.get(LOCK)) as KeptLock | undefined;
  if (lock?.version !== VERSION) throw new WalletError('wallet-missing', 'There is no wallet on this device.');
  return lock;
}

async function keep(store: KeyValueStore, lock: KeptLock): Promise<void> {
  await store.put(LOCK, lock);
}
