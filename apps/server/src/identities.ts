import {
  type DeviceFact,
  deviceKey,
  type GuardianScope,
  type IdentityFact,
  identityKey,
  loadMembers,
  type PatientFact,
  patientKey,
} from '@salus/contracts';
import { kidOf } from '@salus/crypto';
import type { Ledger } from '@salus/ledger';
import { ServerError } from './server-error.ts';

/**
 * The enrolled identity that may act now.
 *
 * @throws ServerError `not-permitted` where it is unknown, of another organisation, revoked, expired or its organisation
 *   was removed: contract state decides, the node keeps no list of its own.
 */
export async function readLiveIdentity(
  ledger: Ledger,
  { id, organisation, nowMs }: { readonly id: string; readonly organisation: string; readonly nowMs: number },
): Promise<IdentityFact> {
  const identity = await findLiveIdentity(ledger, { id, organisation, nowMs });
  if (identity === undefined)
    throw new ServerError('not-permitted', 'The person is not enrolled, or no longer: see the ledger.');
  return identity;
}

/** As `readLiveIdentity`, of a person or client; undefined where it may not act. */
export async function findLiveIdentity(
  ledger: Ledger,
  { id, organisation, nowMs }: { readonly id: string; readonly organisation: string; readonly nowMs: number },
): Promise<IdentityFact | undefined> {
  const identity = (await ledger.get(identityKey(id))) as IdentityFact | undefined;
  const members = await loadMembers((key) => ledger.get(key));
  const live =
    identity !== undefined &&
    identity.organisation === organisation &&
    identity.status === 'active' &&
    members.isActive(organisation) &&
    !members.isRevoked(organisation, id) &&
    identity.notBeforeMs <= nowMs &&
    nowMs <= identity.notAfterMs;
  return live ? identity : undefined;
}

/** A key with which a patient may log in: a device that is active, or the recovery key of a claimed pid. */
export interface PatientKey {
  readonly kind: 'patient' | 'recovery';
  readonly publicKey: string;
  /** Set where the key is a guardian's. */
  readonly guardian?: { readonly scope: readonly GuardianScope[]; readonly untilMs: number };
}

/** @returns undefined for anything that opens no session: unknown, unclaimed, closed, of another organisation, removed. */
export async function findPatientKey(
  ledger: Ledger,
  {
    organisation,
    pid,
    kid,
    nowMs,
  }: { readonly organisation: string; readonly pid: string; readonly kid: string; readonly nowMs: number },
): Promise<PatientKey | undefined> {
  const patient = (await ledger.get(patientKey(pid))) as PatientFact | undefined;
  if (patient?.organisation !== organisation || patient.status === 'closed') return undefined;
  const device = (await ledger.get(deviceKey(pid, kid))) as DeviceFact | undefined;
  if (device?.status === 'active' && device.guardian !== undefined) {
    const { scope, untilMs } = device.guardian;
    return nowMs < untilMs ? { kind: 'patient', publicKey: device.publicKey, guardian: { scope, untilMs } } : undefined;
  }
  if (patient.status !== 'claimed') return undefined;
  if (device?.status === 'active') return { kind: 'patient', publicKey: device.publicKey };
  const { recovery } = patient;
  return recovery !== undefined && kidOf(recovery) === kid ? { kind: 'recovery', publicKey: recovery } : undefined;
}
