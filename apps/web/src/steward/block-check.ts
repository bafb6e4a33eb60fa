import { checkHeader, type SignedHeader } from '@salus/client';
import {
  type CallPayload,
  callId,
  canonical,
  emptyRoot,
  type Json,
  leafHash,
  merkleRoot,
  toBase64url,
  utf8,
} from '@salus/crypto';
import type { ShownBlock } from './steward-data.ts';

/**
 * Checks blocks of rising numbers without gaps on this device: each is what its hash says and holds exactly the calls that are
 * shown, (on the embedded engine) one key signed them all, and each follows the one before. That this key is the ledger's of
 * the other members says only a checkpoint of theirs.
 *
 * @returns what is wrong, null where nothing is
 */
export function findChainFault(blocks: readonly ShownBlock[]): string | null {
  try {
    blocks.forEach((block, at) => {
      const { number, previousHash } = checkHeader(block);
      checkCalls(block);
      const before = blocks[at - 1];
      if (before === undefined) return;
      const follows = number === before.header.number + 1 && previousHash === before.hash;
      if (!follows) throw new Error(`Block ${number} does not follow block ${before.header.number}.`);
      if (ledgerOf(block) !== ledgerOf(before)) throw new Error(`Another key signed block ${number}.`);
    });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The shown calls, each under its own id and in its place, are those that the header's root covers: none more, none less. */
function checkCalls({ header, transactions }: ShownBlock): void {
  const { number, count, transactionsRoot } = header;
  const leaves = transactions.map(({ call, outcome, timestampMs }) =>
    leafHash(utf8(canonical({ call, outcome, timestampMs } as unknown as Json))),
  );
  const root = leaves.length === 0 ? emptyRoot : merkleRoot(leaves);
  const isWhole = transactions.length === count && toBase64url(root) === transactionsRoot;
  if (!isWhole) throw new Error(`Block ${number} does not hold the calls that are shown.`);
  const isNamed = transactions.every(
    ({ block, index, call, callId: id }, at) =>
      block === number && index === at && id === callId(call.payload as unknown as CallPayload),
  );
  if (!isNamed) throw new Error(`Block ${number} has a call under another name or place.`);
}

function ledgerOf({ header }: SignedHeader): string {
  return 'ledgerKey' in header ? header.ledgerKey : '';
}
