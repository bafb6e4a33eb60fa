import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { testData } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toBase64url } from './bytes.ts';
import {
  consistencyProof,
  emptyRoot,
  inclusionProof,
  leafHash,
  merkleRoot,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

/** The leaves of certificate-transparency's reference tree of eight. */
const REFERENCE = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((data) => leafHash(new Uint8Array(Buffer.from(data, 'hex'))));

type Member =
  | 'leafIdx'
  | 'treeSize'
  | 'leafHash'
  | 'root'
  | 'size1'
  | 'size2'
  | 'root1'
  | 'root2'
  | 'start'
  | 'end'
  | 'size';
type Case = Partial<Record<Member, string>> & { readonly proof: readonly string[]; readonly wantErr: boolean };

/** Every case below a folder; integers become BigInt-readable strings, for some exceed 2^53. */
function readCases(folder: string): readonly (readonly [name: string, test: Case])[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8').replace(/:\s*(-?\d+)/g, ': "$1"');
      const test = JSON.parse(text) as Case;
      return [name, { ...test, proof: test.proof ?? [] }] as const;
    });
}

const vectors = testData('merkle/testdata');

/** Cases that the vectors accept and Salus refuses, each with its reason. */
const STRICTER = new Map([
  ['additional/sizes-are-equal-one-and-proof-is-empty.json', 'both roots are the same 12 bytes: no SHA-256 value'],
]);

describe('published proofs (transparency-dev/merkle)', () => {
  it.runIf(vectors)('verifies or refuses every inclusion proof as stated', () => {
    let accepted = 0;
    let refused = 0;
    for (const [name, test] of readCases(join(vectors ?? '', 'inclusion'))) {
      const verified = verifyInclusion({
        leafHash: bytes(test.leafHash ?? ''),
        index: BigInt(test.leafIdx ?? ''),
        size: BigInt(test.treeSize ?? ''),
        proof: test.proof.map(bytes),
        root: bytes(test.root ?? ''),
      });
      expect(verified, name).toBe(!test.wantErr);
      if (test.wantErr) refused += 1;
      else accepted += 1;
    }
    expect([accepted > 5, refused > 70]).toEqual([true, true]);
  });

  it.runIf(vectors)('verifies or refuses every consistency proof as stated', () => {
    let accepted = 0;
    let refused = 0;
    for (const [name, test] of readCases(join(vectors ?? '', 'consistency'))) {
      const verified = verifyConsistency({
        size1: BigInt(test.size1 ?? ''),
        size2: BigInt(test.size2 ?? ''),
        root1: bytes(test.root1 ?? ''),
        root2: bytes(test.root2 ?? ''),
        proof: test.proof.map(bytes),
      });
      expect(verified, name).toBe(!test.wantErr && !STRICTER.has(name));
      if (verified) accepted += 1;
      else refused += 1;
    }
    expect([accepted, refused > 70]).toEqual([5, true]);
  });

  it.runIf(vectors)('verifies every inclusion in a subtree, which is a tree of its own, as stated', () => {
    let accepted = 0;
    let refused = 0;
    for (const [name, test] of readCases(join(vectors ?? '', 'subtreeinclusion'))) {
      const [start, end, leaf] = [BigInt(test.start ?? ''), BigInt(test.end ?? ''), BigInt(test.leafIdx ?? '')];
      const verified =
        isSubtree(start, end) &&
        verifyInclusion({
          leafHash: bytes(test.leafHash ?? ''),
          index: leaf - start,
          size: end - start,
          proof: test.proof.map(bytes),
          root: bytes(test.root ?? ''),
        });
      expect(verified, name).toBe(!test.wantErr);
      if (verified) accepted += 1;
      else refused += 1;
    }
    expect([accepted > 10, refused > 150]).toEqual([true, true]);
  });

  it.runIf(vectors)(
    'verifies the consistency of every subtree that starts at leaf 0; Salus has no use for the others',
    () => {
      let seen = 0;
      let elsewhere = 0;
      for (const [name, test] of readCases(join(vectors ?? '', 'subtreeconsistency'))) {
        if (test.start !== '0' || test.end === '0') {
          // Inner and empty subtrees are of draft-ietf-plants-merkle-tree-certs, not of RFC 6962 or 9162.
          elsewhere += 1;
          continue;
        }
        const verified = verifyConsistency({
          size1: BigInt(test.end ?? ''),
          size2: BigInt(test.size ?? ''),
          root1: bytes(test.root1 ?? ''),
          root2: bytes(test.root2 ?? ''),
          proof: test.proof.map(bytes),
        });
        expect(verified, name).toBe(!test.wantErr && !STRICTER.has(name));
        seen += 1;
      }
      expect([seen, elsewhere]).toEqual([91, 27]);
    },
  );
});

/** Only ranges whose size rounded up to a power of two divides their start are nodes of the larger tree. */
function isSubtree(start: bigint, end: bigint): boolean {
  if (start < 0n || start >= end) return false;
  let width = 1n;
  while (width < end - start) width <<= 1n;
  return start % width === 0n;
}

