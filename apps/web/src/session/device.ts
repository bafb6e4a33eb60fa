import { randomBytes, type Signer } from '@salus/crypto';
import { parseDeviceCode, WalletError } from '@salus/wallet';
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
import type { Device, Surroundings } from './device-port.ts';
import { openIndexedStore } from './indexed-store.ts';
import { askPasskey, makePasskey } from './passkey.ts';
import { type HeldPatient, patientSession } from './patient-session.ts';
import { findPerson, keepPerson, type Person } from './person.ts';
import type { SignIn } from './session.ts';
import { type HeldStaff, openStaffSession, STAFF_KEY } from './staff-session.ts';
import { takeCode, takeStaff } from './take-over.ts';

/** A device that nobody touches locks itself. */
const IDLE_MS = 15 * 60_000;
/** Without a PIN, as in the demonstration and at work, it lasts for a working day. */
const DAY_MS = 12 * 3_600_000;
const MASTER_BYTES = 32;
/** Whose device it is, for the page that asks for the PIN. */
const WHO = 'who';

/** @param store the browser's own, where none is given */
export async function openDevice(surroundings: Surroundings, store?: KeyValueStore): Promise<Device> {
  return new BrowserDevice(surroundings, store ?? (await openIndexedStore()));
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
    try {
      const device = await resumeWebDevice(this.#store, this.#surroundings.nowMs());
      if (device !== undefined) return await this.#enter(device);
    } catch (error) {
      if (!(error instanceof WalletError)) throw error;
      // Damaged is not empty: PIN or passkey open what is whole, and say what is not.
      await lockWebDevice(this.#store);
    }
    this.#leave();
    await this.#publishClosed();
  }

  touch(): Promise<void> {
    return this.#attend(this.#surroundings.nowMs() + IDLE_MS);
  }

  lockWhenOver(): Promise<void> {
    return this.#attend();
  }

  async lock(): Promise<void> {
    // The nodes are told afterwards: no network keeps keys and pages open.
    await lockWebDevice(this.#store);
    this.#leave();
    // Without a lock nothing could ever open what is left.
    if ((await findLock(this.#store)) === undefined) await this.#store.clear();
    await this.#publishClosed();
    this.#surroundings.tellOthers();
  }

  signOut(): Promise<void> {
    return this.lock();
  }

  async forget(): Promise<void> {
    this.#leave();
    await this.#store.clear();
    this.#surroundings.publish({ kind: 'nobody' });
    this.#surroundings.tellOthers();
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
    await device.keepOpen(this.#fromNow(IDLE_MS));
    this.#device = device;
  }

  ownKeys(): WebDevice['keys'] {
    return this.#readDevice().keys;
  }

  async savePatient(...[content, unfinished]: Parameters<SignIn['savePatient']>): Promise<void> {
    await this.#demandOwn((person) => person.kind === 'patient');
    const begun = unfinished === undefined ? {} : { unfinished };
    await keepPerson(this.#readDevice(), { kind: 'patient', content, demonstration: false, ...begun });
  }

  enterPatient(): Promise<void> {
    return this.#enter(this.#readDevice());
  }

  async drawStaffKey(): Promise<Signer> {
    await this.#demandOwn((person) => person.kind === 'staff');
    await this.#store.put(WHO, 'staff');
    return this.#readDevice().draw(STAFF_KEY);
  }

  async adoptStaff(facts: Parameters<SignIn['adoptStaff']>[0], password: string): Promise<void> {
    const { organisation, id } = facts;
    await this.#demandOwn(
      (person) => person.kind === 'staff' && person.organisation === organisation && person.id === id,
    );
    await keepPerson(this.#readDevice(), { kind: 'staff', ...facts, password: null });
    await this.#enter(this.#readDevice(), password);
  }

  async signInWithCode(line: string): Promise<void> {
    const code = parseDeviceCode(line);
    await this.#demandFree();
    const device = await this.#deviceWithoutLock();
    try {
      await takeCode(device, code);
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
      await takeStaff(
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

  /** Keys of a device that only stays until somebody signs out: nothing opens it again afterwards. */
  async #deviceWithoutLock(): Promise<WebDevice> {
    await this.#store.clear();
    const device = await openWebDevice(this.#store, randomBytes(MASTER_BYTES));
    await device.keepOpen(this.#fromNow(DAY_MS));
    return device;
  }

  async #unlockWith(master: Uint8Array, password: string | undefined): Promise<void> {
    const device = await openWebDevice(this.#store, master);
    await device.keepOpen(this.#fromNow(IDLE_MS));
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
    const { api, nowMs } = this.#surroundings;
    if (person.kind === 'patient') {
      // A backup may end after its patient has left.
      const onChange = (): void => {
        if (this.#held === held) this.#show();
      };
      const held: HeldPatient = patientSession({ api, nowMs, onChange }, device, person);
      this.#held = held;
      this.#show();
      return;
    }
    const held = await openStaffSession({ api, nowMs, onOver: () => void this.lock() }, device, person, password);
    if (held === undefined) {
      await this.lock();
      return;
    }
    this.#held = held;
    this.#show();
  }

  #show(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#surroundings.publish(
      'patient' in held ? { kind: 'patient', patient: held.patient } : { kind: 'staff', staff: held.staff },
    );
  }

  /** Goes on, until then where it is said, only with a device that is still open; pages hide while that is not sure. */
  async #attend(untilMs?: number): Promise<void> {
    const { nowMs, publish } = this.#surroundings;
    const device = this.#device;
    if (device === undefined) return;
    // A computer that slept wakes up with the page as it was left.
    const isHidden = this.#held !== undefined && device.isOver(nowMs());
    if (isHidden) publish({ kind: 'starting' });
    const isLockable = (await findLock(this.#store)) !== undefined;
    const isOpen = await device.stayOpen(nowMs(), isLockable ? untilMs : undefined);
    if (this.#device !== device) return;
    if (!isOpen) await this.lock();
    else if (isHidden) this.#show();
  }

  #fromNow(ms: number): { readonly nowMs: number; readonly untilMs: number } {
    const nowMs = this.#surroundings.nowMs();
    return { nowMs, untilMs: nowMs + ms };
  }

  #readDevice(): WebDevice {
    if (this.#device === undefined) throw new WalletError('wallet-missing', 'There is no open wallet on this device.');
    return this.#device;
  }

  /** Nobody becomes somebody else on a device. @throws WalletError `wallet-exists` */
  async #demandOwn(isSame: (person: Person) => boolean): Promise<void> {
    const person = await findPerson(this.#readDevice());
    if (person !== undefined && !isSame(person)) {
      throw new WalletError('wallet-exists', 'This device is somebody else’s already.');
    }
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

  /** Sessions end at the nodes in their own time. */
  #leave(): void {
    const held = this.#held;
    this.#device = undefined;
    this.#held = undefined;
    void Promise.allSettled([held?.end()]);
  }

  async #publishClosed(): Promise<void> {
    const lock = await findLock(this.#store);
    const who = (await this.#store.get(WHO)) === 'staff' ? 'staff' : 'patient';
    this.#surroundings.publish(lock === undefined ? { kind: 'nobody' } : { kind: 'locked', who });
  }
}
