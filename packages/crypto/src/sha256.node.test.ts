import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { textHmac } from './sha256.node.ts';

const ofPlatform = (key: Uint8Array, text: string): Uint8Array =>
  new Uint8Array(createHmac('sha256', key).update(text).digest());

describe('textHmac', () => {
  it('gives what the platform gives, whatever the lengths of key and text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.string({ unit: 'binary' })), (key, texts) => {
        const mac = textHmac(key);
        for (const text of texts) expect(mac(text)).toEqual(ofPlatform(key, text));
      }),
    );
  });

  it('keeps nothing of a longer text when a shorter one follows', () => {
    const key = new Uint8Array(32).fill(7);
    const mac = textHmac(key);
    for (const text of ['é'.repeat(100_000), 'a'.repeat(1_000), 'ab', ''])
      expect(mac(text)).toEqual(ofPlatform(key, text));
  });

  it('gives results of their own', () => {
    const mac = textHmac(new Uint8Array(32));
    const first = mac('a');
    const copy = first.slice();
    mac('b');
    expect(first).toEqual(copy);
  });
});
