import { consistencyProof, leafHash, merkleRoot, toBase64url, utf8 } from '@salus/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testHash } from '../../test/keys.ts';
import { createNetwork, type Member } from '../../test/network.ts';

/** A log of `size` events, and another one that differs in event `changed`. */
const leaves = (size: number, changed?: number): readonly Uint8Array[] =>
  Array.from({ length: size }, (_, index) => leafHash(utf8(index === changed ? 'changed' : `event ${index}`)));
const rootOf = (size: number, changed?: number): string => toBase64url(merkleRoot(leaves(size, changed)));
const proofOf = (from: number, size: number, changed?: number): readonly string[] =>
  consistencyProof(leaves(size, changed), from, size).map(toBase64url);

const rooting = (by: Member, size: number, root: string, proof: readonly string[], log = 'audit') =>
  ({ transaction: 'access.root', args: { log, size, root, proof }, by }) as const;

describe('access.root', () => {
  it('follows a growing log and keeps the last root', async () => {
    const network = await createNetwork(['hospital-a']);
    const { node } = network.organisation('hospital-a');
    await network.commit(rooting(node, 3, rootOf(3), []));
    await network.commit(rooting(node, 11, rootOf(11), proofOf(3, 11)));
    await network.commit(rooting(node, 11, rootOf(11), []));
    await network.commit(rooting(node, 2, rootOf(2), [], 'rows'));
    expect(network.state.get('access/root/hospital-a/audit')).toMatchObject({ size: 11, root: rootOf(11) });
    expect(network.state.get('access/root/hospital-a/rows')).toMatchObject({ size: 2 });
  });

  it('refuses a log that shrinks, changes, or does not contain the last one', async () => {
    const network = await createNetwork(['hospital-a']);
    const { node } = network.organisation('hospital-a');
    await network.refuse(rooting(node, 5, rootOf(5), [testHash('x')]), 'proof-invalid');
    await network.commit(rooting(node, 5, rootOf(5), []));
    await network.refuse(rooting(node, 4, rootOf(4), []), 'size-backwards');
    await network.refuse(rooting(node, 5, rootOf(5, 2), []), 'root-mismatch');
    await network.refuse(rooting(node, 5, rootOf(5), proofOf(3, 5)), 'proof-invalid');
    await network.refuse(rooting(node, 9, rootOf(9, 2), proofOf(5, 9, 2)), 'proof-invalid');
    await network.refuse(rooting(node, 9, rootOf(9), []), 'proof-invalid');
    await network.refuse(rooting(node, 9, rootOf(9), proofOf(4, 9)), 'proof-invalid');
    await network.refuse(rooting(node, 9, rootOf(9), [...proofOf(5, 9), testHash('x')]), 'proof-invalid');
    expect(network.state.get('access/root/hospital-a/audit')).toMatchObject({ size: 5 });
  });

  it('accepts exactly the honest growth of any log', async () => {
    const network = await createNetwork(['hospital-a']);
    const { node } = network.organisation('hospital-a');
    const key = 'access/root/hospital-a/audit';
    const sizes = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(39));
    await fc.assert(
      fc.asyncProperty(sizes, async ([from, more, changed]) => {
        network.state.delete(key);
        await network.commit(rooting(node, from, rootOf(from), []));
        const size = from + more;
        const forged = rooting(node, size, rootOf(size, changed % from), proofOf(from, size, changed % from));
        await network.refuse(forged, 'proof-invalid');
        await network.commit(rooting(node, size, rootOf(size), proofOf(from, size)));
      }),
      { numRuns: 30 },
    );
  });

  it('is for the organisation’s own node, about its own logs', async () => {
    const network = await createNetwork();
    const a = network.organisation('hospital-a');
    const b = network.organisation('hospital-b');
    await network.commit(rooting(a.node, 5, rootOf(5), []));
    await network.commit(rooting(b.node, 2, rootOf(2), []));
    expect(network.state.get('access/root/hospital-a/audit')).toMatchObject({ size: 5 });
    for (const by of [a.administrator, a.feed, a.clinician]) {
      await network.refuse(rooting(by, 6, rootOf(6), proofOf(5, 6)), 'member-kind-not-allowed');
    }
    await network.refuse(rooting(a.node, 0, rootOf(1), []), 'args-invalid');
    await network.refuse(rooting(a.node, 6, rootOf(6), proofOf(5, 6), 'other'), 'args-invalid');
  });
});
