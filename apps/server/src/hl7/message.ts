import { type Decoder, decoderOf } from './charset.ts';
import { refuseMessage } from './fault.ts';

/** A message in memory, its text apart. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
export const SEGMENTS_MAX = 10_000;
const FIELDS_MAX = 512;
const REPETITIONS_MAX = 1_000;
/** What HL7 v2 fixes no limit for: components of one repetition, subcomponents of one component. */
const COMPONENTS_MAX = 256;

const CARRIAGE_RETURN = 0x0d;
const SEGMENT_NAME = /^[A-Z][A-Z0-9]{2}$/;
const HEADER_FIELD_SET = 18;

/** Subcomponents by component, unescaped; never empty. */
export type Repetition = readonly (readonly string[])[];

/** One segment; `field(3)` is its third field, whatever the segment. */
export interface Segment {
  readonly name: string;
  /** Which of its name, from 1, as ERR-2 counts. */
  readonly sequence: number;
  /** All repetitions that are not empty. */
  repetitions(field: number): readonly Repetition[];
  /** Text of a component (from 1) of the first repetition; empty where there is none, and for `""`, which deletes. */
  text(field: number, component?: number): string;
  /** Whether the sender asks to delete what stood there (HL7 v2.5.1 §2.5.3: a field of `""`). */
  isDeleted(field: number): boolean;
}

export interface Hl7Message {
  readonly header: Segment;
  readonly segments: readonly Segment[];
  /** `ADT^A01` */
  readonly type: string;
  readonly controlId: string;
}

export interface Separators {
  readonly field: string;
  readonly component: string;
  readonly repetition: string;
  readonly escapeCharacter: string;
  readonly subcomponent: string;
}

/** Deletes what stood in a field. */
const DELETED = '""';

/**
 * Reads a message in the ER7 form (HL7 v2.5.1 §2.6): its own separators, its own character set, escapes resolved.
 *
 * @throws ServerError `message-refused`
 */
export function parseHl7Message(bytes: Uint8Array): Hl7Message {
  const separators = readSeparators(bytes);
  const decode = decoderOf(characterSetOf(bytes, separators));
  const lines = decode(bytes)
    .split(/\r\n?|\n/)
    .filter((line) => line !== '');
  if (lines.length > SEGMENTS_MAX) throw malformed('has more segments than the bound', '100');
  const counts = new Map<string, number>();
  const segments = lines.map((line) => {
    const name = line.slice(0, 3);
    if (!SEGMENT_NAME.test(name) || (line.length > 3 && line[3] !== separators.field)) {
      throw malformed('has a line that is no segment', '100');
    }
    const sequence = (counts.get(name) ?? 0) + 1;
    counts.set(name, sequence);
    return segmentOf(line, { name, sequence, separators, decode });
  });
  const [header] = segments;
  if (header === undefined || (counts.get('MSH') ?? 0) !== 1) throw malformed('has not one MSH segment', '100');
  const type = [header.text(9, 1), header.text(9, 2)].join('^');
  const controlId = header.text(10);
  if (controlId === '')
    throw refuseMessage('101', 'the message has no control id', { location: 'MSH^1^10', acknowledgement: 'AR' });
  return { header, segments, type, controlId };
}

/** What an acknowledgement of a message that cannot be read needs, as far as it is there. */
export function peekHeader(bytes: Uint8Array): readonly string[] {
  const end = bytes.indexOf(CARRIAGE_RETURN);
  const line = Buffer.from(end === -1 ? bytes.subarray(0, 4096) : bytes.subarray(0, end)).toString('latin1');
  if (!line.startsWith('MSH') || line.length < 8) return [];
  const parts = line.split(line[3] ?? '|');
  // MSH-1 is the separator itself.
  return ['MSH', line[3] ?? '|', ...parts.slice(1)];
}

function readSeparators(bytes: Uint8Array): Separators {
  const start = Buffer.from(bytes.subarray(0, 8)).toString('latin1');
  if (!start.startsWith('MSH') || start.length < 8) throw malformed('does not begin with an MSH segment', '100');
  const [field = '', component = '', repetition = '', escapeCharacter = '', subcomponent = ''] = start.slice(3);
  const all = [field, component, repetition, escapeCharacter, subcomponent];
  if (new Set(all).size !== all.length || all.some((separator) => /[A-Za-z0-9\s]/.test(separator))) {
    throw malformed('has separators that are none', '100');
  }
  return { field, component, repetition, escapeCharacter, subcomponent };
}

