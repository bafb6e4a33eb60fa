import { parseFields, parseHash, parseId } from '../args.ts';
import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { putPatient } from './device.ts';
import { type PatientFact, readUnclosedPatient } from './patient.ts';
import { registrarOf } from './register.ts';

const HOLDERS = {
  signers: ['id', 'pid'],
  memberKinds: ['staff', 'node', 'client'],
  onBehalfOf: 'optional',
} as const;
const HOLDER_CHECKS = [
  'The pid is not closed: `patient-unknown`, `patient-closed`.',
  'While nobody has claimed it, the organisation that keeps it decides, by those who may register patients: `organisation-mismatch`, `delegation-required`, `role-missing`.',
  'Once it is claimed, a device of the pid itself signs, and nobody else: `patient-claimed`, `caller-foreign`.',
] as const;
const HOLDER_ERRORS = [
  ...(['patient-unknown', 'patient-closed', 'organisation-mismatch', 'patient-claimed', 'caller-foreign'] as const),
  ...(['delegation-required', 'role-missing'] as const),
] as const;

type MergeArgs = { readonly pid: string; readonly commitment: string };
/** What opens the commitment; it stays with the organisation that keeps both pids. */
type MergePrivate = { readonly survivor: string; readonly salt: string };

/** What the ledger holds of a merge: hashTuple('merge', salt, network, pid, survivor); the salt is base64url of 32 random bytes. */
export function mergeCommitment(
  pure: { hashTuple(use: string, ...items: readonly string[]): string },
  merge: { readonly network: string; readonly pid: string; readonly survivor: string; readonly salt: string },
): string {
  return pure.hashTuple('merge', merge.salt, merge.network, merge.pid, merge.survivor);
}

/** What the ledger holds of a moved version: hashTuple('move', salt, leafHash, successor's leafHash). */
export function moveCommitment(
  pure: { hashTuple(use: string, ...items: readonly string[]): string },
  move: { readonly leafHash: string; readonly successor: string; readonly salt: string },
): string {
  return pure.hashTuple('move', move.salt, move.leafHash, move.successor);
}

export const merge = defineTransaction<MergeArgs, MergePrivate>({
  contract: 'patient',
  name: 'merge',
  summary:
    'A pid turns out to be a second one of a patient whom the organisation knows: nothing is written to it, granted, claimed or opened any more, until patient.unmerge. Which pid goes on is committed to and not told.',
  ...HOLDERS,
  checks: [
    ...HOLDER_CHECKS,
    'It is not merged yet: `patient-merged`.',
    'Private: survivor and salt open the commitment, and the survivor is another pid: `commitment-mismatch`.',
  ],
  writes: ['patient/pid/<pid> {…, merged: {commitment, sinceMs}}'],
  errors: [...HOLDER_ERRORS, 'patient-merged', 'commitment-mismatch'],
  private: { summary: '{survivor, salt}', required: true, pid: 'args.pid' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['pid', 'commitment']);
    return {
      pid: parseId(fields.pid, 'args.pid'),
      commitment: parseHash(fields.commitment, 'args.commitment'),
    };
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['survivor', 'salt']);
    return { survivor: parseId(fields.survivor, 'private.survivor'), salt: parseHash(fields.salt, 'private.salt') };
  },
  run: async (context, { pid, commitment }, priv) => {
    const patient = await readHeldPatient(context, pid);
    demand(patient.merged === undefined, 'patient-merged');
    if (priv !== undefined) {
      // The survivor's own fact is not read: keys that are read would tell other members whom it concerns.
      const { network, pure } = context;
      const opened = mergeCommitment(pure, { ...priv, network, pid });
      demand(priv.survivor !== pid && opened === commitment, 'commitment-mismatch');
    }
    putPatient(context, { ...patient, merged: { commitment, sinceMs: context.timestampMs } });
    context.emit('patient.merged', { pid });
    return { pid };
  },
});

export const unmerge = defineTransaction<{ readonly pid: string }>({
  contract: 'patient',
  name: 'unmerge',
  summary: 'Takes a merge back: the pid is what it was, with its devices and grants.',
  ...HOLDERS,
  checks: [...HOLDER_CHECKS, 'It is merged: `patient-not-merged`.'],
  writes: ['patient/pid/<pid> {…} without `merged`'],
  errors: [...HOLDER_ERRORS, 'patient-not-merged'],
  parse: (value) => ({ pid: parseId(parseFields(value, 'args', ['pid']).pid, 'args.pid') }),
  run: async (context, { pid }) => {
    const { merged, ...patient } = await readHeldPatient(context, pid);
    demand(merged !== undefined, 'patient-not-merged');
    putPatient(context, patient);
    context.emit('patient.unmerged', { pid });
    return { pid };
  },
});

/**
 * The patient, when the caller is who decides about the pid as a whole: the custodian while it is unclaimed, its own device
 * afterwards. A custodian who could merge a claimed pid would take it from its patient.
 */
async function readHeldPatient(context: Context, pid: string): Promise<PatientFact> {
  const patient = await readUnclosedPatient(context, pid);
  const { caller } = context;
  if (caller.kind === 'pid') {
    demand(caller.pid === pid, 'caller-foreign');
    return patient;
  }
  demand(patient.status === 'unclaimed', 'patient-claimed');
  demand(registrarOf(context).organisation === patient.organisation, 'organisation-mismatch');
  return patient;
}

export const merges: readonly AnyTransaction[] = [merge, unmerge];
