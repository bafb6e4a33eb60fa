import { parseFields } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import {
  COMMIT_CHECKS,
  COMMIT_ERRORS,
  COMMIT_FIELDS,
  COMMIT_WRITES,
  type CommitArgs,
  parseCommit,
  runCommit,
} from './commit.ts';
import { endLeaf, type LeafReference, parseLeaves, readLeafOwner } from './leaf.ts';

type CorrectArgs = CommitArgs & { readonly replaces: readonly LeafReference[] };

export const correct = defineTransaction<CorrectArgs>({
  contract: 'record',
  name: 'correct',
  summary: 'Commits new versions and marks the versions that they replace as superseded; the old ones stay provable.',
  signers: ['id'],
  memberKinds: ['node', 'client'],
  onBehalfOf: 'optional',
  checks: [
    ...COMMIT_CHECKS,
    'Each replaced leaf is proved in a batch on the ledger: `batch-unknown`, `inclusion-invalid`.',
    'The call commits a batch for the owner of each replaced leaf: `replacement-missing`.',
    'No replaced leaf was ended before, so that of two concurrent corrections one commits: `leaf-ended`.',
  ],
  writes: [...COMMIT_WRITES, 'leaf/<keyId>/<leafHash> {status: superseded, call}'],
  errors: [...COMMIT_ERRORS, 'batch-unknown', 'inclusion-invalid', 'replacement-missing', 'leaf-ended'],
  parse: (value) => {
    const fields = parseFields(value, 'args', [...COMMIT_FIELDS, 'replaces']);
    return { ...parseCommit(fields), replaces: parseLeaves(fields.replaces, 'args.replaces') };
  },
  run: async (context, args) => {
    const owners = new Set(args.batches.map((batch) => batch.owner.text));
    for (const leaf of args.replaces) {
      // The batch's owner is one that the caller may write, or the commit below refuses.
      demand(owners.has(await readLeafOwner(context, leaf)), 'replacement-missing');
      await endLeaf(context, leaf, 'superseded');
    }
    return runCommit(context, args);
  },
});
