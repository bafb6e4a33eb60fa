import { parseFields, parseId, parsePublicKey, parseTimeMs } from '../args.ts';
import type { Context, MemberCaller } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { FEED_ROLE, hasRole, REGISTERING_ROLES } from '../roles.ts';
import { putPatient } from './device.ts';
import { type PatientFact, patientKey } from './patient.ts';

/** A slip that was not used for so long is worth nothing; the organisation prints another. */
export const CLAIM_DURATION_MAX_MS = 90 * 24 * 60 * 60 * 1000;

/** A new pseudonym: `claimKey` is the public half of the key that only the patient's slip carries. */
export type Registration = { readonly pid: string; readonly claimKey: string; readonly claimNotAfterMs: number };

export function parseRegistration(value: Json | undefined, name: string): Registration {
  const fields = parseFields(value, name, ['pid', 'claimKey', 'claimNotAfterMs']);
  return {
    pid: parseId(fields.pid, `${name}.pid`),
    claimKey: parsePublicKey(fields.claimKey, `${name}.claimKey`),
    claimNotAfterMs: parseTimeMs(fields.claimNotAfterMs, `${name}.claimNotAfterMs`),
  };
}

/**
 * Registers a pid for the caller's organisation. Throws what `registrarOf` throws, and `patient-exists`, `claim-expired`,
 * `claim-too-long`.
 */
export async function registerPatient(context: Context, registration: Registration): Promise<void> {
  const { organisation } = registrarOf(context);
  const { pid, claimKey, claimNotAfterMs } = registration;
  demand((await context.get(patientKey(pid))) === undefined, 'patient-exists');
  checkClaimSpan(context, claimNotAfterMs);
  const patient: PatientFact = {
    pid,
    organisation,
    status: 'unclaimed',
    registeredMs: context.timestampMs,
    sequence: 0,
    claimKey,
    claimNotAfterMs,
    devices: [],
  };
  putPatient(context, patient);
  context.emit('patient.registered', { pid, organisation });
}

export function checkClaimSpan(context: Context, claimNotAfterMs: number): void {
  demand(claimNotAfterMs > context.timestampMs, 'claim-expired');
  demand(claimNotAfterMs <= context.timestampMs + CLAIM_DURATION_MAX_MS, 'claim-too-long');
}

/**
 * The member who may register patients: staff with a registering role, a node or client for such staff, or a client with the
 * role `feed` (an admissions feed has no user). Throws `delegation-required` or `role-missing`.
 */
export function registrarOf(context: Context): MemberCaller {
  const { caller } = context;
  if (caller.kind !== 'id') throw new ContractError('signer-not-allowed');
  if (caller.memberKind === 'client' && caller.roles.includes(FEED_ROLE)) return caller;
  const roles = caller.memberKind === 'staff' ? caller.roles : caller.onBehalfOf?.roles;
  if (roles === undefined) throw new ContractError('delegation-required');
  demand(hasRole(roles, REGISTERING_ROLES), 'role-missing');
  return caller;
}
