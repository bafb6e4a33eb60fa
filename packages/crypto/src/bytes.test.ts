import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  concatBytes,
  equalBytes,
  findBase64url,
  fromBase64url,
  fromUtf8,
  RANDOM_BYTES_MAX,
  randomBytes,
  toBase64url,
  utf8,
} from './bytes.ts';

describe('base64url', () => {
  it('writes the examples of RFC 4648 §10 without padding', () => {
    const examples = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE', foobar: 'Zm9vYmFy' };
    for (const [text, encoded] of Object.entries(examples)) expect(toBase64url(utf8(text))).toBe(encoded);
    expect(toBase64url(Uint8Array.of(0xfb, 0xff, 0xfe))).toBe('-__-');
  });

  it('reads back every byte string', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(fromBase64url(toBase64url(bytes))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  it('accepts exactly one text for each byte string', () => {
    const character = fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= ');
    let accepted = 0;
    fc.assert(
      fc.property(fc.string({ unit: character, maxLength: 6 }), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = fromBase64url(text);
        } catch {
          return;
        }
        accepted += 1;
        expect(toBase64url(bytes)).toBe(text);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it.each(['Zg==', 'Zh', 'Zm9', 'Z', 'Zm9v Yg', '+/+/', 'Zm9v\n', 'Zé'])('refuses %j', (text) => {
    expect(() => fromBase64url(text)).toThrow(expect.objectContaining({ code: 'bad-encoding' }));
  });

  it('finds only bytes of the asked length', () => {
    expect(findBase64url('Zm9v', 3)).toEqual(utf8('foo'));
    expect(findBase64url('Zm9v', 2)).toBeUndefined();
    expect(findBase64url('Zm+v', 3)).toBeUndefined();
    expect(findBase64url(undefined, 3)).toBeUndefined();
  });
});

describe('utf8', () => {
  it('reads back every well-formed string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(fromUtf8(utf8(text))).toBe(text);
      }),
    );
  });

  it('keeps a byte order mark instead of losing it', () => {
    expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  });

  it('refuses a lone surrogate instead of replacing it', () => {
    expect(() => utf8('a\ud800')).toThrow(expect.objectContaining({ code: 'bad-encoding' }));
  });

  it.each([[[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xff]], [[0xe2, 0x82]]])(
    'refuses the malformed bytes %j',
    (bytes) => {
      expect(() => fromUtf8(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ code: 'bad-encoding' }));
    },
  );
});

describe('bytes', () => {
  it('joins in order', () => {
    expect(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('are equal only with the same length and content', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, at) => {
        const changed = bytes.slice();
        changed[at % bytes.length]! ^= 1;
        expect(equalBytes(bytes, bytes.slice())).toBe(true);
        expect(equalBytes(bytes, changed)).toBe(false);
        expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
      }),
    );
  });

  it('are drawn anew each time, within the bound', () => {
    expect(randomBytes(32)).not.toEqual(randomBytes(32));
    expect(randomBytes(0)).toHaveLength(0);
    expect(randomBytes(RANDOM_BYTES_MAX)).toHaveLength(RANDOM_BYTES_MAX);
    for (const length of [-1, 1.5, Number.NaN, RANDOM_BYTES_MAX + 1]) {
      expect(() => randomBytes(length)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
    }
  });
});
