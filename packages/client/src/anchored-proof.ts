import { ClientError } from './client-error.ts';
import type { FollowedLedger } from './ledger-proofs.ts';
import { checkChain, readHeaders } from './log-proof.ts';
import type { RecordProof } from './record-proof.ts';
import type { NodeSession } from './session.ts';

/**
 * Whether blocks lead from a checked proof's to the very checkpoint that was compared with what the device holds on to. The
 * checkpoint that comes inside a proof is whoever's it is that made the proof.
 *
 * @throws ClientError `proof-invalid` where the proof is of another network, or its block of another ledger
 */
export async function isRecordAnchored(
  session: NodeSession,
  { network, block }: Pick<RecordProof, 'network' | 'block'>,
  { checkpoint, isAnchored }: FollowedLedger,
): Promise<boolean> {
  if (network !== checkpoint.network) {
    throw new ClientError('proof-invalid', 'The proof is of another network than this device.');
  }
  const headers = await readHeaders(session, block.header.number, checkpoint.number);
  return checkChain(block, headers, checkpoint) && isAnchored;
}
