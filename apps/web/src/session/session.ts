import type { ApiClient, NodeSession, StaffAtWork, StaffNodeSession } from '@salus/client';
import type { Signer } from '@salus/crypto';
import type { DeviceKeys, Occasion, PatientWallet, PidEntry, StaffWallet, WalletContent } from '@salus/wallet';
import type { SealedStore } from '@salus/wallet/web';
import { createContext, useContext } from 'react';
import type { HeldLedger } from './held-checkpoint.ts';
import type { Unfinished } from './unfinished.ts';

/** What a device keeps of a patient. */
export interface KeptWallet {
  readonly content: WalletContent;
  readonly unfinished: Unfinished;
}

export type WalletUpdate = (kept: KeptWallet) => KeptWallet | Promise<KeptWallet>;

/** A patient whose wallet is open on this device. */
export interface PatientSession {
  readonly network: string;
  /** Always the newest one: read it at the moment of signing. */
  readonly wallet: PatientWallet;
  readonly pids: readonly PidEntry[];
  readonly demonstration: boolean;
  /** What this device keeps for the patient: ciphertext that only PIN or passkey open. */
  readonly store: SealedStore;
  /** Whether every node has the newest backup of the wallet. */
  readonly isBackedUp: boolean;
  /** Logged in where the pid is; kept, and renewed when it is over. */
  at(pid: string): Promise<NodeSession>;
  occasion(): Occasion;
  /** What was begun and must not be forgotten. */
  readonly unfinished: Unfinished;
  /**
   * Changes what this device keeps, sealed: `change` is given the newest that any tab has kept, alone, and must not wait for
   * the network. Before a call goes out it keeps what the call needs afterwards.
   *
   * @throws WalletError `wallet-missing` where the wallet was removed from this browser meanwhile
   */
  seal(change: WalletUpdate): Promise<void>;
  /** Seals, and leaves the backup with the nodes: after a committed call. */
  change(change: WalletUpdate): Promise<void>;
  /** Sends calls again of whose end nothing is known: the same call, which the ledger takes once. */
  resume(): Promise<void>;
  /** Leaves the backup again, where it did not work; `isBackedUp` tells. */
  backUp(): Promise<void>;
}

/** Somebody who works at one organisation, with the key that signs for them. */
export interface StaffSession {
  readonly organisation: string;
  readonly id: string;
  readonly roles: readonly string[];
  readonly account: string;
  readonly wallet: StaffWallet;
  readonly session: StaffNodeSession;
  readonly store: SealedStore;
  atWork(): StaffAtWork;
  /** Compares the newest checkpoint with the one that this device keeps, and keeps how far it was followed. Codes as `followLedger`. */
  follow(): Promise<HeldLedger>;
  /** Lets the node write in the person's name; once for each session. */
  delegate(): Promise<void>;
}

/** Who is signed in in this tab. */
export type SessionState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'nobody' }
  /** There is a wallet on this device, and it waits for PIN or passkey. */
  | { readonly kind: 'locked'; readonly who: 'patient' | 'staff' }
  | { readonly kind: 'patient'; readonly patient: PatientSession }
  | { readonly kind: 'staff'; readonly staff: StaffSession };

export interface Session {
  readonly state: SessionState;
  readonly api: ApiClient;
  readonly nowMs: () => number;
  readonly lock: () => void;
  readonly signOut: () => Promise<void>;
}

/** How somebody comes in at this browser. Every way ends with a new state of the session. */
export interface SignIn {
  /** One line of the demonstration. @throws WalletError `bad-wallet`, `wallet-exists` */
  signInWithCode(line: string): Promise<void>;
  /** Staff, with the wallet that was made at the founding or on the command line. */
  signInWithFile(given: {
    readonly bytes: Uint8Array;
    readonly passphrase: string;
    readonly account: string;
    readonly password: string;
  }): Promise<void>;
  /** @throws WalletError `wrong-pin`, `pin-paused` */
  unlock(pin: string, password?: string): Promise<void>;
  findPasskey(): Promise<boolean>;
  unlockWithPasskey(password?: string): Promise<void>;
  addPasskey(pin: string): Promise<void>;
  /** Makes this browser somebody's device, under a PIN. @throws WalletError `weak-pin`, `wallet-exists` */
  newDevice(pin: string): Promise<void>;
  /** The keys of the device that `newDevice` made or `unlock` opened. */
  ownKeys(): DeviceKeys;
  savePatient(content: WalletContent, unfinished?: Unfinished): Promise<void>;
  /** Shows whoever was saved as signed in. */
  enterPatient(): Promise<void>;
  /** The key of somebody who is being enrolled: drawn once, the same after the next unlocking. */
  drawStaffKey(): Promise<Signer>;
  adoptStaff(
    facts: {
      readonly network: string;
      readonly organisation: string;
      readonly id: string;
      readonly roles: readonly string[];
      readonly chain: readonly string[];
      readonly account: string;
    },
    password: string,
  ): Promise<void>;
  /** Removes everything from this browser: who comes back needs the recovery code, or another device. */
  forget(): Promise<void>;
}

export const SignInContext = createContext<SignIn | null>(null);

export function useSignIn(): SignIn {
  const signIn = useContext(SignInContext);
  if (signIn === null) throw new Error('a page stands outside of the session');
  return signIn;
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error('a page stands outside of the session');
  return session;
}

/** Below a guard that lets only patients in. */
export function usePatient(): PatientSession {
  const { state } = useSession();
  if (state.kind !== 'patient') throw new Error('a page of patients stands outside of its guard');
  return state.patient;
}

/** Below a guard that lets only staff in. */
export function useStaff(): StaffSession {
  const { state } = useSession();
  if (state.kind !== 'staff') throw new Error('a page of staff stands outside of its guard');
  return state.staff;
}
