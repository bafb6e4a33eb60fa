import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  OBJECT_OVERHEAD_BYTES,
  OBJECT_PLAINTEXT_BYTES_MAX,
  openObject,
  sealObject,
  unwrapKey,
  wrapKey,
} from './aead.ts';
import { fromBase64url, randomBytes, toBase64url, utf8 } from './bytes.ts';

const code = (name: string): unknown => expect.objectContaining({ name: 'CryptoError', code: name });
const context = ['salus:record:v1', 'pid:x', 1] as const;

describe('a sealed object', () => {
  it('opens with the same key and context to the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (plaintext) => {
        const key = randomBytes(32);
        const sealed = sealObject(key, plaintext, context);
        expect(sealed).toHaveLength(plaintext.length + OBJECT_OVERHEAD_BYTES);
        expect(openObject(key, sealed, [...context])).toEqual(new Uint8Array(plaintext));
      }),
    );
  });

  it('names its format, and differs each time', () => {
    const key = randomBytes(32);
    const first = sealObject(key, utf8('same'), context);
    expect(Buffer.from(first.subarray(0, 6)).toString('latin1')).toBe('SOBJ\u0001\u0001');
    expect(sealObject(key, utf8('same'), context)).not.toEqual(first);
  });

  it('opens with no other key and no other context', () => {
    const key = randomBytes(32);
    const sealed = sealObject(key, utf8('x'), context);
    expect(() => openObject(randomBytes(32), sealed, context)).toThrow(code('decryption-failed'));
    for (const other of [[], ['salus:record:v1'], [...context, null], ['salus:record:v1', 'pid:x', '1']]) {
      expect(() => openObject(key, sealed, other)).toThrow(code('decryption-failed'));
    }
  });

  it('is refused after any one-bit change and any cut', () => {
    const key = randomBytes(32);
    const sealed = sealObject(key, utf8('hello'), context);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = sealed.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openObject(key, changed, context)).toThrow(code(bit < 48 ? 'bad-format' : 'decryption-failed'));
    }
    for (let length = 0; length < sealed.length; length += 1) {
      const shortest = length < OBJECT_OVERHEAD_BYTES;
      expect(() => openObject(key, sealed.subarray(0, length), context)).toThrow(
        code(shortest ? 'bad-format' : 'decryption-failed'),
      );
    }
  });

  it('has bounded size and a key of 32 bytes', () => {
    expect(() => sealObject(randomBytes(16), utf8('x'), context)).toThrow(code('bad-key'));
    expect(() => openObject(randomBytes(31), utf8('x'), context)).toThrow(code('bad-key'));
    const large = new Uint8Array(OBJECT_PLAINTEXT_BYTES_MAX + 1);
    expect(() => sealObject(randomBytes(32), large, context)).toThrow(code('too-large'));
    const sealed = new Uint8Array(OBJECT_PLAINTEXT_BYTES_MAX + OBJECT_OVERHEAD_BYTES + 1);
    expect(() => openObject(randomBytes(32), sealed, context)).toThrow(code('too-large'));
  });
});

describe('a wrapped key', () => {
  it('unwraps under the same key and context only', () => {
    const [kek, key] = [randomBytes(32), randomBytes(32)];
    const wrapped = wrapKey(kek, key, context);
    expect(unwrapKey(kek, wrapped, context)).toEqual(key);
    expect(() => unwrapKey(randomBytes(32), wrapped, context)).toThrow(code('decryption-failed'));
    expect(() => unwrapKey(kek, wrapped, ['other'])).toThrow(code('decryption-failed'));
    expect(() => unwrapKey(kek, `${wrapped}=`, context)).toThrow(code('bad-encoding'));
    expect(() => wrapKey(kek, randomBytes(31), context)).toThrow(code('bad-key'));
  });

  it('is no object, nor an object a wrapped key', () => {
    const [kek, key] = [randomBytes(32), randomBytes(32)];
    expect(() => openObject(kek, fromBase64url(wrapKey(kek, key, context)), context)).toThrow(code('bad-format'));
    expect(() => unwrapKey(kek, toBase64url(sealObject(kek, key, context)), context)).toThrow(code('bad-format'));
  });
});
