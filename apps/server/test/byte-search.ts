const START_BYTES = 4;
const FILTER_BITS = 20;

interface Pattern {
  readonly bytes: Uint8Array;
  readonly label: string;
  /** Counts only where no letter or digit touches it: for words so short that they stand in random text by chance. */
  readonly isWord: boolean;
}

export interface Hit {
  readonly label: string;
  readonly offset: number;
}

/** Finds any of very many byte strings in files, each file read once. */
export class ByteSearch {
  readonly #filter = new Uint8Array(2 ** FILTER_BITS);
  readonly #byStart = new Map<number, Pattern[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Strings below four bytes stand everywhere and are refused. */
  add(bytes: Uint8Array, label: string, isWord = false): void {
    if (bytes.length < START_BYTES) throw new RangeError(`${label} is too short to look for`);
    const start = startAt(bytes, 0);
    this.#filter[slot(start)] = 1;
    const known = this.#byStart.get(start) ?? [];
    if (known.some((pattern) => Buffer.compare(pattern.bytes, bytes) === 0)) return;
    known.push({ bytes, label, isWord });
    this.#byStart.set(start, known);
    this.#size += 1;
  }

  find(haystack: Uint8Array): readonly Hit[] {
    const hits: Hit[] = [];
    for (let offset = 0; offset + START_BYTES <= haystack.length; offset += 1) {
      const start = startAt(haystack, offset);
      if (this.#filter[slot(start)] === 0) continue;
      for (const { bytes, label, isWord } of this.#byStart.get(start) ?? []) {
        if (matches(haystack, offset, bytes) && !(isWord && isTouched(haystack, offset, bytes.length)))
          hits.push({ label, offset });
      }
    }
    return hits;
  }
}

function startAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function slot(start: number): number {
  return Math.imul(start, 0x9e3779b1) >>> (32 - FILTER_BITS);
}

function matches(haystack: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  if (offset + bytes.length > haystack.length) return false;
  for (let at = START_BYTES; at < bytes.length; at += 1) if (haystack[offset + at] !== bytes[at]) return false;
  return true;
}

function isTouched(haystack: Uint8Array, offset: number, length: number): boolean {
  return isWordByte(haystack[offset - 1]) || isWordByte(haystack[offset + length]);
}

/** Letters and digits of base64url, points of numbers, and anything beyond ASCII: random bytes are no neighbours of a word. */
function isWordByte(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
  return isDigit || isLetter || byte === 0x2d || byte === 0x5f || byte === 0x2e || byte >= 0x80;
}
