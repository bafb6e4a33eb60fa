/** A varint of 64 bits has at most ten bytes; lengths and numbers here stay below 2^53. */
const VARINT_BYTES_MAX = 8;

/** Bytes that are not of the expected form, and where. */
export class FormError extends Error {
  override readonly name = 'FormError';
  readonly offsetBytes: number;

  constructor(offsetBytes: number, message: string) {
    super(message);
    this.offsetBytes = offsetBytes;
  }
}

/** A part of a file: its bytes and the offset of its first one. */
export type Part = { readonly bytes: Buffer; readonly offsetBytes: number };

/**
 * Reads protobuf's varints and length-prefixed bytes, one after the other. Every value has one spelling here: a varint with
 * needless bytes is refused, so that no byte of a file can be changed without changing what is read.
 */
export class ByteReader {
  readonly #part: Part;
  #at = 0;

  constructor(part: Part) {
    this.#part = part;
  }

  /** Offset in the file of what is read next. */
  get offsetBytes(): number {
    return this.#part.offsetBytes + this.#at;
  }

  get remaining(): number {
    return this.#part.bytes.length - this.#at;
  }

  /** Throws `FormError` for what is cut off, longer than needed or not a safe integer. */
  varint(what: string): number {
    const start = this.offsetBytes;
    let value = 0;
    for (let length = 1; length <= VARINT_BYTES_MAX; length += 1) {
      const byte = this.#part.bytes[this.#at];
      if (byte === undefined) throw new FormError(start, `${what} is cut off`);
      this.#at += 1;
      value += (byte & 0x7f) * 2 ** (7 * (length - 1));
      if (byte >= 0x80) continue;
      if (byte === 0 && length > 1) throw new FormError(start, `${what} is longer than it needs to be`);
      if (!Number.isSafeInteger(value)) break;
      return value;
    }
    throw new FormError(start, `${what} is no number of a block file`);
  }

  /** Bytes with their length before them; not a copy. */
  part(what: string): Part {
    const start = this.offsetBytes;
    const length = this.varint(`the length of ${what}`);
    if (length > this.remaining) throw new FormError(start, `${what} ends behind the end`);
    const part = { bytes: this.#part.bytes.subarray(this.#at, this.#at + length), offsetBytes: this.offsetBytes };
    this.#at += length;
    return part;
  }

  end(what: string): void {
    if (this.remaining > 0) throw new FormError(this.offsetBytes, `${what} has ${this.remaining} bytes too many`);
  }
}
