import {
  deriveHpkeKey,
  deriveSigningKey,
  openHpke,
  randomBytes,
  sealHpke,
  toBase64url,
  utf8,
  verifyEs256,
} from '@salus/crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyValueStore } from './key-value-store.ts';
import { addPasskey, createLock, findLock, masterByPasskey, masterByPin, PIN_PAUSE_MS, PIN_TRIES_MAX } from './lock.ts';
import { endOverdue, endUnattended } from './opening.ts';
import { lockWebDevice, openWebDevice, resumeWebDevice, type WebDevice } from './web-device.ts';

const PIN = '418 270';
const PID = 'p'.repeat(22);
const NOW_MS = Date.UTC(2026, 10, 21);
type Key = InstanceType<typeof CryptoKey>;
const MINUTE_MS = 60_000;
const MESSAGE = utf8('a call');

let kept: Map<string, unknown>;
let store: KeyValueStore;
beforeEach(() => {
  kept = new Map();
  store = {
    get: async (name) => structuredClone(kept.get(name)),
    put: async (name, value) => void kept.set(name, structuredClone(value)),
    remove: async (name) => void kept.delete(name),
    clear: async () => kept.clear(),
    exclusively: (work) => work(),
  };
});

async function newDevice(): Promise<WebDevice> {
  return openWebDevice(store, await createLock(store, PIN));
}

async function unlocked(): Promise<WebDevice> {
  return openWebDevice(store, await masterByPin(store, PIN, NOW_MS));
}

/** Every CryptoKey that lies anywhere in the store. */
function keysIn(value: unknown, found: Key[] = []): readonly Key[] {
  if (value instanceof CryptoKey) found.push(value);
  else if (value instanceof Map) for (const member of value.values()) keysIn(member, found);
  else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const member of Object.values(value)) keysIn(member, found);
  }
  return found;
}

function textOf(value: unknown): string {
  return JSON.stringify([...(value as Map<string, unknown>)], (_name, member: unknown) =>
    ArrayBuffer.isView(member)
      ? Buffer.from(member.buffer, member.byteOffset, member.byteLength).toString('latin1')
      : member,
  );
}

