import type { ApiClient } from '@salus/client';
import { randomBytes, type Signer, signerFromPkcs8, toBase64url } from '@salus/crypto';
import { type DeviceCode, derivedKeyPairs, parseDeviceCode, type WalletContent, WalletError } from '@salus/wallet';
import {
  addPasskey,
  createLock,
  findLock,
  type KeyValueStore,
  lockWebDevice,
  masterByPasskey,
  masterByPin,
  openWallet,
  openWebDevice,
  resumeWebDevice,
  type WebDevice,
} from '@salus/wallet/web';
import { openIndexedStore } from './indexed-store.ts';
import { askPasskey, makePasskey } from './passkey.ts';
import { type HeldPatient, patientSession } from './patient-session.ts';
import { findPerson, keepPerson, type StaffPerson } from './person.ts';
import type { SessionState, SignIn } from './session.ts';
import { type HeldStaff, openStaffSession, STAFF_KEY } from './staff-session.ts';

/** A device that nobody touches locks itself. */
const IDLE_MS = 15 * 60_000;
/** Without a PIN, as in the demonstration and at work, it lasts for a working day. */
const DAY_MS = 12 * 3_600_000;
const MASTER_BYTES = 32;
/** Whose device it is, for the page that asks for the PIN. */
const WHO = 'who';
/** Where a PKCS #8 key of P-256 has its scalar (RFC 5915; the layout that every writer of this system uses). */
const SCALAR = [36, 68] as const;

interface Surroundings {
  readonly api: ApiClient;
  nowMs(): number;
  /** Pages show this state from now on. */
  publish(state: SessionState): void;
}

/** This browser as somebody's device: who is here, how they come in, and how they leave. */
export interface Device extends SignIn {
  /** Goes on where the page was left. */
  start(): Promise<void>;
  /** Somebody is there: the device stays open. */
  touch(): Promise<void>;
  /** Locks the device where nobody was there for too long. */
  lockWhenOver(): Promise<void>;
  lock(): Promise<void>;
  signOut(): Promise<void>;
}

export async function openDevice(surroundings: Surroundings): Promise<Device> {
  return new BrowserDevice(surroundings, await openIndexedStore());
}

class BrowserDevice implements Device {
  readonly #surroundings: Surroundings;
  readonly #store: KeyValueStore;
  #device: WebDevice | undefined;
  #held: HeldPatient | HeldStaff | undefined;

  constructor(surroundings: Surroundings, store: KeyValueStore) {
    this.#surroundings = surroundings;
    this.#store = store;
  }

