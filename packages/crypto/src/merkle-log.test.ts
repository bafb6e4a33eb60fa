import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consistencyProof, emptyRoot, inclusionProof, leafHash, merkleRoot } from './merkle.ts';
import { MerkleLog } from './merkle-log.ts';

const refused = expect.objectContaining({ code: 'bad-argument' });
const leaves = Array.from({ length: 300 }, (_, at) => leafHash(Uint8Array.of(at & 255, at >> 8)));

describe('MerkleLog', () => {
  it('has the root of the whole tree after each append', () => {
    const log = new MerkleLog();
    expect(log.root()).toEqual(emptyRoot);
    for (const [at, leaf] of leaves.entries()) {
      log.append(leaf);
      expect(log.size).toBe(at + 1);
      expect(log.root()).toEqual(merkleRoot(leaves.slice(0, at + 1)));
    }
  });

  it('goes on from a stored state as if it had never stopped', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(90), (first, second) => {
        const log = new MerkleLog();
        for (const leaf of leaves.slice(0, first)) log.append(leaf);
        const restored = new MerkleLog(log.state);
        for (const leaf of leaves.slice(first, first + second)) restored.append(leaf);
        expect(restored.root()).toEqual(merkleRoot(leaves.slice(0, first + second)));
      }),
      { numRuns: 30 },
    );
  });

  it('proves like the list of all leaves, from kept nodes and from stored nodes', () => {
    const kept = new MerkleLog({ keepNodes: true });
    const stored = new Map<string, Uint8Array>();
    for (const leaf of leaves) {
      for (const { level, index, hash } of kept.append(leaf)) stored.set(`${level}/${index}`, hash);
    }
    const restored = new MerkleLog({ ...kept.state, nodeAt: (level, index) => stored.get(`${level}/${index}`)! });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), (size, draw) => {
        const part = leaves.slice(0, size);
        const index = draw % size;
        for (const log of [kept, restored]) {
          expect(log.rootAt(size)).toEqual(merkleRoot(part));
          expect(log.inclusionProof(index, size)).toEqual(inclusionProof(part, index));
          expect(log.consistencyProof(index + 1, size)).toEqual(consistencyProof(part, index + 1, size));
        }
      }),
    );
    expect(kept.rootAt(0)).toEqual(emptyRoot);
    expect(stored.size).toBe(300 + 150 + 75 + 37 + 18 + 9 + 4 + 2 + 1);
  });

  it('reads a number of nodes that grows with the logarithm of its size', () => {
    let reads = 0;
    const size = 2 ** 40 + 12_345;
    const frontier = Array.from({ length: size.toString(2).replaceAll('0', '').length }, () => emptyRoot);
    const nodeAt = (): Uint8Array => {
      reads += 1;
      return emptyRoot;
    };
    new MerkleLog({ size, frontier, nodeAt }).inclusionProof(2 ** 39 + 1);
    expect(reads).toBeLessThan(100);
    expect(reads).toBeGreaterThan(20);
  });

  it('refuses a frontier that does not fit its size, and proofs that it has no nodes for', () => {
    expect(() => new MerkleLog({ size: 3, frontier: [emptyRoot] })).toThrow(refused);
    expect(() => new MerkleLog({ size: 1, frontier: [new Uint8Array(31)] })).toThrow(refused);
    expect(() => new MerkleLog({ size: -1, frontier: [] })).toThrow(refused);
    expect(() => new MerkleLog({ size: 1, frontier: [emptyRoot], keepNodes: true })).toThrow(refused);
    const log = new MerkleLog();
    expect(() => log.append(new Uint8Array(33))).toThrow(refused);
    log.append(emptyRoot);
    expect(() => log.inclusionProof(0)).toThrow(refused);
    expect(() => new MerkleLog({ keepNodes: true }).rootAt(1)).toThrow(refused);
  });

  it('does not change when a caller changes the hashes it was given or gave', () => {
    const leaf = leaves[0]!.slice();
    const log = new MerkleLog({ keepNodes: true });
    log.append(leaf);
    leaf.fill(0);
    log.state.frontier[0]!.fill(0);
    log.inclusionProof(0).forEach((hash) => {
      hash.fill(0);
    });
    expect(log.root()).toEqual(leaves[0]);
    expect(log.rootAt(1)).toEqual(leaves[0]);
  });
});
