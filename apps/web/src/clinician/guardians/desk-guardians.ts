import { type Committed, isCallRefused, readState, submitCall } from '@salus/client';
import {
  APPOINTING_ROLES,
  type Appointment,
  type GuardianScope,
  hasRole,
  type PatientFact,
  patientKey,
} from '@salus/contracts';
import { type GuardianOffer, guardianUntil, type PreparedCall, staffAppointGuardian, staffCall } from '@salus/wallet';
import type { StaffSession } from '../../session/index.ts';

/** Somebody who acts, or acted, for a patient; what was shown at the desk is there for registrars alone. */
export interface DeskGuardian {
  readonly kid: string;
  readonly scope: readonly GuardianScope[];
  readonly untilMs: number;
  readonly addedMs: number;
  readonly by: 'patient' | 'organisation';
  readonly state: 'active' | 'ended' | 'removed';
  readonly appointed: Pick<Appointment, 'guardian' | 'evidence' | 'ends'> | null;
}

export interface Guarded {
  readonly pid: string;
  /** Once claimed, the patient alone appoints and ends. */
  readonly isClaimed: boolean;
  readonly guardians: readonly DeskGuardian[];
}

/** What the desk says of a guardian; the end may come earlier, by a birthday or after a year. */
export interface DeskAppointment extends Pick<Appointment, 'guardian' | 'evidence' | 'ends'> {
  readonly scope: readonly GuardianScope[];
  readonly wantedMs: number;
}

/** Whether this person may appoint; the contract asks the same. */
export function mayAppoint({ roles }: Pick<StaffSession, 'roles'>): boolean {
  return hasRole(roles, APPOINTING_ROLES);
}

/** Who acts for a patient of the own organisation. Each look stands in the patient's log. */
export async function readGuarded({ session }: Pick<StaffSession, 'session'>, fhirId: string): Promise<Guarded> {
  const { api, organisation, token } = session;
  const path = `/api/v1/orgs/${organisation}/guardians`;
  const query = { patient: fhirId };
  const listed = await api.send<Omit<Guarded, 'isClaimed'>>({ method: 'GET', path, query, token });
  const fact = await readState<PatientFact>(session, patientKey(listed.pid));
  return { ...listed, isClaimed: fact?.status !== 'unclaimed' };
}

/**
 * Signs an appointment with the registrar's own key; the contract decides. What nobody has answered is sent again as it was
 * signed, and so is committed once, while the desk's words are the same: `words` is what they were taken from.
 *
 * @returns what appoints, and gives the end that stands on the ledger
 */
export function appointingAtDesk(
  staff: Pick<StaffSession, 'atWork'>,
): (words: object, offer: Pick<GuardianOffer, 'pid' | 'device'>, said: DeskAppointment) => Promise<number> {
  let unanswered: { readonly words: object; readonly signed: SignedAppointment } | undefined;
  return async (words, offer, said) => {
    const signed = unanswered?.words === words ? unanswered.signed : await signAppointment(staff, offer, said);
    unanswered = { words, signed };
    const { session } = staff.atWork();
    const path = `/api/v1/orgs/${session.organisation}/guardians`;
    try {
      await session.api.send<Committed>({ method: 'POST', path, body: signed.body, repeatable: true });
    } catch (error) {
      if (isCallRefused(error)) unanswered = undefined;
      throw error;
    }
    unanswered = undefined;
    return signed.untilMs;
  };
}

interface SignedAppointment {
  readonly untilMs: number;
  readonly body: Pick<PreparedCall, 'call' | 'privateArgs'>;
}

async function signAppointment(
  staff: Pick<StaffSession, 'atWork'>,
  { pid, device }: Pick<GuardianOffer, 'pid' | 'device'>,
  { scope, guardian, evidence, ends, wantedMs }: DeskAppointment,
): Promise<SignedAppointment> {
  const { wallet, occasion } = staff.atWork();
  const untilMs = guardianUntil(occasion.nowMs, ends, wantedMs);
  const choice = { pid, device, scope, untilMs, guardian, evidence, ends };
  const { call, privateArgs } = await staffAppointGuardian(wallet, occasion, choice);
  return { untilMs, body: { call, privateArgs } };
}

/** Ends at once what the organisation appointed, while nobody has claimed the pid. */
export async function endAtDesk(staff: Pick<StaffSession, 'atWork'>, pid: string, kid: string): Promise<void> {
  const { session, wallet, occasion } = staff.atWork();
  const content = { contract: 'patient', transaction: 'endGuardian', args: { pid, kid } };
  await submitCall(session.api, session.organisation, await staffCall(wallet, occasion, content));
}
