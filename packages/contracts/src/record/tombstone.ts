import { parseFields, parseOwner } from '../args.ts';
import { defineTransaction } from '../transaction.ts';
import { endLeaf, type LeafReference, parseLeaves, readLeafOwner } from './leaf.ts';
import { demandWriter } from './writer.ts';

type TombstoneArgs = { readonly leaves: readonly LeafReference[] };

export const tombstone = defineTransaction<TombstoneArgs>({
  contract: 'record',
  name: 'tombstone',
  summary: 'Hides versions that were entered in error; their ciphertexts are kept.',
  signers: ['id'],
  memberKinds: ['node', 'client'],
  onBehalfOf: 'optional',
  checks: [
    'Each leaf is proved in a batch on the ledger: `batch-unknown`, `inclusion-invalid`.',
    "The caller may write its owner's records, as in record.commit: `owner-foreign`, `delegation-required`, `role-missing`.",
    'No leaf was ended before: `leaf-ended`.',
  ],
  writes: ['leaf/<keyId>/<leafHash> {status: tombstoned, call}'],
  errors: [
    ...(['batch-unknown', 'inclusion-invalid', 'leaf-ended', 'owner-foreign', 'delegation-required'] as const),
    ...(['role-missing', 'patient-unknown', 'patient-closed', 'patient-merged'] as const),
  ],
  parse: (value) => ({ leaves: parseLeaves(parseFields(value, 'args', ['leaves']).leaves, 'args.leaves') }),
  run: async (context, { leaves }) => {
    const checked = new Set<string>();
    for (const leaf of leaves) {
      const owner = await readLeafOwner(context, leaf);
      if (!checked.has(owner)) await demandWriter(context, parseOwner(owner, 'owner'));
      checked.add(owner);
      await endLeaf(context, leaf, 'tombstoned');
    }
    return { leaves: leaves.length };
  },
});
