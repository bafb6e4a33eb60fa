import {
  APPOINTING_ROLES,
  type Appointment,
  callKey,
  type DeviceFact,
  deviceKey,
  guardianCommitment,
  hasRole,
  NOT_AFTER_AHEAD_MAX_MS,
} from '@salus/contracts';
import { type CallPayload, callId, hashTuple, type Json } from '@salus/crypto';
import { documentNames, type Vault, type Who } from '@salus/records';
import type { GivenCall } from './consent.ts';

/** Beyond `notAfter`, for clocks that differ. */
const LATE_MS = 3_600_000;

export interface KeptAppointment {
  readonly appointed: Appointment;
  readonly salt: string;
}
interface Pending extends KeptAppointment {
  readonly notAfter: number;
}
type Place = Pick<Vault, 'documents' | 'ledger' | 'clock'>;

/**
 * Whether the contract could let this signer appoint: the patient, for the own pid and by a device that is no guardian's, or
 * who has the role at the desk. Nobody else's words are kept, in any number.
 */
export function mayAppoint(who: Who | null, { call }: Pick<GivenCall, 'call'>): boolean {
  if (who === null) return false;
  if (who.kind === 'member') return hasRole(who.roles, APPOINTING_ROLES);
  const { pid } = call.payload.args as { readonly pid?: unknown };
  return who.kind === 'patient' && who.guardian !== true && who.pid === pid;
}

/**
 * Keeps who is appointed before the call is submitted, shown to nobody: whatever breaks off between commit and keeping, the
 * words are here. Only words that the call commits to, so that nobody puts others in their place.
 *
 * @returns whether they were kept: what was not must not be forgotten either
 */
export async function beginAppointment(
  { documents, clock }: Place,
  { call, privateArgs }: GivenCall,
): Promise<boolean> {
  const { appointed, salt } = (privateArgs?.values ?? {}) as unknown as Partial<KeptAppointment>;
  const { commitment } = call.payload.args as { readonly commitment?: unknown };
  if (appointed === undefined || typeof salt !== 'string') return false;
  if (guardianCommitment({ hashTuple }, { appointed, salt }) !== commitment) return false;
  // The contract takes no call that may be sent for longer; a signer's own number would keep the words for ever.
  const notAfter = Math.min(call.payload.notAfter ?? 0, clock() + NOT_AFTER_AHEAD_MAX_MS);
  const pending: Pending = { appointed, salt, notAfter };
  const id = callId(call.payload as CallPayload);
  await documents.put('guardian-pending', id, pending as unknown as Json);
  return true;
}

/** After the commit: from now on the words are shown. */
export async function settleAppointment({ documents, ledger }: Place, id: string): Promise<void> {
  const pending = (await documents.find('guardian-pending', id)) as unknown as Pending | undefined;
  if (pending === undefined) return;
  const { appointed, salt } = pending;
  const { pid, kid } = appointed;
  const device = (await ledger.get(deviceKey(pid, kid))) as DeviceFact | undefined;
  const kept: KeptAppointment = { appointed, salt };
  if (device?.guardian?.commitment === guardianCommitment({ hashTuple }, kept)) {
    await documents.put('guardian', `${pid}/${kid}`, kept as unknown as Json);
  }
  await documents.delete('guardian-pending', id);
}

/** Of a call that was refused nothing stays; one that the ledger knows is not refused. */
export async function forgetAppointment({ documents, ledger }: Place, id: string): Promise<void> {
  if ((await ledger.get(callKey(id))) === undefined) await documents.delete('guardian-pending', id);
}

/** At the start: what a crash cut off is kept where its call was committed, and forgotten where it no longer can be. */
export async function reconcileAppointments(place: Place & Pick<Vault, 'store' | 'masterKey'>): Promise<void> {
  const { documents, ledger, clock } = place;
  for await (const name of documentNames(place, 'guardian-pending')) {
    if ((await ledger.get(callKey(name))) !== undefined) await settleAppointment(place, name);
    else {
      const pending = (await documents.find('guardian-pending', name)) as unknown as Pending | undefined;
      if (pending !== undefined && pending.notAfter + LATE_MS < clock())
        await documents.delete('guardian-pending', name);
    }
  }
}
