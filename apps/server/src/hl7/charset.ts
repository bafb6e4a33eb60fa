import { refuseMessage } from './fault.ts';

/** HL7 table 0211 to WHATWG encoding labels. What is not here is refused: a name guessed wrongly is another patient's. */
const ENCODINGS: ReadonlyMap<string, string> = new Map([
  ['', 'us-ascii'],
  ['ASCII', 'us-ascii'],
  ['UNICODE UTF-8', 'utf-8'],
  ['UTF-8', 'utf-8'],
  ['8859/1', 'latin1'],
  ['8859/2', 'iso-8859-2'],
  ['8859/3', 'iso-8859-3'],
  ['8859/4', 'iso-8859-4'],
  ['8859/5', 'iso-8859-5'],
  ['8859/6', 'iso-8859-6'],
  ['8859/7', 'iso-8859-7'],
  ['8859/8', 'iso-8859-8'],
  ['8859/15', 'iso-8859-15'],
  ['GB 18030-2000', 'gb18030'],
  ['BIG-5', 'big5'],
  ['KS X 1001', 'euc-kr'],
]);

/** Turns a message's bytes into text; also serves hexadecimal escapes, which are bytes of the same character set. */
export type Decoder = (bytes: Uint8Array) => string;

/**
 * The decoder of the character set that MSH-18 names first (HL7 v2.5.1 §2.15.9.18); none is ASCII.
 *
 * @throws ServerError `message-refused` for a set that is unknown; the decoder throws it for bytes that are none of the set's.
 */
export function decoderOf(characterSet: string): Decoder {
  const encoding = ENCODINGS.get(characterSet.trim().toUpperCase());
  if (encoding === undefined) {
    throw refuseMessage('103', 'the character set is not one that this node reads', {
      location: 'MSH^1^18',
      acknowledgement: 'AR',
    });
  }
  if (encoding === 'us-ascii') return decodeAscii;
  // The WHATWG decoder of that label reads windows-1252, whose bytes 0x80 to 0x9F are characters that 8859/1 has not.
  if (encoding === 'latin1') return (bytes) => Buffer.from(bytes).toString('latin1');
  const decoder = new TextDecoder(encoding, { fatal: true });
  return (bytes) => {
    try {
      return decoder.decode(bytes);
    } catch {
      throw wrongBytes();
    }
  };
}

function decodeAscii(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7f)) throw wrongBytes();
  return Buffer.from(bytes).toString('latin1');
}

function wrongBytes(): Error {
  return refuseMessage('102', 'the message has bytes that are none of its character set', {
    location: 'MSH^1^18',
    acknowledgement: 'AR',
  });
}