describe('the keys of a browser', () => {
  it('sign and open, are the same after locking and unlocking, and another pid has others', async () => {
    const device = await newDevice();
    const signer = await device.keys.signer(PID);
    const hpke = await device.keys.hpkeKey(PID);
    const again = await unlocked();
    expect((await again.keys.signer(PID)).publicKey).toBe(signer.publicKey);
    expect((await again.keys.signer('q'.repeat(22))).publicKey).not.toBe(signer.publicKey);
    expect(verifyEs256(signer.publicKey, MESSAGE, await (await again.keys.signer(PID)).sign(MESSAGE))).toBe(true);
    const envelope = await sealHpke({ publicKey: hpke.publicKey, info: ['x'], plaintext: MESSAGE });
    expect(await openHpke({ ...(await again.keys.hpkeKey(PID)), info: ['x'], envelope })).toEqual(MESSAGE);
  });

  it('are drawn once however often they are asked for at the same time', async () => {
    const device = await newDevice();
    const drawn = await Promise.all(Array.from({ length: 5 }, () => device.keys.signer(PID)));
    expect(new Set(drawn.map(({ publicKey }) => publicKey)).size).toBe(1);
  });

  it('cannot be exported, neither in use nor from the store, and lie nowhere while the device is locked', async () => {
    const device = await newDevice();
    await device.keys.signer(PID);
    const { privateKey } = await device.keys.hpkeKey(PID);
    await expect(crypto.subtle.exportKey('pkcs8', privateKey as Key)).rejects.toThrow(/extractable/);
    expect(keysIn(kept)).toEqual([]);
    await device.keepOpen({ nowMs: NOW_MS, untilMs: NOW_MS + 1 });
    const lying = keysIn(kept);
    expect(lying.length).toBeGreaterThanOrEqual(5);
    expect(lying.every(({ extractable }) => !extractable)).toBe(true);
    expect(lying.some(({ usages }) => usages.includes('unwrapKey'))).toBe(false);
    await lockWebDevice(store);
    expect(keysIn(kept)).toEqual([]);
    expect(await resumeWebDevice(store, NOW_MS)).toBeUndefined();
  });

  it('are taken over from a file, and are the file’s', async () => {
    const secret = randomBytes(32);
    const { publicKey, privateKey } = deriveSigningKey(secret, 'a');
    const scalar = await deriveHpkeKey(secret, 'b');
    const device = await newDevice();
    await device.take('staff', 'sign', { publicKey, privateScalar: scalarOf(privateKey) });
    await device.take(PID, 'open', { publicKey: scalar.publicKey, privateScalar: toBase64url(scalar.privateKey) });
    const again = await unlocked();
    expect(verifyEs256(publicKey, MESSAGE, await again.findSigner('staff')!.sign(MESSAGE))).toBe(true);
    expect(await again.keys.hpkeKey(PID)).toMatchObject({ publicKey: scalar.publicKey });
    expect(device.findSigner('nobody')).toBeUndefined();
    expect(textOf(kept)).not.toContain(scalarOf(privateKey));
    const wrong = { publicKey: 'B'.repeat(87), privateScalar: scalarOf(privateKey) };
    await expect(device.take('staff', 'sign', wrong)).rejects.toMatchObject({ code: 'bad-wallet' });
    await expect(device.take('staff', 'sign', { ...wrong, publicKey: 'x' })).rejects.toMatchObject({
      code: 'bad-wallet',
    });
  });

  it('stay at hand over reloads until their time is over', async () => {
    const device = await newDevice();
    await device.keepOpen({ nowMs: NOW_MS, untilMs: NOW_MS + 10 });
    const { publicKey } = await device.keys.signer(PID);
    const resumed = await resumeWebDevice(store, NOW_MS + 9);
    expect((await resumed!.keys.signer(PID)).publicKey).toBe(publicKey);
    expect(await resumeWebDevice(store, NOW_MS + 10)).toBeUndefined();
    expect(keysIn(kept)).toEqual([]);
  });

  it('are gone when their time is over, also for a clock that was set back, and without opening anything', async () => {
    const device = await newDevice();
    await device.keys.signer(PID);
    const until = { nowMs: NOW_MS, untilMs: NOW_MS + 15 * MINUTE_MS };
    await device.keepOpen(until);
    await endOverdue(store, NOW_MS + 14 * MINUTE_MS);
    expect(keysIn(kept)).not.toEqual([]);
    expect(await resumeWebDevice(store, NOW_MS - 2 * MINUTE_MS)).toBeUndefined();
    expect(keysIn(kept)).toEqual([]);
    await device.keepOpen(until);
    await endOverdue(store, until.untilMs);
    expect(keysIn(kept)).toEqual([]);
  });

  it('are gone with the last page where PIN or passkey bring them back, and only there', async () => {
    const time = { nowMs: NOW_MS, untilMs: NOW_MS + 10 };
    await (await newDevice()).keepOpen(time);
    await endUnattended(store);
    expect(keysIn(kept)).toEqual([]);
    kept.clear();
    await (await openWebDevice(store, randomBytes(32))).keepOpen(time);
    await endUnattended(store);
    expect(await resumeWebDevice(store, NOW_MS)).toBeDefined();
  });

  it('stay open by a touch in time, and are never opened again by one', async () => {
    const device = await newDevice();
    await device.keepOpen({ nowMs: NOW_MS, untilMs: NOW_MS + 10 });
    expect(await device.stayOpen(NOW_MS + 9, NOW_MS + 20)).toBe(true);
    expect(device.isOver(NOW_MS + 19)).toBe(false);
    expect(device.isOver(NOW_MS + 20)).toBe(true);
    expect(await device.stayOpen(NOW_MS + 20, NOW_MS + 40)).toBe(false);
    expect(keysIn(kept)).toEqual([]);
    await device.keepOpen({ nowMs: NOW_MS, untilMs: NOW_MS + 10 });
    // Another tab locks.
    await lockWebDevice(store);
    expect(await device.stayOpen(NOW_MS + 1, NOW_MS + 40)).toBe(false);
    expect(keysIn(kept)).toEqual([]);
  });

  it('of one tab are never lost by another, and for one purpose there is one key', async () => {
    await (await newDevice()).keepOpen({ nowMs: NOW_MS, untilMs: NOW_MS + 10 });
    const [one, two] = [(await resumeWebDevice(store, NOW_MS))!, (await resumeWebDevice(store, NOW_MS))!];
    const { publicKey } = await one.keys.signer(PID);
    const other = await two.keys.signer('q'.repeat(22));
    expect((await two.keys.signer(PID)).publicKey).toBe(publicKey);
    expect(await two.stayOpen(NOW_MS + 1, NOW_MS + 20)).toBe(true);
    expect(await one.stayOpen(NOW_MS + 2, NOW_MS + 20)).toBe(true);
    for (const later of [(await resumeWebDevice(store, NOW_MS + 3))!, await unlocked()]) {
      expect((await later.keys.signer(PID)).publicKey).toBe(publicKey);
      expect((await later.keys.signer('q'.repeat(22))).publicKey).toBe(other.publicKey);
    }
  });

  it('are refused when one was changed or exchanged', async () => {
    const device = await newDevice();
    await device.keys.signer(PID);
    await device.keys.signer('q'.repeat(22));
    const [mine, other] = [...kept.keys()].filter((name) => name.startsWith('wrapped/'));
    // What was wrapped for one public key unwraps for no other: nobody makes the device sign with a key of theirs.
    kept.set(mine!, kept.get(other!));
    await expect(unlocked()).rejects.toMatchObject({ code: 'bad-wallet' });
    kept.delete(mine!);
    await expect(unlocked()).rejects.toMatchObject({ code: 'bad-wallet' });
  });
});

