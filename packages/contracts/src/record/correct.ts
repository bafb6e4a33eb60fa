import { parseFields, parseOwner } from '../args.ts';
import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
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
import { demandWriter } from './writer.ts';

type CorrectArgs = CommitArgs & {
  readonly replaces: readonly LeafReference[];
  readonly tombstones: readonly LeafReference[];
};

export const correct = defineTransaction<CorrectArgs>({
  contract: 'record',
  name: 'correct',
  summary:
    'Commits new versions, marks the versions that they replace as superseded, and hides others, all or nothing; the ended ones stay provable.',
  signers: ['id'],
  memberKinds: ['node', 'client'],
  onBehalfOf: 'optional',
  checks: [
    ...COMMIT_CHECKS,
    'Each replaced or hidden leaf is proved in a batch on the ledger: `batch-unknown`, `inclusion-invalid`.',
    'The call commits a batch for the owner of each replaced leaf: `replacement-missing`.',
    'The caller may write the owner of each hidden leaf, as in record.tombstone.',
    'No such leaf was ended before, so that of two concurrent corrections one commits: `leaf-ended`.',
  ],
  writes: [...COMMIT_WRITES, 'leaf/<keyId>/<leafHash> {status: superseded | tombstoned, call}'],
  errors: [...COMMIT_ERRORS, 'batch-unknown', 'inclusion-invalid', 'replacement-missing', 'leaf-ended'],
  parse: (value) => {
    const fields = parseFields(value, 'args', [...COMMIT_FIELDS, 'replaces'], ['tombstones']);
    const { replaces } = fields;
    const tombstones = fields.tombstones === undefined ? [] : parseLeaves(fields.tombstones, 'args.tombstones');
    const hidesOnly = tombstones.length > 0 && Array.isArray(replaces) && replaces.length === 0;
    return { ...parseCommit(fields), replaces: hidesOnly ? [] : parseLeaves(replaces, 'args.replaces'), tombstones };
  },
  run: runCorrect,
});

async function runCorrect(context: Context, args: CorrectArgs): Promise<Json> {
  const owners = new Set(args.batches.map((batch) => batch.owner.text));
  for (const leaf of args.replaces) {
    // The batch's owner is one that the caller may write, or the commit below refuses.
    demand(owners.has(await readLeafOwner(context, leaf)), 'replacement-missing');
    await endLeaf(context, leaf, 'superseded');
  }
  for (const leaf of args.tombstones) {
    const owner = await readLeafOwner(context, leaf);
    if (!owners.has(owner)) await demandWriter(context, parseOwner(owner, 'owner'));
    await endLeaf(context, leaf, 'tombstoned');
  }
  return runCommit(context, args);
}
