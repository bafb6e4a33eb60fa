import { ByteReader, FormError, type Part } from './byte-reader.ts';

/** Fields that a message may have. A `message` may stand there empty; `bytes` (and texts) and a `number` are left out then. */
export type MessageForm = Readonly<Record<number, 'bytes' | 'message' | 'number' | 'repeated'>>;

export type Message = {
  /** The only value of a field of bytes or a message; empty where it is absent. */
  bytes(field: number): Part;
  number(field: number): number;
  repeated(field: number): readonly Part[];
};

/**
 * Reads a protobuf message in the one form in which Go writes it: known fields in ascending order, default values left out,
 * shortest varints. What differs in one byte differs in a value or is refused (`FormError`).
 */
export function readStrictMessage(part: Part, form: MessageForm, what: string): Message {
  const reader = new ByteReader(part);
  const values = new Map<number, Part[]>();
  const numbers = new Map<number, number>();
  let last = 0;
  while (reader.remaining > 0) {
    const offset = reader.offsetBytes;
    const tag = reader.varint(`a field of ${what}`);
    const field = Math.floor(tag / 8);
    const kind = form[field];
    const follows = field > last || (field === last && kind === 'repeated');
    if (kind === undefined || !follows || tag % 8 !== (kind === 'number' ? 0 : 2)) {
      throw new FormError(offset, `${what} has a field that does not belong there`);
    }
    last = field;
    if (kind === 'number') {
      const value = reader.varint(`a number of ${what}`);
      if (value === 0) throw new FormError(offset, `${what} spells a default out`);
      numbers.set(field, value);
      continue;
    }
    const value = reader.part(`a field of ${what}`);
    if (kind === 'bytes' && value.bytes.length === 0) throw new FormError(offset, `${what} spells a default out`);
    values.set(field, [...(values.get(field) ?? []), value]);
  }
  const none: Part = { bytes: Buffer.alloc(0), offsetBytes: part.offsetBytes };
  return {
    bytes: (field) => values.get(field)?.[0] ?? none,
    number: (field) => numbers.get(field) ?? 0,
    repeated: (field) => values.get(field) ?? [],
  };
}
