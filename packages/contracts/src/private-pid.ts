import { parseSigner } from './call.ts';
import { findTransaction } from './catalogue.ts';
import { ContractError } from './errors.ts';
import { isJsonObject, type Json } from './json.ts';
import { type PatientFact, patientKey } from './patient/patient.ts';

const PID = /^[A-Za-z0-9_-]{22}$/;

/**
 * The pid that a call with private arguments concerns, as its transaction declares it; undefined for a call without
 * `privateHash`, and for one that names no pid, which every contract refuses. The payload may be any value.
 */
export function findPrivatePid(payload: unknown): string | undefined {
  if (!isJsonObject(payload) || payload['privateHash'] === undefined) return undefined;
  const { contract, transaction, signer, args } = payload;
  if (typeof contract !== 'string' || typeof transaction !== 'string' || typeof signer !== 'string') return undefined;
  const declared = findTransaction(contract, transaction)?.private;
  if (declared === undefined) return undefined;
  const pid = declared.pid === 'signer' ? pidOfSigner(signer) : isJsonObject(args) ? args['pid'] : undefined;
  return typeof pid === 'string' && PID.test(pid) ? pid : undefined;
}

/**
 * The organisation that must submit a call with private arguments and check them: the one that keeps the records of its pid.
 * undefined where `findPrivatePid` is, and for an unknown pid. Reads `patient/pid/<pid>` at most.
 */
export async function readPrivateOrganisation(
  get: (key: string) => Json | undefined | Promise<Json | undefined>,
  payload: unknown,
): Promise<string | undefined> {
  const pid = findPrivatePid(payload);
  if (pid === undefined) return undefined;
  return ((await get(patientKey(pid))) as PatientFact | undefined)?.organisation;
}

function pidOfSigner(signer: string): string | undefined {
  try {
    const name = parseSigner(signer);
    return name.kind === 'pid' ? name.subject : undefined;
  } catch (error) {
    if (error instanceof ContractError) return undefined;
    throw error;
  }
}