/** MSH is read as Latin-1 up to MSH-18: names of character sets are ASCII. */
function characterSetOf(bytes: Uint8Array, { field, repetition }: Separators): string {
  const end = bytes.findIndex((byte) => byte === CARRIAGE_RETURN || byte === 0x0a);
  const line = Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('latin1');
  return (line.split(field)[HEADER_FIELD_SET - 1] ?? '').split(repetition)[0] ?? '';
}

type Reading = {
  readonly name: string;
  readonly sequence: number;
  readonly separators: Separators;
  readonly decode: Decoder;
};

function segmentOf(line: string, reading: Reading): Segment {
  const { name, sequence, separators } = reading;
  const parts = line.split(separators.field);
  if (parts.length > FIELDS_MAX) throw malformed('has a segment of more fields than the bound', '100');
  // In MSH the first field is the separator, and the second is never split.
  const raw = (field: number): string => (name === 'MSH' ? (parts[field - 1] ?? '') : (parts[field] ?? ''));
  const repetitions = (field: number): readonly Repetition[] => {
    const text = raw(field);
    if (text === '' || text === DELETED) return [];
    if (name === 'MSH' && field <= 2) return [[[text]]];
    const found = text.split(separators.repetition);
    if (found.length > REPETITIONS_MAX) throw malformed('repeats a field more often than the bound', '102');
    return found.filter((repetition) => repetition !== '').map((repetition) => repetitionOf(repetition, reading));
  };
  return {
    name,
    sequence,
    repetitions,
    text: (field, component = 1) => componentOf(repetitions(field)[0], component),
    isDeleted: (field) => raw(field) === DELETED,
  };
}

/** Text of a component's first subcomponent, without white space around it; empty where there is none. */
export function componentOf(repetition: Repetition | undefined, component: number, subcomponent = 1): string {
  const text = repetition?.[component - 1]?.[subcomponent - 1]?.trim() ?? '';
  return text === DELETED ? '' : text;
}

function repetitionOf(text: string, { separators, decode }: Reading): Repetition {
  const components = text.split(separators.component);
  if (components.length > COMPONENTS_MAX) throw malformed('has a field of more components than the bound', '102');
  return components.map((component) => {
    const parts = component.split(separators.subcomponent);
    if (parts.length > COMPONENTS_MAX) throw malformed('has a field of more components than the bound', '102');
    return parts.map((part) => unescapeText(part, separators, decode));
  });
}

/** HL7 v2.5.1 §2.7: separators, line breaks, bytes in hexadecimal; highlighting and unknown formatting are dropped. */
function unescapeText(text: string, separators: Separators, decode: Decoder): string {
  const { escapeCharacter } = separators;
  if (!text.includes(escapeCharacter)) return text;
  const parts = text.split(escapeCharacter);
  // An odd number of escape characters: the last one stands for itself.
  const closed = parts.length % 2 === 1 ? parts.length : parts.length - 1;
  const resolved = parts.slice(0, closed).map((part, at) => (at % 2 === 0 ? part : escapeOf(part, separators, decode)));
  return closed === parts.length ? resolved.join('') : `${resolved.join('')}${escapeCharacter}${parts.at(-1) ?? ''}`;
}

function escapeOf(sequence: string, separators: Separators, decode: Decoder): string {
  switch (sequence) {
    case 'F':
      return separators.field;
    case 'S':
      return separators.component;
    case 'T':
      return separators.subcomponent;
    case 'R':
      return separators.repetition;
    case 'E':
      return separators.escapeCharacter;
    case 'P':
      return '#';
    default:
      if (/^\.(br|sp|fi|nf|in|ti|ce|sk)/i.test(sequence)) return /^\.(br|sp|ce)/i.test(sequence) ? '\n' : ' ';
      if (/^X(?:[0-9A-Fa-f]{2})+$/.test(sequence)) return decode(Buffer.from(sequence.slice(1), 'hex'));
      return '';
  }
}

function malformed(problem: string, condition: '100' | '102'): Error {
  return refuseMessage(condition, `the message ${problem}`, { acknowledgement: 'AR' });
}
