import {
  DISPUTE_ANSWER_VERSION,
  DISPUTE_VERSION,
  type DisputeAnswer,
  type DisputeOutcome,
  type DisputeStatement,
  disputeAnswerCommitment,
  disputeCommitment,
  type LeafReference,
} from '@salus/contracts';
import { hashTuple, type Json, randomBytes, toBase64url } from '@salus/crypto';
import { type Occasion, type PreparedCall, prepareCall } from './calls.ts';
import { deviceSigner, type PatientWallet } from './patient-wallet.ts';
import type { StaffWallet } from './staff-wallet.ts';

type Values = { readonly [key: string]: Json };

/** States that a version of an own record is wrong; `leaf` as the node lists it for that version. */
export async function dispute(
  wallet: PatientWallet,
  occasion: Occasion,
  { pid, leaf, text }: { readonly pid: string; readonly leaf: LeafReference; readonly text: string },
): Promise<PreparedCall & { readonly dispute: string }> {
  const id = toBase64url(randomBytes(16));
  const salt = toBase64url(randomBytes(32));
  const { leafHash, keyId, batch, index, proof } = leaf;
  const { network } = occasion;
  const statement: DisputeStatement = { version: DISPUTE_VERSION, network, pid, dispute: id, leafHash, text };
  const { signer, key } = await deviceSigner(wallet, pid);
  const commitment = disputeCommitment({ hashTuple }, statement, salt);
  const prepared = await prepareCall(
    occasion,
    {
      contract: 'record',
      transaction: 'dispute',
      args: { dispute: id, leaf: { leafHash, keyId, batch, index, proof }, commitment },
      signer,
      privateValues: { statement, salt } as unknown as Values,
    },
    key,
  );
  return { ...prepared, dispute: id };
}

/** Takes a dispute back, answered or not. */
export async function withdrawDispute(
  wallet: PatientWallet,
  occasion: Occasion,
  { pid, dispute: id }: { readonly pid: string; readonly dispute: string },
): Promise<PreparedCall> {
  const { signer, key } = await deviceSigner(wallet, pid);
  const content = { contract: 'record', transaction: 'withdrawDispute', args: { dispute: id }, signer };
  return prepareCall(occasion, content, key);
}

/** The author's side answers: it has amended the record, or says why it does not. */
export async function answerDispute(
  wallet: StaffWallet,
  occasion: Occasion,
  said: { readonly pid: string; readonly dispute: string; readonly outcome: DisputeOutcome; readonly text: string },
): Promise<PreparedCall> {
  const salt = toBase64url(randomBytes(32));
  const { pid, dispute: id, outcome, text } = said;
  const { network } = occasion;
  const answer: DisputeAnswer = { version: DISPUTE_ANSWER_VERSION, network, pid, dispute: id, outcome, text };
  const commitment = disputeAnswerCommitment({ hashTuple }, answer, salt);
  return prepareCall(
    occasion,
    {
      contract: 'record',
      transaction: 'answerDispute',
      args: { pid, dispute: id, outcome, commitment },
      signer: `id:${wallet.id}`,
      privateValues: { answer, salt } as unknown as Values,
    },
    wallet.signer,
  );
}
