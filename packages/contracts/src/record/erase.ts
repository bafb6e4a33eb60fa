import { parseFields } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { endLeaf, type LeafReference, parseLeaves, readLeafOwner } from './leaf.ts';

type EraseArgs = { readonly leaves: readonly LeafReference[] };

export const erase = defineTransaction<EraseArgs>({
  contract: 'record',
  name: 'erase',
  summary:
    "A patient orders the erasure of versions of their own records: the vault destroys salt, wraps, ciphertext and index rows. A record's call names all its versions.",
  signers: ['pid'],
  checks: [
    'Each leaf is proved in a batch on the ledger: `batch-unknown`, `inclusion-invalid`.',
    'Each leaf belongs to the pid whose device signed: `owner-foreign`.',
    'No leaf was erased before; superseded and tombstoned ones may be: `leaf-ended`.',
  ],
  writes: ['leaf/<keyId>/<leafHash> {status: erased, call}'],
  errors: ['patient-closed', 'batch-unknown', 'inclusion-invalid', 'owner-foreign', 'leaf-ended'],
  parse: (value) => ({ leaves: parseLeaves(parseFields(value, 'args', ['leaves']).leaves, 'args.leaves') }),
  run: async (context, { leaves }) => {
    const { caller } = context;
    for (const leaf of leaves) {
      const owner = await readLeafOwner(context, leaf);
      demand(caller.kind === 'pid' && owner === `pid:${caller.pid}`, 'owner-foreign');
      await endLeaf(context, leaf, 'erased');
    }
    return { leaves: leaves.length };
  },
});
