/** HL7 v2 Transport Specification, MLLP release 1: a block is start, data, end, carriage return. */
const START = 0x0b;
const END = 0x1c;
const CARRIAGE_RETURN = 0x0d;
/** Pieces of an unfinished block that are kept apart. */
const PIECES_MAX = 256;

export function frame(data: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(START), data, Buffer.of(END, CARRIAGE_RETURN)]);
}

/**
 * Cuts a stream into blocks. Bytes between blocks are no message: white space passes, anything else ends the connection.
 */
export class MllpReader {
  readonly #sizeBytesMax: number;
  #chunks: Buffer[] = [];
  #sizeBytes = 0;

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax;
  }

  /** Blocks that are complete now. `too-large`, `not-framed`: nothing more can be read from this connection. */
  push(chunk: Buffer): { readonly blocks: readonly Buffer[]; readonly failure?: 'too-large' | 'not-framed' } {
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
    // Joined only when a block can end: a large message arrives in many pieces.
    const mayEnd = chunk.includes(END) || chunk[0] === CARRIAGE_RETURN || this.#sizeBytes > this.#sizeBytesMax;
    const isMore = this.#chunks.length > 1 && this.#chunks.length < PIECES_MAX;
    if (isMore && !mayEnd) return { blocks: [] };
    let rest = Buffer.concat(this.#chunks);
    const blocks: Buffer[] = [];
    for (;;) {
      const start = rest.findIndex((byte) => byte !== CARRIAGE_RETURN && byte !== 0x0a && byte !== 0x20);
      if (start === -1) {
        rest = Buffer.alloc(0);
        break;
      }
      if (rest[start] !== START) return { blocks, failure: 'not-framed' };
      const end = findEnd(rest, start + 1);
      if ((end === -1 ? rest.length : end) - start > this.#sizeBytesMax) return { blocks, failure: 'too-large' };
      if (end === -1) {
        rest = rest.subarray(start);
        break;
      }
      blocks.push(rest.subarray(start + 1, end));
      rest = rest.subarray(end + 2);
    }
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#sizeBytes = rest.length;
    return { blocks };
  }
}

function findEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(END, from); at !== -1; at = bytes.indexOf(END, at + 1)) {
    if (bytes[at + 1] === CARRIAGE_RETURN) return at;
  }
  return -1;
}
