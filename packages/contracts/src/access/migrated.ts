import {
  demandUnique,
  parseFields,
  parseHash,
  parseId,
  parseInteger,
  parseList,
  parseOrganisation,
  parseSignature,
} from '../args.ts';
import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { findIdentityFault, type IdentityFact, identityKey } from '../membership/identity.ts';
import { defineTransaction } from '../transaction.ts';
import { IMPORT_KEY, type ImportFact, type LedgerEnd, MOVE_KEY, type MoveFact } from './move.ts';

/** Signatures of one checkpoint: as many as a network has organisations, at most. */
const SIGNATURES_MAX = 256;

type CheckpointSignature = { readonly organisation: string; readonly id: string; readonly signature: string };
type Migrated = LedgerEnd & { readonly signatures: readonly CheckpointSignature[] };

export const migrated = defineTransaction<Migrated>({
  contract: 'access',
  name: 'migrated',
  summary:
    'Ends the import of a ledger that moved to this channel, and opens the channel. It names the last block and the state commitment, which the import has reached by applying every write set anew, and carries the checkpoint of that block.',
  signers: ['id'],
  memberKinds: ['staff', 'node'],
  checks: [
    'The import has taken over every block up to the one with which the ledger moved.',
    'Number, hash and state commitment are those of that block.',
    'For every active organisation an enrolled node has signed the checkpoint of that block: nobody can bring a ledger that a member does not know as its own.',
  ],
  writes: ['access/move', 'access/import'],
  errors: ['already-migrated', 'import-incomplete', 'import-mismatch', 'import-unvouched', 'args-invalid'],
  parse: (args) => {
    const fields = parseFields(args, 'args', ['number', 'hash', 'stateCommitment', 'signatures']);
    const signatures = parseList(fields.signatures, 'signatures', { min: 1, max: SIGNATURES_MAX }, (item, name) => {
      const { organisation, id, signature } = parseFields(item, name, ['organisation', 'id', 'signature']);
      return {
        organisation: parseOrganisation(organisation, `${name}.organisation`),
        id: parseId(id, `${name}.id`),
        signature: parseSignature(signature, `${name}.signature`),
      };
    });
    demandUnique(signatures, 'signatures', ({ organisation }) => organisation);
    return {
      number: parseInteger(fields.number, 'number', { min: 1 }),
      hash: parseHash(fields.hash, 'hash'),
      stateCommitment: parseHash(fields.stateCommitment, 'stateCommitment'),
      signatures,
    };
  },
  run: async (context, { number, hash, stateCommitment, signatures }) => {
    const move = await context.get<MoveFact>(MOVE_KEY);
    demand(move?.status !== 'migrated', 'already-migrated');
    const progress = await context.get<ImportFact>(IMPORT_KEY);
    if (move?.status !== 'moved' || progress === undefined || progress.taken < progress.count) {
      throw new ContractError('import-incomplete');
    }
    const isEnd = progress.number === number && progress.hash === hash && progress.stateCommitment === stateCommitment;
    demand(isEnd, 'import-mismatch');
    await demandVouched(context, { number, hash }, signatures);
    const fact: MoveFact = {
      ...move,
      status: 'migrated',
      number,
      hash,
      stateCommitment,
      migratedMs: context.timestampMs,
    };
    context.put(MOVE_KEY, fact);
    context.delete(IMPORT_KEY);
    context.emit('access.migrated', { number, hash, stateCommitment });
    return { number, stateCommitment };
  },
});

/** One valid signature of a live node for each active organisation; who else signed does not matter. */
async function demandVouched(
  context: Context,
  { number, hash }: { readonly number: number; readonly hash: string },
  signatures: readonly CheckpointSignature[],
): Promise<void> {
  const { network, members, pure, timestampMs } = context;
  const message = pure.canonical({ version: 'salus:checkpoint:v1', alg: 'ES256', network, number, hash });
  for (const organisation of members.active) {
    const signed = signatures.find((signature) => signature.organisation === organisation);
    if (signed === undefined) throw new ContractError('import-unvouched', organisation);
    const identity = await context.get<IdentityFact>(identityKey(signed.id));
    const vouches =
      identity !== undefined &&
      identity.organisation === organisation &&
      identity.kind === 'node' &&
      findIdentityFault(identity, members, timestampMs) === undefined &&
      pure.verifySignature(identity.publicKey, message, signed.signature);
    demand(vouches, 'import-unvouched', organisation);
  }
}
