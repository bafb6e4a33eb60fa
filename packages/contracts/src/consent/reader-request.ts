import type { Context } from '../context.ts';
import { demand } from '../errors.ts';
import { type InnerCall, type InnerRequest, type InnerTransaction, verifyInnerCall } from '../inner-call.ts';
import { type PatientFact, readOpenPatient } from '../patient/patient.ts';

/** A session's length from its `consent.use` or `consent.locate`. */
export const SESSION_MS = 15 * 60 * 1000;

/** What `call/<id of the reader's request>` holds when the request opened a session. */
export type SessionFact = {
  readonly transaction: 'consent.useRequest' | 'consent.locateRequest' | 'consent.emergencyRequest';
  readonly session: {
    readonly pid: string;
    readonly grant?: string;
    readonly emergency?: string;
    readonly untilMs: number;
  };
};

/** What it holds when the request changed a grant: nothing that a door could take for a session. */
export type SpentFact = {
  readonly transaction: 'consent.delegateRequest' | 'consent.narrowRequest';
  readonly spent: { readonly pid: string; readonly grant: string };
};

export const sessionKey = (request: string): string => `call/${request}`;

/**
 * The patient, when a member of the organisation that keeps their records has signed: it alone knows the terms and releases
 * the data. Else `caller-foreign`, `patient-unknown`, `patient-closed` or `patient-merged`.
 */
export async function demandOwnMember(context: Context, pid: string): Promise<PatientFact> {
  const patient = await readOpenPatient(context, pid);
  const { caller } = context;
  demand(caller.kind === 'id' && caller.organisation === patient.organisation, 'caller-foreign');
  return patient;
}

/** One signed request opens one session, however often a node replays it: `request-used`. */
export async function demandUnusedRequest(context: Context, request: string): Promise<void> {
  demand((await context.get(sessionKey(request))) === undefined, 'request-used');
}

/** Spends a request. Nothing here comes from private arguments but what the public ones name too. */
export function spendRequest(context: Context, request: string, fact: SessionFact | SpentFact): void {
  context.put(sessionKey(request), fact);
}

/**
 * Verifies the reader's request behind the public `request` id: `request-mismatch` when it is another one. Its arguments are
 * the reader's word; the caller compares them with what the node states.
 */
export async function verifyRequest(
  context: Context,
  { inner, transaction, request }: RequestToVerify,
): Promise<InnerCall> {
  const verified = await verifyInnerCall(context, { ...inner, transaction });
  demand(verified.callId === request, 'request-mismatch');
  return verified;
}

export type RequestToVerify = {
  readonly inner: InnerRequest;
  readonly transaction: InnerTransaction;
  /** The id that the submitting node states in public. */
  readonly request: string;
};
