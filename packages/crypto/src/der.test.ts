import { readFileSync } from 'node:fs';
import { testData } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childrenOf, findP1363, parseDer, positiveHex, timeMs } from './der.ts';
import * as node from './primitives.node.ts';
import * as web from './primitives.web.ts';

const refused = expect.objectContaining({ name: 'CryptoError', code: 'bad-certificate' });
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const time = (tag: string, text: string): number =>
  timeMs(parseDer(bytes(tag + text.length.toString(16).padStart(2, '0') + Buffer.from(text).toString('hex'))));

describe('DER', () => {
  it('reads an element with its children', () => {
    const sequence = parseDer(bytes('3006020101040142'));
    expect(childrenOf(sequence).map((child) => [child.tag, Buffer.from(child.content).toString('hex')])).toEqual([
      [2, '01'],
      [4, '42'],
    ]);
    expect(parseDer(bytes(`0481${'80'}${'00'.repeat(128)}`)).content).toHaveLength(128);
    expect(parseDer(bytes(`04820100${'00'.repeat(256)}`)).content).toHaveLength(256);
  });

  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['content that is too short', '300302'],
    ['bytes behind', '04014200'],
    ['an indefinite length', '30800000'],
    ['a length of one byte too many', '04810142'],
    ['a length with a leading zero', `048200ff${'00'.repeat(255)}`],
    ['a length of three bytes', `0483010000${'00'.repeat(65536)}`],
    ['a long tag', '1f810100'],
  ])('refuses %s', (_what, hex) => {
    expect(() => parseDer(bytes(hex))).toThrow(refused);
  });

  it('reads positive integers of minimal length only', () => {
    expect(positiveHex(parseDer(bytes('02020080')))).toBe('80');
    expect(positiveHex(parseDer(bytes('02017f')))).toBe('7f');
    for (const hex of ['0200', '020100', '020180', '0202007f', '040101']) {
      expect(() => positiveHex(parseDer(bytes(hex)))).toThrow(refused);
    }
  });

  it('reads times in the forms of RFC 5280 §4.1.2.5 only', () => {
    expect(time('17', '261121095556Z')).toBe(Date.UTC(2026, 10, 21, 9, 55, 56));
    expect(time('17', '500101000000Z')).toBe(Date.UTC(1950, 0, 1));
    expect(time('18', '20500101000000Z')).toBe(Date.UTC(2050, 0, 1));
    expect(time('18', '99991231235959Z')).toBe(253_402_300_799_000);
    const malformed = [
      ['17', '2611210955Z'],
      ['17', '261121095556+0000'],
      ['17', '260230000000Z'],
      ['17', '261121246000Z'],
      ['17', '20500101000000Z'],
      ['18', '20491231235959Z'],
      ['18', '20500101000000.5Z'],
      ['18', '261121095556Z'],
      ['04', '261121095556Z'],
    ] as const;
    for (const [tag, text] of malformed) expect(() => time(tag, text), text).toThrow(refused);
  });

  it('answers any bytes with an element or bad-certificate', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (random) => {
        try {
          expect(parseDer(random).raw).toHaveLength(random.length);
        } catch (error) {
          expect(error).toEqual(refused);
        }
        const signature = findP1363(random);
        if (signature !== undefined) expect(signature).toHaveLength(64);
      }),
      { numRuns: 2000 },
    );
  });
});

type EcdsaGroup = {
  readonly publicKey: { readonly uncompressed: string };
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly result: string;
  }[];
};

const wycheproof = testData('wycheproof/ecdsa_secp256r1_sha256_test.json');

describe.each([
  ['node', node],
  ['web', web],
] as const)('signatures in DER, as certificates carry them, on %s', (_name, primitives) => {
  it.runIf(wycheproof)('agree with every Wycheproof vector of ecdsa_secp256r1_sha256', () => {
    const { testGroups } = JSON.parse(readFileSync(wycheproof ?? '', 'utf8')) as { testGroups: readonly EcdsaGroup[] };
    const count = { valid: 0, invalid: 0 };
    for (const group of testGroups) {
      const verifier = primitives.p256Verifier(bytes(group.publicKey.uncompressed));
      for (const test of group.tests) {
        const signature = findP1363(bytes(test.sig));
        const verified = signature !== undefined && verifier?.(bytes(test.msg), signature) === true;
        expect(verified, `case ${test.tcId}`).toBe(test.result === 'valid');
        count[verified ? 'valid' : 'invalid'] += 1;
      }
    }
    expect(count.valid + count.invalid).toBe(484);
    expect(count.valid).toBeGreaterThan(100);
  });
});
