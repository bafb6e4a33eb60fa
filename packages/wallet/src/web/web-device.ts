import {
  canonicalBytes,
  fromUtf8,
  type Json,
  randomBytes,
  type Signer,
  signerFromCryptoKey,
  toBase64url,
  utf8,
} from '@salus/crypto';
import type { DeviceKeys } from '../device-keys.ts';
import { WalletError } from '../wallet-error.ts';
import {
  drawKeyPair,
  type KeyUse,
  takeKeyPair,
  unwrapKeyPair,
  type WebKeyPair,
  type WrappedKeyPair,
} from './key-pairs.ts';
import type { KeyValueStore } from './key-value-store.ts';
import { type OpenKeys, openKeysOf } from './open-keys.ts';
import { endOpening, findOpening, keepOpening, readOpening } from './opening.ts';
import { openSealedStore, type SealedStore } from './sealed-store.ts';

const WRAPPED = 'wrapped/';
const KEYS = 'keys';
const PLACE_BYTES = 16;
const DEVICE = 'salus:web-device:v1';

/** A key that was put away, by what it is for: a pid, or the person's own enrolment. */
interface Named {
  readonly owner: string;
  readonly use: KeyUse;
  readonly publicKey: string;
  /** Where it lies: random, for a public key or pid would tell whose device this is. */
  readonly place: string;
}

/** From when to when a device is open. */
export interface OpenTime {
  readonly nowMs: number;
  readonly untilMs: number;
}

/** A device that is unlocked: its keys, and its store. */
export interface WebDevice {
  readonly store: SealedStore;
  /** Draws keys for a pid when they are first asked for. */
  readonly keys: DeviceKeys;
  /** The key with which a member of staff signs; undefined where none was taken over. */
  findSigner(owner: string): Signer | undefined;
  /** Takes a private key over: from now on nobody can read it any more. */
  take(owner: string, use: KeyUse, key: { readonly publicKey: string; readonly privateScalar: string }): Promise<void>;
  /** Draws a signing key for something else than a pid: an enrolment. */
  draw(owner: string): Promise<Signer>;
  /** Opens: from now on until then, over reloads too. */
  keepOpen(time: OpenTime): Promise<void>;
  /**
   * Whether the device is still open, in whichever tab it was opened; where it is, it stays so until `untilMs` if that is
   * given. What was locked or is over is never opened again by this.
   */
  stayOpen(nowMs: number, untilMs?: number): Promise<boolean>;
  /** What this tab knows without asking the store; another tab may have gone on. */
  isOver(nowMs: number): boolean;
}

/** Opens a device with the master key that its lock gave. @throws WalletError `bad-wallet` where something was changed */
export async function openWebDevice(store: KeyValueStore, master: Uint8Array): Promise<WebDevice> {
  const { keys, unwrap } = await openKeysOf(master);
  const sealed = openSealedStore(store, keys);
  const pairs = new Map<string, PlacedPair>();
  for (const { owner, use, publicKey, place } of await readNames(sealed)) {
    const kept = (await store.get(WRAPPED + place)) as WrappedKeyPair | undefined;
    if (kept === undefined) throw new WalletError('bad-wallet', 'A key of this device is missing.');
    const pair = await unwrapKeyPair({ use, publicKey }, kept, unwrap);
    pairs.set(nameOf(owner, use), { ...pair, place });
  }
  return deviceOf({ store, keys, sealed, pairs, device: await deviceNameOf(keys) });
}

/**
 * Goes on with a device that is still open; undefined where it is locked, or its time is over.
 *
 * @throws WalletError `bad-wallet` where a key is missing or something was changed
 */
export async function resumeWebDevice(store: KeyValueStore, nowMs: number): Promise<WebDevice | undefined> {
  const opening = await findOpening(store, nowMs);
  if (opening === undefined) return undefined;
  const { keys, privateKeys, device, untilMs } = opening;
  const sealed = openSealedStore(store, keys);
  const pairs = new Map<string, PlacedPair>();
  for (const { owner, use, publicKey, place } of await readNames(sealed)) {
    const privateKey = privateKeys[place];
    if (privateKey === undefined) throw new WalletError('bad-wallet', 'A key of this device is missing.');
    pairs.set(nameOf(owner, use), { publicKey, privateKey, place });
  }
  return deviceOf({ store, keys, sealed, pairs, device, untilMs });
}

/** Locks a device: only PIN or passkey open it again. */
export async function lockWebDevice(store: KeyValueStore): Promise<void> {
  await endOpening(store);
}

interface PlacedPair extends WebKeyPair {
  readonly place: string;
}

interface State {
  readonly store: KeyValueStore;
  readonly keys: OpenKeys;
  readonly sealed: SealedStore;
  readonly pairs: Map<string, PlacedPair>;
  readonly device: string;
  untilMs?: number;
}

