import { CONDITIONS, type Fault } from './fault.ts';
import { peekHeader } from './message.ts';

const TEXT_CHARACTERS_MAX = 80;
const ENCODING_CHARACTERS = '^~\\&';

/**
 * The acknowledgement in original mode (HL7 v2.5.1 §2.9.2): MSA-1 says `AA` only for what is committed. Sender and
 * receiver change places; everything is taken from the message's own header, escaped as it came.
 */
export function acknowledge(
  message: Uint8Array,
  outcome: { readonly kind: 'accepted' } | { readonly kind: 'refused'; readonly fault: Fault },
  { nowMs, controlId }: { readonly nowMs: number; readonly controlId: string },
): Buffer {
  const header = peekHeader(message);
  const separator = header[1] ?? '|';
  const at = (field: number): string => header[field] ?? '';
  const encoding = at(2) === '' ? ENCODING_CHARACTERS : at(2);
  const component = encoding[0] ?? '^';
  const event = at(9).split(component)[1] ?? '';
  const segments = [
    [
      ...['MSH', encoding, at(5), at(6), at(3), at(4), timestamp(nowMs), ''],
      ['ACK', event, 'ACK'].join(component),
      ...[controlId, at(11) === '' ? 'P' : at(11), at(12) === '' ? '2.5.1' : at(12)],
    ],
    ['MSA', outcome.kind === 'accepted' ? 'AA' : outcome.fault.acknowledgement, at(10)],
  ];
  if (outcome.kind === 'refused') {
    const { condition, location, text } = outcome.fault;
    const place = (location ?? '').split('^').join(component);
    const coded = [condition, CONDITIONS[condition], 'HL70357'].join(component);
    segments.push(['ERR', '', place, coded, 'E', '', '', '', text.slice(0, TEXT_CHARACTERS_MAX)]);
  }
  return Buffer.from(segments.map((fields) => `${fields.join(separator)}\r`).join(''), 'latin1');
}

/** YYYYMMDDHHMMSS+0000 */
function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().replaceAll(/[-:T]|\..*$/g, '')}+0000`;
}
