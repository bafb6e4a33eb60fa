import type { ApiClient } from '@salus/client';
import { derivedKeyPairs, formatDeviceCode, type WalletContent } from '@salus/wallet';
import type { KeyValueStore } from '@salus/wallet/web';
import { beforeEach, describe, expect, it } from 'vitest';
import { openDevice } from './device.ts';
import type { Device } from './device-port.ts';
import type { SessionState } from './session.ts';

const PIN = '418 270';
const MINUTE_MS = 60_000;
const content: WalletContent = {
  version: 'salus:wallet:v1',
  network: 'n'.repeat(22),
  pids: [],
  grants: [],
  recoveryKeys: [],
  recoveryNext: 0,
  backupKey: 'b'.repeat(43),
  checkpoint: null,
};
const facts = {
  ...{ network: content.network, organisation: 'hospital-a', id: 's'.repeat(22) },
  ...{ roles: [], chain: [], account: 'n.novak' },
};

let kept: Map<string, unknown>;
let store: KeyValueStore;
let nowMs: number;
beforeEach(() => {
  kept = new Map();
  nowMs = Date.UTC(2026, 10, 21);
  store = {
    get: async (name) => structuredClone(kept.get(name)),
    put: async (name, value) => void kept.set(name, structuredClone(value)),
    remove: async (name) => void kept.delete(name),
    clear: async () => kept.clear(),
    exclusively: (work) => work(),
  };
});

interface Tab {
  readonly device: Device;
  readonly shown: SessionState[];
  readonly told: () => number;
}

const never = (): Promise<never> => new Promise(() => undefined);

/** A page of a browser whose node answers nothing, ever. */
async function openTab(): Promise<Tab> {
  const shown: SessionState[] = [];
  let told = 0;
  const api: ApiClient = { node: 'http://node', at: () => api, send: never, sendText: never };
  const device = await openDevice(
    { api, nowMs: () => nowMs, publish: (state) => shown.push(state), tellOthers: () => (told += 1) },
    store,
  );
  return { device, shown, told: () => told };
}

async function patientTab(): Promise<Tab> {
  const tab = await openTab();
  await tab.device.newDevice(PIN);
  await tab.device.savePatient(content);
  await tab.device.enterPatient();
  return tab;
}

const kindsOf = ({ shown }: Tab) => shown.map(({ kind }) => kind);

describe('a device that nobody touches', () => {
  it('stays open by a touch in time, over a reload too', async () => {
    const tab = await patientTab();
    nowMs += 14 * MINUTE_MS;
    await tab.device.touch();
    nowMs += 14 * MINUTE_MS;
    const again = await openTab();
    await again.device.start();
    expect(kindsOf(again)).toEqual(['patient']);
  });

  it('is locked by the first click after it slept, hidden before anything is looked up, and is not opened by it', async () => {
    const tab = await patientTab();
    nowMs += 8 * 60 * MINUTE_MS;
    const clicked = tab.device.touch();
    expect(kindsOf(tab)).toEqual(['patient', 'starting']);
    await clicked;
    expect(kindsOf(tab)).toEqual(['patient', 'starting', 'locked']);
    expect(kept.has('open')).toBe(false);
  });

  it('is shown again where another tab was used meanwhile', async () => {
    const tab = await patientTab();
    const other = await openTab();
    await other.device.start();
    nowMs += 14 * MINUTE_MS;
    await other.device.touch();
    nowMs += 2 * MINUTE_MS;
    await tab.device.lockWhenOver();
    expect(kindsOf(tab)).toEqual(['patient', 'starting', 'patient']);
  });

  it('is locked and not opened again by a tab that was not told', async () => {
    const tab = await patientTab();
    const other = await openTab();
    await other.device.start();
    await other.device.lock();
    await tab.device.touch();
    expect(kindsOf(tab)).toEqual(['patient', 'locked']);
    expect(kept.has('open')).toBe(false);
  });
});

describe('locking and forgetting', () => {
  it('wait for no node, and tell the other tabs', async () => {
    const tab = await patientTab();
    // A log-in that never ends is under way.
    const held = tab.shown.at(-1);
    if (held?.kind !== 'patient') throw new Error('nobody is signed in');
    void held.patient.at('p'.repeat(22)).catch(() => undefined);
    await tab.device.lock();
    expect([kindsOf(tab).at(-1), kept.has('open'), tab.told()]).toEqual(['locked', false, 1]);
    await tab.device.unlock(PIN);
    await tab.device.forget();
    expect([kindsOf(tab).at(-1), kept.size, tab.told()]).toEqual(['nobody', 0, 2]);
  });

  it('ask for the PIN, and do not show a page for strangers, where what lies open is damaged', async () => {
    await patientTab();
    const [sealed] = [...kept.keys()].filter((name) => name.startsWith('sealed/'));
    kept.set(sealed!, { iv: new Uint8Array(12), ciphertext: new Uint8Array(32) });
    const again = await openTab();
    await again.device.start();
    expect(again.shown).toEqual([{ kind: 'locked', who: 'patient' }]);
  });
});

describe('whose a device is', () => {
  it('stays a patient’s when somebody enrols as staff with the same PIN', async () => {
    const { device, shown } = await patientTab();
    await expect(device.newDevice(PIN)).rejects.toMatchObject({ code: 'wallet-exists' });
    await device.unlock(PIN);
    await expect(device.drawStaffKey()).rejects.toMatchObject({ code: 'wallet-exists' });
    await expect(device.adoptStaff(facts, 'a password')).rejects.toMatchObject({ code: 'wallet-exists' });
    await device.lock();
    expect(shown.at(-1)).toEqual({ kind: 'locked', who: 'patient' });
    await device.unlock(PIN);
    expect(shown.at(-1)?.kind).toBe('patient');
  });

  it('is that of one enrolment, and never a patient’s afterwards', async () => {
    const { device } = await openTab();
    await device.newDevice(PIN);
    const { publicKey } = await device.drawStaffKey();
    expect((await device.drawStaffKey()).publicKey).toBe(publicKey);
    const sealed = () => [...kept.keys()].filter((name) => name.startsWith('sealed/')).length;
    const keysAlone = sealed();
    // The node never answers the log-in that follows.
    void device.adoptStaff(facts, 'a password');
    await expect.poll(sealed).toBeGreaterThan(keysAlone);
    const refused = { code: 'wallet-exists' };
    await expect(device.savePatient(content)).rejects.toMatchObject(refused);
    await expect(device.adoptStaff({ ...facts, id: 't'.repeat(22) }, 'a password')).rejects.toMatchObject(refused);
  });
});

describe('a line of the demonstration', () => {
  it('brings the keys with which its patient acts for others, beside those of the own pids', async () => {
    const rootSecret = new Uint8Array(32).fill(7);
    const ward = { organisation: 'hospital-a', pid: 'w'.repeat(22), kid: 'k'.repeat(22), untilMs: 1, name: 'My child' };
    const wards = [{ ...ward, scope: ['read'] as const }];
    const { network } = content;
    const line = formatDeviceCode({ kind: 'patient', network, rootSecret, content: { ...content, wards } });
    const tab = await openTab();
    await tab.device.signInWithCode(line);
    const held = tab.shown.at(-1);
    if (held?.kind !== 'patient') throw new Error('nobody is signed in');
    const { signing } = await derivedKeyPairs(rootSecret, ward.pid);
    expect((await held.patient.wallet.keys.signer(ward.pid)).publicKey).toBe(signing.publicKey);
  });
});
