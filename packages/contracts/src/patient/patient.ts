import type { Context } from '../context.ts';
import { ContractError } from '../errors.ts';
import type { GuardianScope } from './guardian-terms.ts';

/** patient/pid/<pid>: one organisation's pseudonym of one patient. */
export type PatientFact = {
  readonly pid: string;
  readonly organisation: string;
  readonly status: 'unclaimed' | 'claimed' | 'closed';
  readonly registeredMs: number;
  /** The number of the last key change; a change carries a greater one. */
  readonly sequence: number;
  /** Public half of the key that the slip carries; it stays listed after the claim, so that no later slip repeats it. */
  readonly claimKey: string;
  readonly claimNotAfterMs: number;
  readonly claimedMs?: number;
  /** While it is a second pid of a patient who goes on under another: which one, only the organisation can open. */
  readonly merged?: { readonly commitment: string; readonly sinceMs: number };
  readonly closedMs?: number;
  /** Public recovery key, from the claim on. */
  readonly recovery?: string;
  /** kids of active devices, sorted; at most `DEVICES_MAX`. */
  readonly devices: readonly string[];
  /** kids of those who act for the patient, sorted; at most `GUARDIANS_MAX`. Absent before the first. */
  readonly guardians?: readonly string[];
};

/** patient/device/<pid>/<kid>: one device's signing and HPKE keys for this pid alone. */
export type DeviceFact = {
  readonly kid: string;
  readonly publicKey: string;
  readonly hpke: string;
  readonly status: 'active' | 'removed';
  readonly addedMs: number;
  readonly removedMs?: number;
  /** Set on a guardian's key: what it may sign, and until when. Who it is, only the commitment's parties can open. */
  readonly guardian?: {
    readonly scope: readonly GuardianScope[];
    readonly untilMs: number;
    readonly commitment: string;
    readonly by: 'patient' | 'organisation';
  };
};

export const patientKey = (pid: string): string => `patient/pid/${pid}`;
export const deviceKey = (pid: string, kid: string): string => `patient/device/${pid}/${kid}`;

/** The patient, or `patient-unknown`. */
export async function readPatient(context: Context, pid: string): Promise<PatientFact> {
  const patient = await context.get<PatientFact>(patientKey(pid));
  if (patient === undefined) throw new ContractError('patient-unknown');
  return patient;
}

/** The patient, who is not closed, merged or not; else `patient-unknown` or `patient-closed`. */
export async function readUnclosedPatient(context: Context, pid: string): Promise<PatientFact> {
  const patient = await readPatient(context, pid);
  if (patient.status === 'closed') throw new ContractError('patient-closed');
  return patient;
}

/** The patient, whose pid is neither closed nor merged; else `patient-unknown`, `patient-closed` or `patient-merged`. */
export async function readOpenPatient(context: Context, pid: string): Promise<PatientFact> {
  const patient = await readUnclosedPatient(context, pid);
  if (patient.merged !== undefined) throw new ContractError('patient-merged');
  return patient;
}

/**
 * The patient, who holds their keys; else `patient-unknown`, `patient-closed` or `patient-unclaimed`. A merged pid's keys go on
 * to change: a stolen device could else not be removed, and would take the merge back.
 */
export async function readClaimedPatient(context: Context, pid: string): Promise<PatientFact> {
  const patient = await readUnclosedPatient(context, pid);
  if (patient.status === 'unclaimed') throw new ContractError('patient-unclaimed');
  return patient;
}
