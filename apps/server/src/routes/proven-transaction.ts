import { canonical, fromBase64url, inclusionProof, type Json, leafHash, toBase64url, utf8 } from '@salus/crypto';
import type { TransactionView } from '@salus/ledger';
import type { NodeLedger } from '../node-ledger.ts';

/** A transaction with the header of its block and the proof that the block holds it (RFC 6962 §2.1.1); undefined where there is none. */
export async function findProvenTransaction(ledger: Pick<NodeLedger, 'transaction' | 'block'>, callId: string) {
  const view: TransactionView | undefined = await ledger.transaction(callId);
  const block = view === undefined ? undefined : await ledger.block(view.block);
  if (view === undefined || block === undefined) return undefined;
  const { header, hash, signature, transactions } = block;
  const leaves = transactions.map(({ call, outcome, timestampMs }) =>
    outcome.kind === 'distrusted'
      ? fromBase64url(outcome.leafHash)
      : leafHash(utf8(canonical({ call, outcome, timestampMs } as unknown as Json))),
  );
  const inclusion = {
    leafHash: toBase64url(leaves[view.index]!),
    index: view.index,
    size: leaves.length,
    proof: inclusionProof(leaves, view.index).map(toBase64url),
    root: header.transactionsRoot,
  };
  return { transaction: view, header, hash, signature, inclusion };
}