function deviceOf(state: State): WebDevice {
  const making = new Map<string, Promise<WebKeyPair>>();
  const pairOf = (owner: string, use: KeyUse): Promise<WebKeyPair> => {
    const name = nameOf(owner, use);
    const known = state.pairs.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const waiting = making.get(name);
    if (waiting !== undefined) return waiting;
    const drawn = state.store.exclusively(
      async () =>
        (await findOther(state, owner, use)) ?? add(state, { owner, use }, await drawKeyPair(use, state.keys)),
    );
    making.set(name, drawn);
    return drawn.finally(() => making.delete(name));
  };
  const signerOf = ({ privateKey, publicKey }: WebKeyPair): Signer => signerFromCryptoKey(privateKey, publicKey);
  return {
    store: state.sealed,
    keys: {
      signer: async (pid) => signerOf(await pairOf(pid, 'sign')),
      hpkeKey: (pid) => pairOf(pid, 'open'),
    },
    findSigner: (owner) => {
      const pair = state.pairs.get(nameOf(owner, 'sign'));
      return pair === undefined ? undefined : signerOf(pair);
    },
    take: async (owner, use, key) => {
      const taken = await takeKeyPair(use, key, state.keys);
      await state.store.exclusively(() => add(state, { owner, use }, taken));
    },
    draw: async (owner) => signerOf(await pairOf(owner, 'sign')),
    keepOpen: ({ nowMs, untilMs }) => state.store.exclusively(() => open(state, { nowMs, untilMs })),
    stayOpen: (nowMs, untilMs) => state.store.exclusively(() => stayOpen(state, nowMs, untilMs)),
    isOver: (nowMs) => state.untilMs !== undefined && nowMs >= state.untilMs,
  };
}

/** Handles of all tabs: what another one has drawn meanwhile stays. */
async function open(state: State, { nowMs, untilMs }: OpenTime): Promise<void> {
  const { store, keys, device, pairs } = state;
  const before = await findOpening(store, nowMs);
  const others = before?.device === device ? before.privateKeys : {};
  const own = Object.fromEntries([...pairs.values()].map(({ place, privateKey }) => [place, privateKey]));
  await keepOpening(store, { device, touchedMs: nowMs, untilMs, keys, privateKeys: { ...others, ...own } });
  state.untilMs = untilMs;
}

async function stayOpen(state: State, nowMs: number, untilMs: number | undefined): Promise<boolean> {
  const opening = await findOpening(state.store, nowMs);
  if (opening?.device !== state.device) return false;
  if (untilMs === undefined) state.untilMs = opening.untilMs;
  else await open(state, { nowMs, untilMs });
  return true;
}

/** A key that another tab has drawn for the same purpose: there is never a second one. */
async function findOther(state: State, owner: string, use: KeyUse): Promise<PlacedPair | undefined> {
  const named = (await readNames(state.sealed)).find((known) => known.owner === owner && known.use === use);
  if (named === undefined) return undefined;
  const opening = await readOpening(state.store);
  const privateKey = opening?.device === state.device ? opening.privateKeys[named.place] : undefined;
  if (privateKey === undefined)
    throw new WalletError('bad-wallet', 'Another page of this browser drew this key: unlock.');
  const pair = { publicKey: named.publicKey, privateKey, place: named.place };
  state.pairs.set(nameOf(owner, use), pair);
  return pair;
}

/** The wrapped key first, its name last: whatever breaks off in between leaves no name without a key. */
async function add(
  state: State,
  { owner, use }: Pick<Named, 'owner' | 'use'>,
  made: { readonly pair: WebKeyPair; readonly kept: WrappedKeyPair },
): Promise<PlacedPair> {
  const { store, sealed, device } = state;
  const place = toBase64url(randomBytes(PLACE_BYTES));
  const pair = { ...made.pair, place };
  await store.put(WRAPPED + place, made.kept);
  const opening = await readOpening(store);
  if (opening?.device === device) {
    await keepOpening(store, { ...opening, privateKeys: { ...opening.privateKeys, [place]: pair.privateKey } });
  }
  const others = (await readNames(sealed)).filter((known) => known.owner !== owner || known.use !== use);
  const named: readonly Named[] = [...others, { owner, use, publicKey: pair.publicKey, place }];
  await sealed.put(KEYS, canonicalBytes(named as unknown as Json));
  state.pairs.set(nameOf(owner, use), pair);
  return pair;
}

/** The same for the same master key, and tells nothing of it. */
async function deviceNameOf({ name }: OpenKeys): Promise<string> {
  return toBase64url(new Uint8Array(await crypto.subtle.sign('HMAC', name, utf8(DEVICE))));
}

function nameOf(owner: string, use: KeyUse): string {
  return `${use}/${owner}`;
}

async function readNames(sealed: SealedStore): Promise<readonly Named[]> {
  const kept = await sealed.find(KEYS);
  return kept === undefined ? [] : (JSON.parse(fromUtf8(kept)) as readonly Named[]);
}
