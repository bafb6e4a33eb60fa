import { parseFields, parseList } from '../args.ts';
import type { Context } from '../context.ts';
import { type ContractCode, ContractError } from '../errors.ts';
import type { Json } from '../json.ts';
import { parseRegistration, type Registration, registerPatient } from '../patient/register.ts';
import { defineTransaction } from '../transaction.ts';
import { BATCHES_MAX, type Batches, commitBatches, parseBatches } from './batch.ts';

/** Patients that one call may register. */
export const REGISTRATIONS_MAX = 500;

export type CommitArgs = Batches & { readonly registrations: readonly Registration[] };

export const COMMIT_FIELDS = ['batches', 'keys', 'tables', 'registrations'] as const;

/** Codes and keys that `commit` and `correct` have in common. */
export const COMMIT_ERRORS: readonly ContractCode[] = [
  ...([
    'owner-foreign',
    'delegation-required',
    'role-missing',
    'stale-epoch',
    'table-exists',
    'table-missing',
  ] as const),
  ...([
    'key-id-exists',
    'key-id-unknown',
    'key-id-foreign',
    'patient-unknown',
    'patient-closed',
    'patient-merged',
  ] as const),
];
export const COMMIT_WRITES: readonly string[] = [
  'record/table/<owner>/<epoch> {root, size, version}',
  'record/key/<keyId> {owner, epoch}',
  'record/root/<keyId>/<callId> {owner, count, root}',
  'what patient.register writes, for each registration',
];
export const COMMIT_CHECKS: readonly string[] = [
  'Each registration passes the checks of patient.register.',
  'The caller is a node or client of the organisation that keeps each owner: `owner-foreign`.',
  'For a patient it acts for a user with a writing role, or is a client with the role `feed`: `delegation-required`, `role-missing`.',
  "New tables, new keys and each batch's key are of the owner's current epoch: `stale-epoch`.",
  'A table and a key id are registered once: `table-exists`, `key-id-exists`.',
  "A batch's key is registered for its owner: `key-id-unknown`, `key-id-foreign`.",
  'The epoch has its completeness table, at the latest from this call: `table-missing`.',
];

export const commit = defineTransaction<CommitArgs>({
  contract: 'record',
  name: 'commit',
  summary:
    'Commits batches of new record versions, each a Merkle root under one data key, with new keys, completeness tables and registrations, all or nothing.',
  signers: ['id'],
  memberKinds: ['node', 'client'],
  onBehalfOf: 'optional',
  checks: COMMIT_CHECKS,
  writes: COMMIT_WRITES,
  errors: COMMIT_ERRORS,
  parse: (value) => parseCommit(parseFields(value, 'args', COMMIT_FIELDS)),
  run: runCommit,
});

export function parseCommit(fields: { readonly [K in (typeof COMMIT_FIELDS)[number]]: Json }): CommitArgs {
  const batches = parseBatches(fields);
  const registrations = parseList(
    fields.registrations,
    'args.registrations',
    { max: REGISTRATIONS_MAX },
    parseRegistration,
  );
  const items = registrations.length + batches.batches.length + batches.keys.length + batches.tables.length;
  if (items === 0) throw new ContractError('args-invalid', `args must hold 1 to ${BATCHES_MAX} items`);
  return { ...batches, registrations };
}

/** Registrations come first, so that a new patient's first records commit with them. */
export async function runCommit(context: Context, args: CommitArgs): Promise<Json> {
  for (const registration of args.registrations) await registerPatient(context, registration);
  await commitBatches(context, args);
  return { batches: args.batches.length, registrations: args.registrations.length };
}
