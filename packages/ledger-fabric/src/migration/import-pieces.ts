import { canonical, inclusionProof, merkleRoot, toBase64url } from '@salus/crypto';
import { NO_WRITES, parseBody, textLeaf, writesText } from '@salus/ledger/block';
import { FabricError } from '../fabric-error.ts';
import { IMPORT_BYTES_MAX, IMPORT_CALLS_MAX, IMPORT_PIECES_MAX, type ImportPiece } from './import-wire.ts';

/** A block of the embedded ledger as its file holds it. */
export type EmbeddedBlock = {
  readonly header: string;
  readonly signature: string;
  readonly bodies: readonly string[];
};

/** Room for the frame of an argument around its pieces. */
const FRAME_BYTES = 1_024;
const TARGET_BYTES = IMPORT_BYTES_MAX - FRAME_BYTES;

/** A block in as few parts as fit into transactions of their own. `too-large` where one call alone does not. */
export function cutBlock(block: EmbeddedBlock): readonly ImportPiece[] {
  const { header, signature, bodies } = block;
  const leaves = bodies.map(textLeaf);
  const writeLeaves = bodies.map(writesLeafOf);
  for (let level = highestLevel(bodies.length); level >= 0; level -= 1) {
    const size = 2 ** level;
    const count = Math.max(1, Math.ceil(bodies.length / size));
    const roots = partRoots(leaves, size, count);
    const writeRoots = partRoots(writeLeaves, size, count);
    const pieces = Array.from(
      { length: count },
      (_, index): ImportPiece => ({
        header,
        signature,
        level,
        index,
        bodies: bodies.slice(index * size, (index + 1) * size),
        transactionsProof: inclusionProof(roots, index).map(toBase64url),
        writesProof: inclusionProof(writeRoots, index).map(toBase64url),
      }),
    );
    if (pieces.every(isWithinBounds)) return pieces;
  }
  throw new FabricError('bad-wire', 'a call of the ledger is larger than a transaction of the channel may be');
}

/** Parts one after the other, as many as fit into each transaction. */
export function* gatherPieces(pieces: Iterable<ImportPiece>): Generator<readonly ImportPiece[], void, undefined> {
  let gathered: ImportPiece[] = [];
  let bytes = 0;
  let calls = 0;
  for (const piece of pieces) {
    const size = pieceBytes(piece);
    const isFull =
      bytes + size > TARGET_BYTES ||
      calls + piece.bodies.length > IMPORT_CALLS_MAX ||
      gathered.length === IMPORT_PIECES_MAX;
    if (isFull && gathered.length > 0) {
      yield gathered;
      gathered = [];
      bytes = 0;
      calls = 0;
    }
    gathered.push(piece);
    bytes += size;
    calls += piece.bodies.length;
  }
  if (gathered.length > 0) yield gathered;
}

/** The leaf of a call's write set in the header's `writesRoot`. */
export function writesLeafOf(text: string): Uint8Array {
  const { outcome } = parseBody(text);
  if (outcome.kind === 'refused') return textLeaf(NO_WRITES);
  return textLeaf(writesText(outcome.writes.map(([key, value]) => [key, value === null ? null : canonical(value)])));
}

function highestLevel(count: number): number {
  return count <= 1 ? 0 : Math.ceil(Math.log2(count));
}

function partRoots(leaves: readonly Uint8Array[], size: number, count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) => merkleRoot(leaves.slice(index * size, (index + 1) * size)));
}

function isWithinBounds(piece: ImportPiece): boolean {
  return piece.bodies.length <= IMPORT_CALLS_MAX && pieceBytes(piece) <= TARGET_BYTES;
}

function pieceBytes(piece: ImportPiece): number {
  return Buffer.byteLength(JSON.stringify(piece)) + 1;
}
