import {
  type Appointment,
  birthdayMs,
  GUARDIAN_MAX_MS,
  GUARDIAN_VERSION,
  type GuardianScope,
  guardianCommitment,
} from '@salus/contracts';
import { hashTuple, type Json, kidOf, randomBytes, toBase64url } from '@salus/crypto';
import { type Occasion, type PreparedCall, prepareCall } from './calls.ts';
import { type WardEntry, withWard } from './content.ts';
import { deviceSigner, ownDevice, type PatientWallet } from './patient-wallet.ts';
import type { StaffWallet } from './staff-wallet.ts';
import { WalletError } from './wallet-error.ts';

export const GUARDIAN_OFFER_VERSION = 'salus:guardian-offer:v1';

/** What somebody who is to be guardian shows: a key of their own device for the ward's pid, with its proof. */
export interface GuardianOffer {
  readonly version: typeof GUARDIAN_OFFER_VERSION;
  readonly network: string;
  readonly organisation: string;
  readonly pid: string;
  readonly device: { readonly [key: string]: Json };
}

/** What is said of a guardian: private but for scope and end. */
export interface GuardianChoice {
  readonly pid: string;
  readonly device: { readonly [key: string]: Json };
  readonly scope: readonly GuardianScope[];
  readonly untilMs: number;
  readonly guardian: Appointment['guardian'];
  readonly evidence: Appointment['evidence'];
  readonly ends: Appointment['ends'];
}

export type PreparedAppointment = PreparedCall & { readonly kid: string };

/** Draws this device's key for a ward and shows it; nothing counts until the ward, or the desk, appoints it. */
export async function guardianOffer(
  { content, keys }: PatientWallet,
  { organisation, pid }: { readonly organisation: string; readonly pid: string },
): Promise<GuardianOffer> {
  if (content.pids.some((entry) => entry.pid === pid)) {
    throw new WalletError('pid-known', 'This is a pid of your own: nobody is their own guardian.');
  }
  const device = await ownDevice(content.network, keys, pid);
  return { version: GUARDIAN_OFFER_VERSION, network: content.network, organisation, pid, device };
}

/** The wallet of somebody who was appointed: from now on it signs for the ward as for an own pid, within the scope. */
export async function keepWard(wallet: PatientWallet, ward: Omit<WardEntry, 'kid'>): Promise<PatientWallet> {
  const { publicKey } = await wallet.keys.signer(ward.pid);
  return { ...wallet, content: withWard(wallet.content, { ...ward, kid: kidOf(publicKey) }) };
}

/** The patient appoints a guardian for one of their own pids. */
export async function appointGuardian(
  wallet: PatientWallet,
  occasion: Occasion,
  choice: GuardianChoice,
): Promise<PreparedAppointment> {
  const { signer, key } = await deviceSigner(wallet, choice.pid);
  const { kid, content } = appointment(occasion, choice);
  return { ...(await prepareCall(occasion, { ...content, signer }, key)), kid };
}

/** The desk appoints a guardian for a pid that nobody has claimed, such as a child's, in person and with evidence. */
export async function staffAppointGuardian(
  wallet: StaffWallet,
  occasion: Occasion,
  choice: GuardianChoice,
): Promise<PreparedAppointment> {
  const { kid, content } = appointment(occasion, choice);
  return { ...(await prepareCall(occasion, { ...content, signer: `id:${wallet.id}` }, wallet.signer)), kid };
}

/** Ends a guardianship: any of an own pid, or the own one for a ward. */
export async function endGuardian(
  wallet: PatientWallet,
  occasion: Occasion,
  { pid, kid }: { readonly pid: string; readonly kid: string },
): Promise<PreparedCall> {
  const { signer, key } = await deviceSigner(wallet, pid);
  const content = { contract: 'patient', transaction: 'endGuardian', args: { pid, kid }, signer };
  return prepareCall(occasion, content, key);
}

/**
 * The end that may stand on the ledger: a year at most, and where a birthday ends it, the first of that birthday's month
 * (UTC) while that lies ahead, so that no birthday stands there.
 */
export function guardianUntil(nowMs: number, ends: Appointment['ends'], wantedMs: number): number {
  const latest = Math.min(wantedMs, nowMs + GUARDIAN_MAX_MS);
  if (ends.kind === 'date') return latest;
  const birthday = birthdayMs(ends.bornOn, ends.years);
  if (birthday > latest) return latest;
  const day = new Date(birthday);
  const month = Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1);
  return month > nowMs ? month : birthday;
}

function appointment({ network }: Occasion, choice: GuardianChoice) {
  const { pid, device, scope, untilMs, guardian, evidence, ends } = choice;
  const { publicKey } = device;
  if (typeof publicKey !== 'string') throw new WalletError('bad-wallet', 'The guardian’s offer holds no key.');
  const kid = kidOf(publicKey);
  const appointed: Appointment = { version: GUARDIAN_VERSION, network, pid, kid, guardian, evidence, ends };
  const priv = { appointed, salt: toBase64url(randomBytes(32)) };
  const commitment = guardianCommitment({ hashTuple }, priv);
  const args = { pid, device, scope, untilMs, commitment };
  const privateValues = priv as unknown as { readonly [key: string]: Json };
  return { kid, content: { contract: 'patient', transaction: 'appointGuardian', args, privateValues } };
}
