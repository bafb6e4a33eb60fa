import { leafReferenceOf, type OwnRecord } from '@salus/client';
import { expect, it } from 'vitest';
import { leafOfShown } from './disputes.ts';

const hash = (letter: string): string => `${letter.repeat(42)}A`;
const sealed: OwnRecord['sealed'] = {
  ...{ recordId: 'r', version: 2, keyId: 'k', callId: hash('c'), leafIndex: 1, proof: [hash('p')] },
  ...{ ciphertextHash: hash('d'), contentHash: hash('e'), ciphertext: '', wrap: '', salt: hash('s') },
};
const opened = { version: 2, text: '{"a":1}', sealed };

it('a statement names the leaf of what was opened here', () => {
  const leaf = leafOfShown({ version: 2, text: '{"a":1}' }, opened);
  expect(leaf).toEqual({
    ...{ leafHash: leafReferenceOf(sealed).leafHash, keyId: 'k', batch: hash('c'), index: 1, proof: [hash('p')] },
  });
  expect(leafOfShown({ version: 2 }, opened)).toEqual(leaf);
  const others = [{ recordId: 'other' }, { version: 3 }, { contentHash: hash('f') }, { ciphertextHash: hash('f') }];
  const hashes = others.map((change) => leafReferenceOf({ ...sealed, ...change }).leafHash);
  expect(new Set([...hashes, leafReferenceOf(sealed).leafHash]).size).toBe(others.length + 1);
});

it('nothing is signed about a version that was not read, or about another text than was read', () => {
  expect(leafOfShown({ version: 1, text: '{"a":1}' }, opened)).toBe('changed');
  expect(leafOfShown({ version: 3 }, opened)).toBe('changed');
  expect(() => leafOfShown({ version: 2, text: '{"a":2}' }, opened)).toThrow(
    expect.objectContaining({ code: 'proof-invalid' }),
  );
});
