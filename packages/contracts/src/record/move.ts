import { demandUnique, parseFields, parseHash, parseList, parseOwner } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { endLeaf, LEAVES_MAX, type LeafReference, parseLeaves, readLeafOwner } from './leaf.ts';
import { demandKeeper } from './writer.ts';

type MoveArgs = { readonly leaves: readonly LeafReference[]; readonly successors: readonly string[] };

export const move = defineTransaction<MoveArgs>({
  contract: 'record',
  name: 'move',
  summary:
    'Takes versions out of the record of a patient whose they are not: hidden as by record.tombstone, each with a commitment to the version that stands in the right record, committed before by an ordinary record.commit. Nothing here names the right patient.',
  signers: ['id'],
  memberKinds: ['node', 'client'],
  onBehalfOf: 'optional',
  checks: [
    'Each leaf is proved in a batch on the ledger: `batch-unknown`, `inclusion-invalid`.',
    "The caller may write its owner's records, as in record.commit, whether or not the pid is merged or closed: what was never its patient's leaves it all the same: `owner-foreign`, `delegation-required`, `role-missing`.",
    'No leaf was hidden, moved or erased before; superseded ones move with the version that superseded them: `leaf-ended`.',
  ],
  writes: ['leaf/<keyId>/<leafHash> {status: tombstoned, call, successor}'],
  errors: [
    ...(['batch-unknown', 'inclusion-invalid', 'leaf-ended', 'owner-foreign', 'delegation-required'] as const),
    ...(['role-missing', 'patient-unknown'] as const),
  ],
  parse: (value) => {
    const fields = parseFields(value, 'args', ['leaves', 'successors']);
    const leaves = parseLeaves(fields.leaves, 'args.leaves');
    const successors = parseList(fields.successors, 'args.successors', { min: 1, max: LEAVES_MAX }, parseHash);
    // Two equal commitments would tell that one salt served twice, or that one version stands for two.
    demandUnique(successors, 'args.successors', (successor) => successor);
    demand(successors.length === leaves.length, 'args-invalid', 'args.successors: one for each leaf');
    return { leaves, successors };
  },
  run: async (context, { leaves, successors }) => {
    const checked = new Set<string>();
    for (const [at, leaf] of leaves.entries()) {
      const owner = await readLeafOwner(context, leaf);
      if (!checked.has(owner)) await demandKeeper(context, parseOwner(owner, 'owner'));
      checked.add(owner);
      await endLeaf(context, leaf, 'tombstoned', successors[at]);
    }
    return { leaves: leaves.length };
  },
});
