import { type Appointment, callKey, type DeviceFact, deviceKey, guardianCommitment } from '@salus/contracts';
import { type CallPayload, callId, hashTuple, type Json } from '@salus/crypto';
import type { Vault } from '@salus/records';
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
 * Keeps who is appointed before the call is submitted, shown to nobody: whatever breaks off between commit and keeping, the
 * words are here. Only words that the call commits to, so that nobody puts others in their place.
 *
 * @returns whether they were kept: what was not must not be forgotten either
 */
export async function beginAppointment({ documents }: Place, { call, privateArgs }: GivenCall): Promise<boolean> {
  const { appointed, salt } = (privateArgs?.values ?? {}) as unknown as Partial<KeptAppointment>;
  const { commitment } = call.payload.args as { readonly commitment?: unknown };
  if (appointed === undefined || typeof salt !== 'string') return false;
  if (guardianCommitment({ hashTuple }, { appointed, salt }) !== commitment) return false;
  const pending: Pending = { appointed, salt, notAfter: call.payload.notAfter ?? 0 };
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
export async function reconcileAppointments(place: Place): Promise<void> {
  const { documents, ledger, clock } = place;
  for (const { name, value } of await documents.list('guardian-pending')) {
    const { notAfter } = value as unknown as Pending;
    if ((await ledger.get(callKey(name))) !== undefined) await settleAppointment(place, name);
    else if (notAfter + LATE_MS < clock()) await documents.delete('guardian-pending', name);
  }
}
