import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { er7 } from '../../test/feed.ts';
import { acknowledge } from './acknowledgement.ts';
import { findFault } from './fault.ts';
import { componentOf, parseHl7Message, SEGMENTS_MAX } from './message.ts';

const HEADER = 'MSH|^~\\&|APP|FAC|||20260301||ADT^A08|1|P|2.5.1';

function faultOf(bytes: Uint8Array) {
  try {
    parseHl7Message(bytes);
  } catch (error) {
    return findFault(error);
  }
  return undefined;
}

describe('a message', () => {
  it('is read by its own separators, with repetitions, components and subcomponents', () => {
    const { segments, type } = parseHl7Message(
      Buffer.from('MSH$%!?@$APP$FAC$$$2026$$ADT%A08$1$P$2.5\rPID$1$$A%%%N@U@ISO!B\r'),
    );
    expect(type).toBe('ADT^A08');
    const [first, second] = segments[1]!.repetitions(3);
    expect([componentOf(first, 4, 1), componentOf(first, 4, 2), componentOf(first, 4, 3)]).toEqual(['N', 'U', 'ISO']);
    expect(componentOf(second, 1)).toBe('B');
  });

  it('resolves escapes, in its own character set', () => {
    const header = `${HEADER}||||||8859/1`;
    const message = parseHl7Message(
      er7(header, 'NTE|1||a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f\\.br\\g\\XE9\\h\\H\\i\\N\\ \\Zx\\'),
    );
    expect(message.segments[1]!.text(3)).toBe('a|b^c&d~e\\f\ng\u00e9hi');
  });

  it('reads the character set that it names, and refuses bytes that are none of it', () => {
    const text = `${HEADER}||||||8859/2\rPID|1||1||Dvo\u0159\u00e1k\r`;
    const bytes = Buffer.from(
      [...text].map((character) => ({ ř: 0xf8, á: 0xe1 })[character] ?? character.charCodeAt(0)),
    );
    expect(parseHl7Message(bytes).segments[1]!.text(5)).toBe('Dvořák');
    const claimed = Buffer.from(`${HEADER}||||||UNICODE UTF-8\rPID|1||1||Dvo`);
    expect(faultOf(Buffer.concat([claimed, Buffer.of(0xf8)]))).toMatchObject({
      condition: '102',
      location: 'MSH^1^18',
    });
    expect(faultOf(Buffer.from(`${HEADER}\rPID|1||1||é\r`))).toMatchObject({ condition: '102' });
    expect(faultOf(Buffer.from(`${HEADER}||||||ISO IR87\r`))).toMatchObject({
      condition: '103',
      acknowledgement: 'AR',
    });
  });

  it('tells a deleted field from an empty one', () => {
    const [, pid] = parseHl7Message(er7(HEADER, 'PID|1||1||""|')).segments;
    expect([pid!.isDeleted(5), pid!.isDeleted(6), pid!.text(5)]).toEqual([true, false, '']);
  });

  it('is refused without header, control id or sane separators, and beyond its bounds', () => {
    const wrong = [
      '',
      'PID|1',
      'MSH',
      'MSH|||||',
      'MSHAABCD',
      `${HEADER}\rXX`,
      `${HEADER}\r${HEADER}`,
      HEADER.replace('|1|', '||'),
    ];
    for (const text of wrong) expect(faultOf(Buffer.from(`${text}\r`)), text).toMatchObject({ acknowledgement: 'AR' });
    const long = `${HEADER}\r${'NTE|1\r'.repeat(SEGMENTS_MAX)}`;
    expect(faultOf(Buffer.from(long))).toMatchObject({ condition: '100' });
  });

  it('is parsed or refused with a fault, and acknowledged, whatever it holds', () => {
    const piece = fc.constantFrom(
      'MSH',
      'PID',
      '|',
      '^',
      '~',
      '\\',
      '&',
      '\r',
      '\n',
      'A',
      '""',
      '\\X',
      '8859/1',
      HEADER,
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(piece, fc.string({ unit: 'binary', maxLength: 3 })), { maxLength: 60 }),
        (pieces) => {
          const bytes = Buffer.from(pieces.join(''));
          const fault = faultOf(bytes);
          if (fault === undefined) expect(parseHl7Message(bytes).controlId).not.toBe('');
          const outcome = fault === undefined ? ({ kind: 'accepted' } as const) : ({ kind: 'refused', fault } as const);
          expect(acknowledge(bytes, outcome, { nowMs: 0, controlId: 'x' }).toString('latin1')).toMatch(/^MSH.*\rMSA/s);
        },
      ),
    );
  });
});
