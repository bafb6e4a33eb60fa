import {
  type ApiClient,
  asPatient,
  ClientError,
  isUnanswered,
  putBackup,
  readNetwork,
  submitCall,
} from '@salus/client';
import { claim, createPatientWallet, parseSlip, withoutPid } from '@salus/wallet';
import type { PatientSession, SignIn } from '../../session/index.ts';
import type { RecoverySheet } from './recovery-sheet.ts';

interface Surroundings {
  readonly api: ApiClient;
  readonly nowMs: () => number;
}

/** What a first claim ends with: the sheet must be shown whether an answer came or not. */
export interface FirstClaim {
  readonly sheet: RecoverySheet;
  readonly isAnswered: boolean;
}

/**
 * Makes this browser the device of a patient and claims the slip's pid. The keys are kept before the ledger gives them the
 * pid: a crash in between would lose it for ever.
 *
 * @throws WalletError `bad-slip`, `wrong-network`, `weak-pin`; the node's refusals
 */
export async function claimFirst(
  { api, nowMs }: Surroundings,
  signIn: SignIn,
  { slip: text, pin }: { readonly slip: string; readonly pin: string },
): Promise<FirstClaim> {
  const slip = parseSlip(text.trim());
  const network = await readNetwork(api);
  await signIn.newDevice(pin);
  try {
    const { wallet, recoveryCode } = await createPatientWallet(network, signIn.ownKeys());
    const prepared = await claim(wallet, { network, nowMs: nowMs() }, slip);
    await signIn.savePatient(prepared.wallet.content);
    const sheet = { organisation: slip.organisation, pid: slip.pid, recoveryCode };
    try {
      await submitCall(api, slip.organisation, prepared);
      await asPatient(api, prepared.wallet, slip.pid, (session) => putBackup(session, prepared.wallet));
    } catch (error) {
      if (!isUnanswered(error)) throw error;
      return { sheet, isAnswered: false };
    }
    return { sheet, isAnswered: true };
  } catch (error) {
    // Refused: nothing on this device is anybody's yet.
    await signIn.forget();
    throw error;
  }
}

/** Claims the pid of one more organisation with a wallet that is there already. */
export async function claimMore({ api }: Surroundings, patient: PatientSession, text: string): Promise<void> {
  const slip = parseSlip(text.trim());
  const prepared = await claim(patient.wallet, patient.occasion(), slip);
  await patient.keep(prepared.wallet);
  try {
    await submitCall(api, slip.organisation, prepared);
  } catch (error) {
    if (error instanceof ClientError && !isUnanswered(error)) {
      await patient.keep({ ...prepared.wallet, content: withoutPid(prepared.wallet.content, slip.pid) });
    }
    throw error;
  }
  await patient.backUp();
}
