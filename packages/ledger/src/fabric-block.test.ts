import { createHash } from 'node:crypto';
import { toBase64url } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { hashFabricHeader } from './fabric-block.ts';

describe('the hash of a Fabric header', () => {
  const previous = Buffer.alloc(32, 0xab);
  const data = Buffer.alloc(32, 0xcd);

  // SEQUENCE, INTEGER and OCTET STRING by ITU-T X.690 §8.3, §8.7 and §8.9, written out by hand.
  it.each([
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [255, '020200ff'],
    [256, '02020100'],
    [0x7fff_ffff, '02047fffffff'],
    [Number.MAX_SAFE_INTEGER, '02071fffffffffffff'],
  ])('covers the DER of number %i and both hashes', (number, integer) => {
    const members = `${integer}0420${previous.toString('hex')}0420${data.toString('hex')}`;
    const der = Buffer.from(`30${(members.length / 2).toString(16)}${members}`, 'hex');
    const expected = createHash('sha256').update(der).digest('base64url');
    expect(hashFabricHeader({ number, previousHash: toBase64url(previous), dataHash: toBase64url(data) })).toBe(
      expected,
    );
  });

  it('takes the empty previous hash of block 0', () => {
    const der = Buffer.from(`3027${'020100'}0400${'0420'}${data.toString('hex')}`, 'hex');
    const expected = createHash('sha256').update(der).digest('base64url');
    expect(hashFabricHeader({ number: 0, previousHash: '', dataHash: toBase64url(data) })).toBe(expected);
  });
});
