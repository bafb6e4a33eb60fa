/** Bytes of a varint at most (encoding/protowire `ConsumeVarint`). */
const VARINT_BYTES_MAX = 10;
const FIELD_MAX = 0x1fff_ffff;
/** Groups within groups (protowire `DefaultRecursionLimit`). */
const GROUP_DEPTH_MAX = 10_000;
const BITS_64 = 0xffff_ffff_ffff_ffffn;

const [VARINT, FIXED_64, BYTES, GROUP, GROUP_END, FIXED_32] = [0, 1, 2, 3, 4, 5];

/** Bytes that Go does not take for a protobuf message either. */
export class GoFormError extends Error {
  override readonly name = 'GoFormError';
}

/**
 * A protobuf message as Go reads it (google.golang.org/protobuf), which is how peers read what they validate. Other readers differ
 * where a message is not in the form that Go writes: here a message field that stands there repeatedly is merged, of repeated
 * bytes and numbers the last counts, and a field of another wire type than its own is unknown.
 */
export class GoMessage {
  readonly #bytes = new Map<number, Uint8Array[]>();
  readonly #numbers = new Map<number, bigint>();

  /** Throws `GoFormError`. */
  constructor(bytes: Uint8Array) {
    const reader = new GoReader(bytes);
    while (!reader.isAtEnd) {
      const { field, type } = reader.tag();
      if (type === BYTES) {
        const value = reader.bytes();
        const before = this.#bytes.get(field);
        if (before === undefined) this.#bytes.set(field, [value]);
        else before.push(value);
      } else if (type === VARINT) this.#numbers.set(field, reader.varint());
      else reader.skip(field, type);
    }
  }

  has(field: number): boolean {
    return this.#bytes.has(field);
  }

  bytes(field: number): Uint8Array {
    return this.#bytes.get(field)?.at(-1) ?? new Uint8Array();
  }

  /** Throws `GoFormError` for what is no UTF-8, as any of its occurrences must be. */
  text(field: number): string {
    return textsOf(this.repeated(field)).at(-1) ?? '';
  }

  /** Fields of a message that stand there repeatedly are those of one message whose bytes follow one another. */
  message(field: number): GoMessage {
    return new GoMessage(this.merged(field));
  }

  /** The bytes of `message`, for another reader. */
  merged(field: number): Uint8Array {
    return Buffer.concat(this.repeated(field));
  }

  repeated(field: number): readonly Uint8Array[] {
    return this.#bytes.get(field) ?? [];
  }

  messages(field: number): readonly GoMessage[] {
    return this.repeated(field).map((bytes) => new GoMessage(bytes));
  }

  /** An int32 or an enumeration. */
  int32(field: number): number {
    return Number(BigInt.asIntN(32, this.#numbers.get(field) ?? 0n));
  }

  bool(field: number): boolean {
    return (this.#numbers.get(field) ?? 0n) !== 0n;
  }
}

function textsOf(values: readonly Uint8Array[]): readonly string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return values.map((value) => decoder.decode(value));
  } catch (cause) {
    throw new GoFormError('a text is no UTF-8', { cause });
  }
}

class GoReader {
  readonly #from: Uint8Array;
  #at = 0;

  constructor(from: Uint8Array) {
    this.#from = from;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#from.length;
  }

  tag(): { readonly field: number; readonly type: number } {
    const tag = this.varint();
    const field = tag >> 3n;
    if (field < 1n || field > BigInt(FIELD_MAX)) throw new GoFormError('a field has no valid number');
    return { field: Number(field), type: Number(tag & 7n) };
  }

  varint(): bigint {
    let low = 0;
    let value = 0n;
    for (let length = 0; length < VARINT_BYTES_MAX; length += 1) {
      const byte = this.#from[this.#at];
      if (byte === undefined) throw new GoFormError('a number is cut off');
      this.#at += 1;
      // Numbers are mostly short: those below 2^28 need no bigint.
      if (length < 4) low += (byte & 0x7f) * 2 ** (7 * length);
      else value |= BigInt(byte & 0x7f) << BigInt(7 * length);
      if (byte >= 0x80) continue;
      if (length === VARINT_BYTES_MAX - 1 && byte > 1) break;
      return (value | BigInt(low)) & BITS_64;
    }
    throw new GoFormError('a number has more than 64 bits');
  }

  bytes(): Uint8Array {
    const length = this.varint();
    if (length > BigInt(this.#from.length - this.#at)) throw new GoFormError('a field is cut off');
    return this.#take(Number(length));
  }

  /** What is no field of the message. */
  skip(field: number, type: number, depth = 0): void {
    switch (type) {
      case VARINT:
        this.varint();
        return;
      case FIXED_64:
        this.#take(8);
        return;
      case BYTES:
        this.bytes();
        return;
      case GROUP:
        this.#skipGroup(field, depth);
        return;
      case FIXED_32:
        this.#take(4);
        return;
      default:
        throw new GoFormError('a field has no valid type');
    }
  }

  #skipGroup(field: number, depth: number): void {
    if (depth > GROUP_DEPTH_MAX) throw new GoFormError('groups stand too deep');
    for (;;) {
      const inner = this.tag();
      if (inner.type !== GROUP_END) {
        this.skip(inner.field, inner.type, depth + 1);
        continue;
      }
      if (inner.field !== field) throw new GoFormError('a group ends as another one');
      return;
    }
  }

  #take(length: number): Uint8Array {
    if (length > this.#from.length - this.#at) throw new GoFormError('a field is cut off');
    this.#at += length;
    return this.#from.subarray(this.#at - length, this.#at);
  }
}
