import { decodeTransaction } from '../block/transaction.ts';
import { FabricError } from '../fabric-error.ts';
import { IMPORT_FUNCTION } from '../wire.ts';
import type { EmbeddedBlock } from './import-pieces.ts';
import { type ImportPiece, parseImport } from './import-wire.ts';

/**
 * The blocks of the embedded ledger that a channel carries, from its blocks' transactions in order: exact texts, so that proofs made
 * before the move (headers with signature, inclusion of calls) verify against them as ever. Transactions that are not valid are
 * to be left out before; a part that does not follow is none of the ledger.
 */
export function* importedBlocks(blocks: Iterable<readonly Uint8Array[]>): Generator<EmbeddedBlock, void, undefined> {
  let open:
    | { readonly header: string; readonly signature: string; readonly bodies: string[]; readonly count: number }
    | undefined;
  for (const piece of pieces(blocks)) {
    const { header, signature } = piece;
    if (open?.header !== header) open = { header, signature, bodies: [], count: countOf(header) };
    open.bodies.push(...piece.bodies);
    if (open.bodies.length < open.count) continue;
    const { bodies } = open;
    open = undefined;
    yield { header, signature, bodies };
  }
}

function* pieces(blocks: Iterable<readonly Uint8Array[]>): Generator<ImportPiece, void, undefined> {
  for (const envelopes of blocks) {
    for (const envelope of envelopes) {
      const transaction = decodeTransaction(envelope);
      if (transaction.kind !== 'endorser') continue;
      const [name, argument] = transaction.args;
      if (argument === undefined || Buffer.from(name ?? []).toString() !== IMPORT_FUNCTION) continue;
      yield* parseImport(argument);
    }
  }
}

function countOf(header: string): number {
  const { count } = JSON.parse(header) as { readonly count?: unknown };
  if (typeof count !== 'number') throw new FabricError('bad-wire', 'a header counts its calls');
  return count;
}
