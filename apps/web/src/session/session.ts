import type { ApiClient, NodeSession, StaffAtWork } from '@salus/client';
import type { Occasion, PatientWallet, PidEntry, StaffWallet } from '@salus/wallet';
import { createContext, useContext } from 'react';

/** A patient whose wallet is open on this device. */
export interface PatientSession {
  readonly network: string;
  /** Always the newest one: read it at the moment of signing. */
  readonly wallet: PatientWallet;
  readonly pids: readonly PidEntry[];
  readonly demonstration: boolean;
  /** Logged in where the pid is; kept, and renewed when it is over. */
  at(pid: string): Promise<NodeSession>;
  occasion(): Occasion;
  /** After a committed call: seals the content on this device. */
  keep(wallet: PatientWallet): Promise<void>;
}

/** Somebody who works at one organisation, with the key that signs for them. */
export interface StaffSession {
  readonly organisation: string;
  readonly id: string;
  readonly roles: readonly string[];
  readonly account: string;
  readonly wallet: StaffWallet;
  readonly session: NodeSession & { readonly nodeId: string };
  atWork(): StaffAtWork;
  /** Lets the node write in the person's name; once for each session. */
  delegate(): Promise<void>;
}

/** Who is signed in in this tab. */
export type SessionState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'nobody' }
  /** There is a wallet on this device, and it waits for PIN or passkey. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'patient'; readonly patient: PatientSession }
  | { readonly kind: 'staff'; readonly staff: StaffSession };

export interface Session {
  readonly state: SessionState;
  readonly api: ApiClient;
  readonly nowMs: () => number;
  readonly lock: () => void;
  readonly signOut: () => Promise<void>;
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