  async start(): Promise<void> {
    const device = await resumeWebDevice(this.#store, this.#surroundings.nowMs());
    if (device !== undefined) return this.#enter(device);
    this.#leave();
    await this.#publishClosed();
  }

  async touch(): Promise<void> {
    if (this.#device !== undefined && (await findLock(this.#store)) !== undefined) {
      await this.#device.keepOpen(this.#surroundings.nowMs() + IDLE_MS);
    }
  }

  async lockWhenOver(): Promise<void> {
    if (this.#device === undefined) return;
    if ((await resumeWebDevice(this.#store, this.#surroundings.nowMs())) === undefined) await this.lock();
  }

  async lock(): Promise<void> {
    await this.#held?.end();
    await lockWebDevice(this.#store);
    this.#leave();
    // Without a lock nothing could ever open what is left.
    if ((await findLock(this.#store)) === undefined) await this.#store.clear();
    await this.#publishClosed();
  }

  signOut(): Promise<void> {
    return this.lock();
  }

  async forget(): Promise<void> {
    await this.#held?.end();
    this.#leave();
    await this.#store.clear();
    this.#surroundings.publish({ kind: 'nobody' });
  }

  async findPasskey(): Promise<boolean> {
    return ((await findLock(this.#store))?.passkey ?? null) !== null;
  }

  async unlock(pin: string, password?: string): Promise<void> {
    await this.#unlockWith(await masterByPin(this.#store, pin, this.#surroundings.nowMs()), password);
  }

  async unlockWithPasskey(password?: string): Promise<void> {
    const passkey = (await findLock(this.#store))?.passkey ?? null;
    if (passkey === null) throw new WalletError('wrong-passkey', 'This device is not unlocked by a passkey.');
    await this.#unlockWith(await masterByPasskey(this.#store, await askPasskey(passkey)), password);
  }

  async addPasskey(pin: string): Promise<void> {
    const master = await masterByPin(this.#store, pin, this.#surroundings.nowMs());
    await addPasskey(this.#store, master, await makePasskey());
  }

  async newDevice(pin: string): Promise<void> {
    await this.#demandFree();
    const device = await openWebDevice(this.#store, await createLock(this.#store, pin));
    await device.keepOpen(this.#surroundings.nowMs() + IDLE_MS);
    this.#device = device;
  }

  ownKeys(): WebDevice['keys'] {
    return this.#readDevice().keys;
  }

  async savePatient(content: WalletContent): Promise<void> {
    await keepPerson(this.#readDevice(), { kind: 'patient', content, demonstration: false });
  }

  enterPatient(): Promise<void> {
    return this.#enter(this.#readDevice());
  }

  async drawStaffKey(): Promise<Signer> {
    await this.#store.put(WHO, 'staff');
    return this.#readDevice().draw(STAFF_KEY);
  }

  async adoptStaff(facts: Parameters<SignIn['adoptStaff']>[0], password: string): Promise<void> {
    await keepPerson(this.#readDevice(), { kind: 'staff', ...facts, password: null });
    await this.#enter(this.#readDevice(), password);
  }

  async signInWithCode(line: string): Promise<void> {
    const code = parseDeviceCode(line);
    await this.#demandFree();
    const device = await this.#deviceWithoutLock();
    try {
      await this.#takeCode(device, code);
      await this.#enter(device);
    } catch (error) {
      await this.forget();
      throw error;
    }
  }

  async signInWithFile({
    bytes,
    passphrase,
    account,
    password,
  }: Parameters<SignIn['signInWithFile']>[0]): Promise<void> {
    const stored = await openWallet(passphrase, bytes);
    if (stored.kind !== 'staff') throw new WalletError('bad-wallet', 'This is not the wallet of a member of staff.');
    await this.#demandFree();
    const device = await this.#deviceWithoutLock();
    try {
      const { network, organisation, id, roles, chain, privateKey } = stored;
      await this.#takeStaff(
        device,
        { kind: 'staff', network, organisation, id, roles, chain, account, password: null },
        privateKey,
      );
      await this.#enter(device, password);
    } catch (error) {
      await this.forget();
      throw error;
    }
  }

  async #takeCode(device: WebDevice, code: DeviceCode): Promise<void> {
    if (code.kind === 'staff') {
      const { privateKey, ...person } = code;
      await this.#takeStaff(device, person, privateKey);
      return;
    }
    for (const { pid } of code.content.pids) {
      const { signing, hpke } = await derivedKeyPairs(code.rootSecret, pid);
      await device.take(pid, 'sign', { publicKey: signing.publicKey, privateScalar: scalarOf(signing.privateKey) });
      await device.take(pid, 'open', { publicKey: hpke.publicKey, privateScalar: toBase64url(hpke.privateKey) });
    }
    await keepPerson(device, { kind: 'patient', content: code.content, demonstration: true });
  }

  async #takeStaff(device: WebDevice, person: StaffPerson, privateKey: Uint8Array): Promise<void> {
    const { publicKey } = signerFromPkcs8(privateKey);
    await device.take(STAFF_KEY, 'sign', { publicKey, privateScalar: scalarOf(privateKey) });
    await keepPerson(device, person);
  }

  /** Keys of a device that only stays until somebody signs out: nothing opens it again afterwards. */
  async #deviceWithoutLock(): Promise<WebDevice> {
    await this.#store.clear();
    const device = await openWebDevice(this.#store, randomBytes(MASTER_BYTES));
    await device.keepOpen(this.#surroundings.nowMs() + DAY_MS);
    return device;
  }

  async #unlockWith(master: Uint8Array, password: string | undefined): Promise<void> {
    const device = await openWebDevice(this.#store, master);
    await device.keepOpen(this.#surroundings.nowMs() + IDLE_MS);
    try {
      await this.#enter(device, password);
    } catch (error) {
      // The PIN was right and the password was not: nothing stays open.
      await lockWebDevice(this.#store);
      this.#leave();
      throw error;
    }
  }

  async #enter(device: WebDevice, password?: string): Promise<void> {
    this.#device = device;
    const person = await findPerson(device);
    if (person === undefined) {
      // The PIN was chosen, and then nothing was claimed: whoever comes back begins anew.
      this.#surroundings.publish({ kind: 'nobody' });
      return;
    }
    const { api, nowMs, publish } = this.#surroundings;
    if (person.kind === 'patient') {
      const held: HeldPatient = patientSession(
        {
          api,
          nowMs,
          // A backup may end after its patient has left.
          onChange: () => {
            if (this.#held === held) publish({ kind: 'patient', patient: held.patient });
          },
        },
        device,
        person,
      );
      this.#held = held;
      publish({ kind: 'patient', patient: held.patient });
      return;
    }
    const held = await openStaffSession({ api, nowMs, onOver: () => void this.lock() }, device, person, password);
    if (held === undefined) {
      await this.lock();
      return;
    }
    this.#held = held;
    publish({ kind: 'staff', staff: held.staff });
  }

  #readDevice(): WebDevice {
    if (this.#device === undefined) throw new WalletError('wallet-missing', 'There is no open wallet on this device.');
    return this.#device;
  }

  /** Nobody's keys are overwritten. @throws WalletError `wallet-exists` */
  async #demandFree(): Promise<void> {
    const device = this.#device ?? (await resumeWebDevice(this.#store, this.#surroundings.nowMs()));
    const isTaken =
      device === undefined
        ? (await findLock(this.#store)) !== undefined
        : (await findPerson(device)) !== undefined || device.findSigner(STAFF_KEY) !== undefined;
    if (isTaken) throw new WalletError('wallet-exists', 'Somebody’s keys are on this device already.');
    await this.#store.clear();
  }

  #leave(): void {
    this.#device = undefined;
    this.#held = undefined;
  }

  async #publishClosed(): Promise<void> {
    const lock = await findLock(this.#store);
    const who = (await this.#store.get(WHO)) === 'staff' ? 'staff' : 'patient';
    this.#surroundings.publish(lock === undefined ? { kind: 'nobody' } : { kind: 'locked', who });
  }
}

function scalarOf(pkcs8: Uint8Array): string {
  return toBase64url(pkcs8.slice(...SCALAR));
}
