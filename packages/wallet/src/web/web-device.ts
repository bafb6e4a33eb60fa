import {
  canonicalBytes,
  fromUtf8,
  type Json,
  randomBytes,
  type Signer,
  signerFromCryptoKey,
  toBase64url,
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
import type { KeyValueStore, WebKey } from './key-value-store.ts';
import { type OpenKeys, openKeysOf } from './open-keys.ts';
import { openSealedStore, type SealedStore } from './sealed-store.ts';

const OPEN = 'open';
const WRAPPED = 'wrapped/';
const KEYS = 'keys';
const PLACE_BYTES = 16;
const OPEN_VERSION = 'salus:web-open:v1';

/** A key that was put away, by what it is for: a pid, or the person's own enrolment. */
interface Named {
  readonly owner: string;
  readonly use: KeyUse;
  readonly publicKey: string;
  /** Where it lies: random, for a public key or pid would tell whose device this is. */
  readonly place: string;
}

/** While a device is unlocked this lies in the browser's own store, so that a reload asks for no PIN: keys without bytes. */
interface KeptOpen {
  readonly version: typeof OPEN_VERSION;
  readonly untilMs: number;
  readonly keys: OpenKeys;
  /** In the order of the names, which are sealed. */
  readonly privateKeys: readonly WebKey[];
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
  /** Stays open until then, over reloads too. */
  keepOpen(untilMs: number): Promise<void>;
}

/** Opens a device with the master key that its lock gave. @throws WalletError `bad-wallet` where something was changed */
export async function openWebDevice(store: KeyValueStore, master: Uint8Array): Promise<WebDevice> {
  const { keys, unwrap } = await openKeysOf(master);
  const sealed = openSealedStore(store, keys);
  const named = await readNames(sealed);
  const pairs = new Map<string, WebKeyPair>();
  for (const { owner, use, publicKey, place } of named) {
    const kept = (await store.get(WRAPPED + place)) as WrappedKeyPair | undefined;
    if (kept === undefined) throw new WalletError('bad-wallet', 'A key of this device is missing.');
    pairs.set(nameOf(owner, use), await unwrapKeyPair({ use, publicKey }, kept, unwrap));
  }
  return deviceOf(store, { keys, sealed, named: [...named], pairs });
}

/** Goes on with a device that is still open; undefined where it is locked, or its time is over. */
export async function resumeWebDevice(store: KeyValueStore, nowMs: number): Promise<WebDevice | undefined> {
  const open = (await store.get(OPEN)) as KeptOpen | undefined;
  if (open?.version !== OPEN_VERSION) return undefined;
  if (open.untilMs <= nowMs) {
    await store.remove(OPEN);
    return undefined;
  }
  const { keys, privateKeys } = open;
  const sealed = openSealedStore(store, keys);
  const named = await readNames(sealed);
  const pairs = new Map<string, WebKeyPair>();
  for (const [index, { owner, use, publicKey }] of named.entries()) {
    const privateKey = privateKeys[index];
    if (privateKey === undefined) throw new WalletError('bad-wallet', 'A key of this device is missing.');
    pairs.set(nameOf(owner, use), { publicKey, privateKey });
  }
  return deviceOf(store, { keys, sealed, named: [...named], pairs, untilMs: open.untilMs });
}

/** Locks a device: only PIN or passkey open it again. */
export async function lockWebDevice(store: KeyValueStore): Promise<void> {
  await store.remove(OPEN);
}

interface State {
  readonly keys: OpenKeys;
  readonly sealed: SealedStore;
  readonly named: Named[];
  readonly pairs: Map<string, WebKeyPair>;
  untilMs?: number;
}

function deviceOf(store: KeyValueStore, state: State): WebDevice {
  const making = new Map<string, Promise<WebKeyPair>>();
  const keepOpen = async (untilMs: number): Promise<void> => {
    state.untilMs = untilMs;
    const privateKeys = state.named.map(({ owner, use }) => state.pairs.get(nameOf(owner, use))!.privateKey);
    await store.put(OPEN, { version: OPEN_VERSION, untilMs, keys: state.keys, privateKeys } satisfies KeptOpen);
  };
  const add = async (
    owner: string,
    use: KeyUse,
    made: { readonly pair: WebKeyPair; readonly kept: WrappedKeyPair },
  ): Promise<WebKeyPair> => {
    const place = toBase64url(randomBytes(PLACE_BYTES));
    await store.put(WRAPPED + place, made.kept);
    const before = state.named.findIndex((named) => named.owner === owner && named.use === use);
    if (before >= 0) state.named.splice(before, 1);
    state.named.push({ owner, use, publicKey: made.pair.publicKey, place });
    state.pairs.set(nameOf(owner, use), made.pair);
    await state.sealed.put(KEYS, canonicalBytes(state.named as unknown as Json));
    if (state.untilMs !== undefined) await keepOpen(state.untilMs);
    return made.pair;
  };
  const pairOf = (owner: string, use: KeyUse): Promise<WebKeyPair> => {
    const name = nameOf(owner, use);
    const known = state.pairs.get(name);
    if (known !== undefined) return Promise.resolve(known);
    const waiting = making.get(name);
    if (waiting !== undefined) return waiting;
    const drawn = drawKeyPair(use, state.keys).then((made) => add(owner, use, made));
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
      await add(owner, use, await takeKeyPair(use, key, state.keys));
    },
    draw: async (owner) => signerOf(await pairOf(owner, 'sign')),
    keepOpen,
  };
}

function nameOf(owner: string, use: KeyUse): string {
  return `${use}/${owner}`;
}

async function readNames(sealed: SealedStore): Promise<readonly Named[]> {
  const kept = await sealed.find(KEYS);
  return kept === undefined ? [] : (JSON.parse(fromUtf8(kept)) as readonly Named[]);
}
