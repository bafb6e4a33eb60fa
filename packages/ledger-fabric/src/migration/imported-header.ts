import type { ImportFact } from '@salus/contracts';
import { merkleRoot, verifyInclusion } from '@salus/crypto';
import { type EmbeddedBlockHeader, genesisHash, hashHeaderText, nextCommitment } from '@salus/ledger/block';
import { checkHeader, findHeader, joinFindings } from '@salus/ledger/headers';
import { ImportFault } from './import-fault.ts';
import type { ImportPiece } from './import-wire.ts';

/** A checked header and how many of its calls were taken before this part. */
export type HeaderState = EmbeddedBlockHeader & { readonly hash: string; readonly taken: number };

/**
 * Checks the header of a part: signed by the ledger's key, the same block as before while that is not complete, else the next
 * one. `order`, `header`, `header-signature`, `chain`.
 */
export function checkHeaderOf(
  piece: ImportPiece,
  network: string,
  progress: ImportFact | undefined,
  place: { block: number | null; index: number | null },
): HeaderState {
  const { header: text, signature } = piece;
  const header = findHeader(text);
  if (header === undefined) throw new ImportFault('header');
  place.block = header.number;
  place.index = null;
  const hash = hashHeaderText(text);
  // The first header's key is the ledger's; which ledger it is, the organisations' administrators have said.
  const ledgerKey = progress?.ledgerKey ?? header.ledgerKey;
  const isComplete = progress === undefined || progress.taken === progress.count;
  const expected = progress === undefined ? 0 : progress.number + (isComplete ? 1 : 0);
  if (header.number !== expected) throw new ImportFault('order');
  for (const { code } of checkHeader({ network, ledgerKey }, expected, [text, signature]).findings) {
    throw new ImportFault(code === 'header-signature' ? 'header-signature' : 'header');
  }
  if (progress === undefined) demandGenesis(header, network);
  else if (isComplete) demandNext(header, hash, progress);
  else if (hash !== progress.hash) throw new ImportFault('chain');
  return { ...header, hash, taken: isComplete ? 0 : progress.taken };
}

function demandGenesis(header: EmbeddedBlockHeader, network: string): void {
  const previousHash = genesisHash(network);
  const founds =
    header.previousHash === previousHash &&
    header.stateCommitment === nextCommitment(previousHash, header.writesRoot) &&
    header.count === 0;
  if (!founds) throw new ImportFault('chain');
}

function demandNext(header: EmbeddedBlockHeader, hash: string, progress: ImportFact): void {
  const { stateCommitment, timestampMs } = header;
  const findings = joinFindings(header.number, progress, { ...header, end: { hash, stateCommitment, timestampMs } });
  if (findings.length > 0) throw new ImportFault('chain');
}

/** Are these the leaves of that part of the tree whose root the header names? */
export function holdsPart(
  piece: ImportPiece,
  header: HeaderState,
  tree: 'transactions' | 'writes',
  leaves: readonly Uint8Array[],
): boolean {
  const isTransactions = tree === 'transactions';
  const root = isTransactions ? header.transactionsRoot : header.writesRoot;
  const proof = isTransactions ? piece.transactionsProof : piece.writesProof;
  // The roots of parts of 2^level leaves are nodes of the tree of all leaves, and for themselves the leaves of its upper part.
  const size = Math.max(1, Math.ceil(header.count / 2 ** piece.level));
  return verifyInclusion({ leafHash: merkleRoot(leaves), index: piece.index, size, proof, root });
}
