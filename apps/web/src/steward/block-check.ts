import { checkHeader, type SignedHeader } from '@salus/client';

/**
 * Checks blocks of rising numbers without gaps on this device: each is what its hash says and (on the embedded engine)
 * what the ledger's key signed, and each follows the one before.
 *
 * @returns what is wrong, null where nothing is
 */
export function findChainFault(blocks: readonly SignedHeader[]): string | null {
  try {
    blocks.forEach((block, at) => {
      const { number, previousHash } = checkHeader(block);
      const before = blocks[at - 1];
      if (before === undefined) return;
      const follows = number === before.header.number + 1 && previousHash === before.hash;
      if (!follows) throw new Error(`Block ${number} does not follow block ${before.header.number}.`);
    });
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
