import {
  type ApiClient,
  ClientError,
  isCallRefused,
  readNetwork,
  submitCall,
  type UnansweredCall,
} from '@salus/client';
import {
  claim,
  createPatientWallet,
  type Occasion,
  type PatientWallet,
  parseSlip,
  type Slip,
  type WalletContent,
  withoutPid,
} from '@salus/wallet';
import type { PatientSession, SignIn } from '../../session/index.ts';
import { NOTHING_UNFINISHED } from '../../session/unfinished.ts';

interface Surroundings {
  readonly api: ApiClient;
  readonly nowMs: () => number;
}

/**
 * Makes this browser the device of a patient and claims the slip's pid. Keys, recovery code and the call itself are kept
 * before the ledger gives them the pid: a crash in between would lose it for ever. They are removed only where the claim was
 * refused; with any other answer, or none, the pid may be theirs. Afterwards the sheet waits to be confirmed.
 *
 * @throws WalletError `bad-slip`, `wrong-network`, `weak-pin`; what the claim was refused with
 */
export async function claimFirst(
  { api, nowMs }: Surroundings,
  signIn: Pick<SignIn, 'newDevice' | 'ownKeys' | 'savePatient' | 'forget'>,
  { slip: text, pin }: { readonly slip: string; readonly pin: string },
): Promise<void> {
  const slip = parseSlip(text.trim());
  const network = await readNetwork(api);
  await signIn.newDevice(pin);
  let isSent = false;
  try {
    const { wallet, recoveryCode } = await createPatientWallet(network, signIn.ownKeys());
    const { sent, content } = await prepareClaim(wallet, { network, nowMs: nowMs() }, slip);
    const { organisation, pid } = slip;
    const unfinished = { ...NOTHING_UNFINISHED, owesBackup: true, sheet: { organisation, pid, recoveryCode } };
    await signIn.savePatient(content, { ...unfinished, calls: [sent] });
    isSent = true;
    await submitCall(api, organisation, sent);
    await signIn.savePatient(content, unfinished);
  } catch (error) {
    // Nothing on this device is anybody's yet: the call did not go out, or was refused.
    if (!isSent || isCallRefused(error)) await signIn.forget();
    if (!isSent || isCallRefused(error) || !(error instanceof ClientError)) throw error;
  }
}

/**
 * Claims the pid of one more organisation with a wallet that is there already; a claim that was not answered is sent again.
 *
 * @throws what the claim was refused with, or why its end is not known
 */
export async function claimMore({ api }: Surroundings, patient: PatientSession, text: string): Promise<void> {
  const slip = parseSlip(text.trim());
  const sent = patient.unfinished.calls.find(({ pid }) => pid === slip.pid) ?? (await sealClaim(patient, slip));
  try {
    await submitCall(api, slip.organisation, sent);
  } catch (error) {
    if (isCallRefused(error)) await endClaim(patient, sent, (content) => withoutPid(content, slip.pid));
    throw error;
  }
  await endClaim(patient, sent, (content) => content);
  await patient.backUp();
}

async function sealClaim(patient: PatientSession, slip: Slip): Promise<UnansweredCall> {
  const { keys } = patient.wallet;
  let prepared: UnansweredCall | undefined;
  // Alone, from the newest wallet: no two claims ever name one recovery key.
  await patient.seal(async ({ content, unfinished }) => {
    const { sent, content: claimed } = await prepareClaim({ content, keys }, patient.occasion(), slip);
    prepared = sent;
    return { content: claimed, unfinished: { ...unfinished, calls: [...unfinished.calls, sent] } };
  });
  if (prepared === undefined) throw new Error('a claim was sealed without being prepared');
  return prepared;
}

async function endClaim(
  patient: PatientSession,
  sent: UnansweredCall,
  change: (content: WalletContent) => WalletContent,
): Promise<void> {
  const { signature } = sent.call;
  await patient.seal(({ content, unfinished }) => ({
    content: change(content),
    unfinished: { ...unfinished, calls: unfinished.calls.filter(({ call }) => call.signature !== signature) },
  }));
}

async function prepareClaim(
  wallet: PatientWallet,
  occasion: Occasion,
  slip: Slip,
): Promise<{ readonly sent: UnansweredCall; readonly content: WalletContent }> {
  const { call, privateArgs, wallet: claimed } = await claim(wallet, occasion, slip);
  const { organisation, pid } = slip;
  return { sent: { organisation, pid, before: null, call, privateArgs }, content: claimed.content };
}
