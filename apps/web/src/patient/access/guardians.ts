import {
  type Committed,
  type GuardianAct,
  listGuardians as listGuardiansAt,
  readState,
  submitCall,
} from '@salus/client';
import { type Appointment, type DeviceFact, deviceKey, type GuardianScope } from '@salus/contracts';
import {
  appointGuardian,
  endGuardian,
  type GuardianOffer,
  guardianOffer,
  guardianUntil,
  keepWard,
  type WardEntry,
  withoutWard,
} from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';
import type { Place } from './acting.ts';

export const SCOPES = ['read', 'consent', 'dispute', 'share'] as const satisfies readonly GuardianScope[];

/** Somebody who may act for the patient at one place. */
interface Guardian {
  readonly kid: string;
  readonly scope: readonly GuardianScope[];
  readonly untilMs: number;
  readonly by: 'patient' | 'organisation';
  readonly state: 'active' | 'ended' | 'removed';
  /** What was said at the appointment; null where the node does not know it. */
  readonly appointed: Pick<Appointment, 'guardian' | 'evidence' | 'ends'> | null;
}

export interface GuardiansAt {
  readonly entry: Place;
  readonly guardians: readonly Guardian[];
  readonly acts: readonly GuardianAct[];
}

/** Who may act for the patient, and what they did, place by place. */
export async function listGuardians(patient: PatientSession): Promise<readonly GuardiansAt[]> {
  return Promise.all(
    patient.pids.map(async (entry) => {
      const { guardians, acts } = await listGuardiansAt<Guardian>(await patient.at(entry.pid));
      return { entry, guardians, acts };
    }),
  );
}

export interface AppointmentWords {
  readonly name: string;
  readonly relation: string;
  readonly scope: readonly GuardianScope[];
  readonly evidence: { readonly kind: Appointment['evidence']['kind']; readonly text: string };
  readonly ends: Appointment['ends'];
  readonly untilMs: number;
}

/** Signs an appointment for each place that the guardian offered a key for. @returns the end that stands on the ledger */
export async function appoint(
  patient: PatientSession,
  offers: readonly GuardianOffer[],
  { name, relation, scope, evidence, ends, untilMs: wantedMs }: AppointmentWords,
): Promise<number> {
  const untilMs = guardianUntil(patient.occasion().nowMs, ends, wantedMs);
  for (const { pid, organisation, device } of offers) {
    const { call, privateArgs } = await appointGuardian(patient.wallet, patient.occasion(), {
      pid,
      device,
      scope,
      untilMs,
      guardian: { name, relation },
      evidence: { ...evidence, digest: null },
      ends,
    });
    const { api } = await patient.at(pid);
    const path = `/api/v1/orgs/${organisation}/guardians`;
    await api.send<Committed>({ method: 'POST', path, body: { call, privateArgs }, repeatable: true });
  }
  return untilMs;
}

/** Ends a guardianship at once: of somebody for the patient, or the patient's own for a ward. */
export async function end(patient: PatientSession, pid: string, kid: string): Promise<void> {
  const { api, organisation } = await patient.at(pid);
  await submitCall(api, organisation, await endGuardian(patient.wallet, patient.occasion(), { pid, kid }));
}

/** Keys of this device for somebody else's pids; nothing counts until that person appoints them. */
export async function offerKeys(patient: PatientSession, places: readonly Place[]): Promise<readonly GuardianOffer[]> {
  return Promise.all(places.map((place) => guardianOffer(patient.wallet, place)));
}

/**
 * After the appointment: tries the key at each place and keeps those that were appointed, with the scope and end that the
 * ledger holds.
 *
 * @throws whatever the last place refused with, where none was appointed
 */
export async function acceptWard(patient: PatientSession, places: readonly Place[], name: string): Promise<number> {
  let kept = 0;
  let refused: unknown;
  for (const place of places) {
    await keep(patient, { ...place, scope: ['read'], untilMs: 0, name });
    try {
      const { scope, untilMs } = await readAppointment(patient, place);
      await keep(patient, { ...place, scope, untilMs, name });
      kept += 1;
    } catch (error) {
      refused = error;
      await forgetWard(patient, place.pid);
    }
  }
  if (kept === 0) throw refused;
  return kept;
}

async function keep(patient: PatientSession, ward: Omit<WardEntry, 'kid'>): Promise<void> {
  const { keys } = patient.wallet;
  await patient.change(async (kept) => {
    const { content } = await keepWard({ content: kept.content, keys }, ward);
    return { ...kept, content };
  });
}

async function readAppointment(patient: PatientSession, { pid }: Place) {
  const session = await patient.at(pid);
  const ward = patient.wallet.content.wards?.find((known) => known.pid === pid);
  const fact = await readState<DeviceFact>(session, deviceKey(pid, ward?.kid ?? ''));
  if (fact?.guardian === undefined) throw new Error('the ledger holds no appointment of this key');
  return fact.guardian;
}

/** Stops acting for somebody: ends the guardianship where it still runs, and forgets the key's place. */
export async function leaveWard(patient: PatientSession, { pid, kid, untilMs }: WardEntry): Promise<void> {
  if (untilMs > patient.occasion().nowMs) await end(patient, pid, kid);
  await forgetWard(patient, pid);
}

async function forgetWard(patient: PatientSession, pid: string): Promise<void> {
  await patient.change((kept) => ({ ...kept, content: withoutWard(kept.content, pid) }));
}
