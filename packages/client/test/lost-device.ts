import { randomBytes } from '@salus/crypto';
import {
  addDevice,
  claim,
  createPatientWallet,
  derivedDeviceKeys,
  ownDevice,
  type PatientWallet,
  pidEntry,
} from '@salus/wallet';
import { putBackup } from '../src/consents.ts';
import { offerDevice, openJoin, sealJoin } from '../src/devices.ts';
import { type Recovery, recoverPids, type UnansweredCall } from '../src/recovery.ts';
import { type RecoveryStart, type Restored, restoreBackups } from '../src/restored.ts';
import { asPatient, submitCall } from '../src/session.ts';
import { NETWORK, type PatientNode, START_MS } from './patient-node.ts';

export const occasion = { network: NETWORK, nowMs: START_MS };

/** A wallet with a pid at each of the organisations, backed up at each, and where its recovery starts: at the first. */
export async function lostDevice(
  node: PatientNode,
  organisations: readonly string[],
): Promise<{ readonly lost: PatientWallet; readonly start: RecoveryStart }> {
  const made = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
  let lost = made.wallet;
  for (const organisation of organisations) lost = await claimAt(node, lost, organisation);
  await leaveBackups(node, lost);
  const { organisation, pid } = lost.content.pids[0]!;
  return { lost, start: { network: NETWORK, organisation, pid, recoveryCode: made.recoveryCode } };
}

export async function claimAt(node: PatientNode, wallet: PatientWallet, organisation: string): Promise<PatientWallet> {
  const prepared = await claim(wallet, occasion, node.newSlip(organisation).slip);
  await submitCall(node.api, organisation, prepared);
  return prepared.wallet;
}

export async function leaveBackups(node: PatientNode, wallet: PatientWallet): Promise<void> {
  for (const { pid } of wallet.content.pids) {
    await asPatient(node.api, wallet, pid, (session) => putBackup(session, wallet));
  }
}

/** A second device for one pid, as the pages join one; what each of the two has afterwards. */
export async function joinTablet(
  node: PatientNode,
  phone: PatientWallet,
  pid: string,
): Promise<{ readonly phone: PatientWallet; readonly tablet: PatientWallet }> {
  const { organisation, kid } = pidEntry(phone.content, pid);
  const keys = derivedDeviceKeys(randomBytes(32));
  const added = await addDevice(phone, occasion, { pid, device: await ownDevice(NETWORK, keys, pid) });
  await submitCall(node.api, organisation, added);
  const { join, kept } = await sealJoin(added.wallet, await offerDevice(NETWORK, keys, [pid]));
  return {
    phone: { ...phone, content: kept },
    tablet: { content: await openJoin(keys, join, kid), keys },
  };
}

export interface Try extends Recovery, Pick<Restored, 'hasBackup'> {
  /** What was saved each time, at the moment at which it was. */
  readonly saved: readonly { readonly wallet: PatientWallet; readonly calls: readonly UnansweredCall[] }[];
}

/** On a new device, with nothing but the sheet. */
export async function recoverAnew({ api }: PatientNode, start: RecoveryStart): Promise<Try> {
  const { content, seen, hasBackup } = await restoreBackups(api, start);
  const saved: { wallet: PatientWallet; calls: readonly UnansweredCall[] }[] = [];
  const save = async (wallet: PatientWallet, calls: readonly UnansweredCall[]): Promise<void> => {
    saved.push({ wallet, calls });
  };
  const restored = { content, seen, keys: derivedDeviceKeys(randomBytes(32)) };
  const { recoveryCode } = start;
  return { ...(await recoverPids(api, restored, { recoveryCode, nowMs: () => START_MS, save })), saved, hasBackup };
}

export async function isOwner({ api }: PatientNode, wallet: PatientWallet, pid: string): Promise<boolean> {
  return asPatient(api, wallet, pid, async () => true).catch(() => false);
}
