import { parseSigner } from './call.ts';
import type { CallPayload, MemberKind, SignedCall } from './context.ts';
import { ContractError } from './errors.ts';
import { isJsonObject, type Json } from './json.ts';
import type { Members } from './members.ts';
import { demandLiveIdentity, type IdentityFact, identityKey } from './membership/identity.ts';
import { type DeviceFact, deviceKey, type PatientFact, patientKey } from './patient/patient.ts';
import type { ResolvedSigner } from './transaction.ts';

type Get = (key: string) => Json | undefined | Promise<Json | undefined>;

export interface SignerLookup {
  readonly get: Get;
  readonly members: Members;
  readonly timestampMs: number;
  /** A closed patient signs nothing but what is timeless: a revocation always wins. */
  readonly timeless: boolean;
}

/**
 * Who the payload says has signed, and the key that decides whether it is so. Throws `signer-unknown`, `signer-revoked`,
 * `signer-expired`, `authority-retired`, `organisation-removed`, `patient-closed` or `guardian-ended`. A patient's own keys
 * do not depend on the organisation: whoever was a patient of a removed member still revokes.
 */
export async function resolveSigner(payload: CallPayload, lookup: SignerLookup): Promise<ResolvedSigner> {
  const name = parseSigner(payload.signer);
  switch (name.kind) {
    case 'id':
      return resolveMember(name.subject, lookup);
    case 'pid':
      return resolveDevice(name.subject, name.kid, lookup);
    case 'claim':
    case 'recovery':
      return resolvePatientKey(name.kind, name.subject, lookup);
  }
}

async function resolveMember(id: string, lookup: SignerLookup): Promise<ResolvedSigner> {
  const identity = (await lookup.get(identityKey(id))) as IdentityFact | undefined;
  demandLiveIdentity(identity, lookup.members, lookup.timestampMs);
  const { organisation, kind, roles, publicKey } = identity;
  return { caller: { kind: 'id', id, organisation, memberKind: kind satisfies MemberKind, roles }, publicKey };
}

async function resolveDevice(pid: string, kid: string, lookup: SignerLookup): Promise<ResolvedSigner> {
  const patient = (await lookup.get(patientKey(pid))) as PatientFact | undefined;
  const device = (await lookup.get(deviceKey(pid, kid))) as DeviceFact | undefined;
  if (patient === undefined || device === undefined) throw new ContractError('signer-unknown');
  if (device.status === 'removed') throw new ContractError('signer-revoked');
  if (patient.status === 'closed' && !lookup.timeless) throw new ContractError('patient-closed');
  const { publicKey, guardian } = device;
  const caller = { kind: 'pid', pid, kid, organisation: patient.organisation } as const;
  if (guardian === undefined) return { caller, publicKey };
  // Not even a revocation: whoever acts for somebody else does so until a day, and not a day longer.
  if (lookup.timestampMs >= guardian.untilMs) throw new ContractError('guardian-ended');
  return { caller: { ...caller, guardian: { scope: guardian.scope } }, publicKey };
}

async function resolvePatientKey(
  kind: 'claim' | 'recovery',
  pid: string,
  lookup: SignerLookup,
): Promise<ResolvedSigner> {
  const patient = (await lookup.get(patientKey(pid))) as PatientFact | undefined;
  if (patient === undefined) throw new ContractError('signer-unknown');
  if (patient.status === 'closed') throw new ContractError('patient-closed');
  // A slip that was used signs still, for `patient.claim` to refuse: its second use is recorded for everybody to see.
  const publicKey = kind === 'claim' ? patient.claimKey : patient.recovery;
  if (publicKey === undefined) throw new ContractError('signer-unknown');
  return { caller: { kind, pid, organisation: patient.organisation }, publicKey };
}

/**
 * The public key under which an engine may verify a call's signature ahead, in a worker, from its current state; undefined
 * when it cannot tell (the founding, an unknown signer, a malformed call). A hint only: `execute` decides by the state it runs on.
 */
export function signerKeyHint(get: (key: string) => Json | undefined, call: unknown): string | undefined {
  const payload = isJsonObject(call)
    ? (call as { readonly payload?: Partial<SignedCall['payload']> }).payload
    : undefined;
  const signer = payload?.signer;
  if (typeof signer !== 'string') return undefined;
  try {
    const name = parseSigner(signer);
    switch (name.kind) {
      case 'id':
        return (get(identityKey(name.subject)) as IdentityFact | undefined)?.publicKey;
      case 'pid':
        return (get(deviceKey(name.subject, name.kid)) as DeviceFact | undefined)?.publicKey;
      case 'claim':
        return (get(patientKey(name.subject)) as PatientFact | undefined)?.claimKey;
      case 'recovery':
        return (get(patientKey(name.subject)) as PatientFact | undefined)?.recovery;
    }
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}
