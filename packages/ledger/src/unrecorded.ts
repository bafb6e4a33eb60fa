import type { ContractCode } from '@salus/contracts';

/**
 * Refusals that never enter a block although the signer is known. Either the arguments or the delegation were not parsed, and
 * whatever a faulty client put there might identify a patient; or the fault is in what travelled beside the call, for which not
 * the signer but whoever sent it answers; or somebody signed whose name beside a grant or pid would tell that they are its
 * reader: only the organisation that keeps the records may stand there.
 */
export const UNRECORDED_CODES: ReadonlySet<ContractCode> = new Set([
  'args-invalid',
  'caller-foreign',
  'delegation-malformed',
  'limit-exceeded',
  'member-kind-not-allowed',
  'private-missing',
  'private-mismatch',
  'private-unexpected',
]);