describe('what a browser keeps', () => {
  it('is ciphertext under names that say nothing, and is read back', async () => {
    const device = await newDevice();
    await device.store.put('person', utf8(`pid ${PID}`));
    const { publicKey } = await device.keys.signer(PID);
    await device.keepOpen({ nowMs: NOW_MS, untilMs: NOW_MS + 10 });
    for (const secret of [PID, publicKey, 'person']) expect(textOf(kept)).not.toContain(secret);
    await lockWebDevice(store);
    for (const secret of [PID, publicKey, 'person']) expect(textOf(kept)).not.toContain(secret);
    const again = await unlocked();
    expect(await again.store.find('person')).toEqual(utf8(`pid ${PID}`));
    expect(await again.store.find('nothing')).toBeUndefined();
    await again.store.remove('person');
    expect(await again.store.find('person')).toBeUndefined();
  });

  it('is refused when it was changed or moved under another name', async () => {
    const device = await newDevice();
    await device.store.put('a', utf8('one'));
    const [placeA] = [...kept.keys()].filter((name) => name.startsWith('sealed/'));
    await device.store.put('b', utf8('two'));
    const placeB = [...kept.keys()].find((name) => name.startsWith('sealed/') && name !== placeA)!;
    kept.set(placeB, kept.get(placeA!));
    await expect(device.store.find('b')).rejects.toMatchObject({ code: 'bad-wallet' });
  });
});

describe('the lock of a browser', () => {
  it('opens with the PIN alone, and says nothing more than that another is wrong', async () => {
    const master = await createLock(store, PIN);
    expect(await masterByPin(store, PIN, NOW_MS)).toEqual(master);
    await expect(masterByPin(store, '000001', NOW_MS)).rejects.toMatchObject({ code: 'wrong-pin' });
    expect(textOf(kept)).not.toContain(PIN);
  });

  it.each(['12345', '', '000000', '😀'.repeat(3), 'x'.repeat(65)])('is not made of %j', async (pin) => {
    await expect(createLock(store, pin)).rejects.toMatchObject({ code: 'weak-pin' });
    expect(kept.size).toBe(0);
  });

  it('pauses after wrong PINs, counts again after the right one, and opens again when the pause is over', async () => {
    await createLock(store, PIN);
    const lock = kept.get('lock') as object;
    kept.set('lock', { ...lock, wrong: PIN_TRIES_MAX, lastWrongMs: NOW_MS });
    await expect(masterByPin(store, PIN, NOW_MS + PIN_PAUSE_MS - 1)).rejects.toMatchObject({ code: 'pin-paused' });
    await masterByPin(store, PIN, NOW_MS + PIN_PAUSE_MS);
    expect(kept.get('lock')).toMatchObject({ wrong: 0 });
    await masterByPin(store, '000001', NOW_MS).catch(() => undefined);
    expect(kept.get('lock')).toMatchObject({ wrong: 1, lastWrongMs: NOW_MS });
  });

  it('opens with a passkey that was added, and with no other', async () => {
    const master = await createLock(store, PIN);
    const [secret, salt, credentialId] = [randomBytes(32), randomBytes(32), randomBytes(16)];
    await expect(masterByPasskey(store, secret)).rejects.toMatchObject({ code: 'wrong-passkey' });
    expect(await findLock(store)).toEqual({ passkey: null });
    await addPasskey(store, master, { secret, salt, credentialId });
    expect(await findLock(store)).toEqual({ passkey: { credentialId, salt } });
    expect(await masterByPasskey(store, secret)).toEqual(master);
    expect(await masterByPin(store, PIN, NOW_MS)).toEqual(master);
    await expect(masterByPasskey(store, randomBytes(32))).rejects.toMatchObject({ code: 'wrong-passkey' });
  });

  it('is not there before it was made', async () => {
    expect(await findLock(store)).toBeUndefined();
    await expect(masterByPin(store, PIN, NOW_MS)).rejects.toMatchObject({ code: 'wallet-missing' });
  });
});

/** Of a PKCS #8 key of this package, whose ECPrivateKey has the scalar at a fixed place (RFC 5915). */
function scalarOf(pkcs8: Uint8Array): string {
  return Buffer.from(pkcs8.subarray(36, 68)).toString('base64url');
}