describe('trees', () => {
  it('have the roots of the reference tree of eight (RFC 6962 §2.1.3 construction)', () => {
    expect(hex(merkleRoot(REFERENCE))).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
    expect(hex(merkleRoot([]))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(merkleRoot([])).toEqual(emptyRoot);
    expect(merkleRoot(REFERENCE.slice(0, 1))).toEqual(REFERENCE[0]);
  });

  it('follow the recursive definition of RFC 6962 §2.1 at every size', () => {
    const leaves = leavesOf(70);
    for (let size = 0; size <= leaves.length; size += 1) {
      expect(merkleRoot(leaves.slice(0, size))).toEqual(definition(leaves.slice(0, size)));
    }
  });

  it('give an inclusion proof for each leaf that verifies for that leaf, index, size and root only', () => {
    for (let size = 1; size <= 33; size += 1) {
      const leaves = leavesOf(size);
      const root = merkleRoot(leaves);
      for (let index = 0; index < size; index += 1) {
        const inclusion = { leafHash: leaves[index]!, index, size, proof: inclusionProof(leaves, index), root };
        expect(verifyInclusion(inclusion)).toBe(true);
        expect(verifyInclusion({ ...inclusion, leafHash: leafHash(Uint8Array.of(255, 255)) })).toBe(false);
        expect(verifyInclusion({ ...inclusion, index: (index + 1) % (size + 1) })).toBe(false);
        expect(verifyInclusion({ ...inclusion, root: leafHash(root) })).toBe(false);
        expect(verifyInclusion({ ...inclusion, proof: [...inclusion.proof, root] })).toBe(false);
        expect(verifyInclusion({ ...inclusion, proof: inclusion.proof.slice(1) })).toBe(size === 1);
      }
    }
  });

  it('give a consistency proof for each pair of sizes that verifies for those roots only', () => {
    const leaves = leavesOf(33);
    for (let size2 = 1; size2 <= leaves.length; size2 += 1) {
      for (let size1 = 1; size1 <= size2; size1 += 1) {
        const proof = consistencyProof(leaves, size1, size2);
        const root1 = merkleRoot(leaves.slice(0, size1));
        const root2 = merkleRoot(leaves.slice(0, size2));
        expect(verifyConsistency({ size1, size2, root1, root2, proof })).toBe(true);
        expect(verifyConsistency({ size1, size2, root1: leafHash(root1), root2, proof })).toBe(false);
        expect(verifyConsistency({ size1, size2, root1, root2: leafHash(root2), proof })).toBe(false);
        expect(verifyConsistency({ size1, size2, root1, root2, proof: [...proof, root1] })).toBe(false);
      }
    }
  });

  it('verify hashes given as base64url alike', () => {
    const leaves = leavesOf(11);
    const proof = inclusionProof(leaves, 7).map(toBase64url);
    const inclusion = {
      leafHash: toBase64url(leaves[7]!),
      index: 7,
      size: 11,
      proof,
      root: toBase64url(merkleRoot(leaves)),
    };
    expect(verifyInclusion(inclusion)).toBe(true);
    expect(verifyInclusion({ ...inclusion, root: `${inclusion.root}=` })).toBe(false);
  });

  it('refuse a proof in which one bit was changed', () => {
    const leaves = leavesOf(100);
    const root = merkleRoot(leaves);
    fc.assert(
      fc.property(fc.nat(99), fc.nat(), fc.nat(255), (index, at, bit) => {
        const proof = inclusionProof(leaves, index).map((hash) => hash.slice());
        proof[at % proof.length]![bit >> 3]! ^= 1 << (bit & 7);
        expect(verifyInclusion({ leafHash: leaves[index]!, index, size: 100, proof, root })).toBe(false);
      }),
    );
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53, -1n, 1n << 70n])('answer false for the impossible index or size %s', (bad) => {
    const leaves = leavesOf(4);
    const root = merkleRoot(leaves);
    const inclusion = { leafHash: leaves[0]!, index: 0, size: 4, proof: inclusionProof(leaves, 0), root };
    expect(verifyInclusion({ ...inclusion, index: bad })).toBe(false);
    expect(verifyInclusion({ ...inclusion, size: bad })).toBe(false);
    const consistency = { size1: 2, size2: 4, root1: merkleRoot(leaves.slice(0, 2)), root2: root };
    const proof = consistencyProof(leaves, 2, 4);
    expect(verifyConsistency({ ...consistency, proof, size1: bad })).toBe(false);
    expect(verifyConsistency({ ...consistency, proof, size2: bad })).toBe(false);
  });

  it('throw when asked for a proof of what they do not hold', () => {
    const refused = expect.objectContaining({ code: 'bad-argument' });
    expect(() => inclusionProof(leavesOf(3), 3)).toThrow(refused);
    expect(() => inclusionProof([], 0)).toThrow(refused);
    expect(() => consistencyProof(leavesOf(3), 0, 3)).toThrow(refused);
    expect(() => consistencyProof(leavesOf(3), 2, 4)).toThrow(refused);
    expect(() => nodeHash(new Uint8Array(31), emptyRoot)).toThrow(refused);
  });
});

function leavesOf(count: number): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, at) => leafHash(Uint8Array.of(at & 255, at >> 8)));
}

function definition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return emptyRoot;
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return nodeHash(definition(leaves.slice(0, split)), definition(leaves.slice(split)));
}
