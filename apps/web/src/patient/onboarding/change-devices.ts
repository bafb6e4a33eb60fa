import {
  type DeviceJoin,
  type DeviceOffer,
  leaveJoin,
  listDevices,
  type NodeSession,
  readState,
  sealJoin,
  submitCall,
} from '@salus/client';
import { type PatientFact, patientKey } from '@salus/contracts';
import { kidOf } from '@salus/crypto';
import { addDevice, type PatientWallet, pidEntry, removeDevice, withPid } from '@salus/wallet';
import type { PatientSession } from '../../session/index.ts';

/**
 * Lets a new device act for each of its pids that this wallet has, then leaves it the wallet's content. What an earlier try
 * that broke off has added already is not added again.
 */
export async function addOffered(patient: PatientSession, offer: DeviceOffer): Promise<void> {
  for (const { pid, device } of offer.devices) {
    const session = await patient.at(pid);
    if (await isActive(session, pid, kidOf(device.publicKey))) continue;
    const wallet = await withNewestSequence(session, patient.wallet, pid);
    const prepared = await addDevice(wallet, patient.occasion(), { pid, device });
    await submitCall(session.api, session.organisation, prepared);
    await keepSequence(patient, prepared.wallet, pid);
  }
  const [first] = offer.devices;
  if (first === undefined) return;
  const { keys } = patient.wallet;
  let join: DeviceJoin | undefined;
  await patient.change(async (kept) => {
    const sealed = await sealJoin({ content: kept.content, keys }, offer);
    join = sealed.join;
    return { ...kept, content: sealed.kept };
  });
  if (join !== undefined) await leaveJoin(await patient.at(first.pid), kidOf(first.device.publicKey), join);
}

/** The number of a key change that was made; a later one, of another tab, stays. */
async function keepSequence(patient: PatientSession, changed: PatientWallet, pid: string): Promise<void> {
  const { sequence } = pidEntry(changed.content, pid);
  await patient.change((kept) => {
    const entry = pidEntry(kept.content, pid);
    const newest = { ...entry, sequence: Math.max(entry.sequence, sequence) };
    return { ...kept, content: withPid(kept.content, newest) };
  });
}

async function isActive(session: NodeSession, pid: string, kid: string): Promise<boolean> {
  const devices = await listDevices(session, pid);
  return devices.some((device) => device.kid === kid && device.status === 'active');
}

export async function removeListed(
  patient: PatientSession,
  { pid, kid }: { readonly pid: string; readonly kid: string },
): Promise<void> {
  const session = await patient.at(pid);
  const wallet = await withNewestSequence(session, patient.wallet, pid);
  const prepared = await removeDevice(wallet, patient.occasion(), { pid, kid });
  await submitCall(session.api, session.organisation, prepared);
  await keepSequence(patient, prepared.wallet, pid);
}

/** Another device may have made the last key change: the next number follows the ledger's, not only the own one. */
async function withNewestSequence(session: NodeSession, wallet: PatientWallet, pid: string): Promise<PatientWallet> {
  const entry = pidEntry(wallet.content, pid);
  const fact = await readState<PatientFact>(session, patientKey(pid));
  const sequence = Math.max(entry.sequence, fact?.sequence ?? 0);
  return { ...wallet, content: withPid(wallet.content, { ...entry, sequence }) };
}
