import { demandNotMoved } from './access/move.ts';
import { checkNotAfter, parseCall, parsePrivateArgs, parseSigner } from './call.ts';
import { findTransaction } from './catalogue.ts';
import type { Caller, Context, Event, Execution, Host, Outcome, PrivateArgs, SignedCall } from './context.ts';
import { checkDelegation } from './delegation.ts';
import { ContractError, demand } from './errors.ts';
import { isJsonObject, type Json, type JsonObject } from './json.ts';
import { loadMembers, type Members } from './members.ts';
import { openOverlay } from './overlay.ts';
import { type ActFact, actKey } from './patient/act.ts';
import type { GuardianScope } from './patient/guardian-terms.ts';
import { hasRole } from './roles.ts';
import { resolveSigner } from './signer.ts';
import type { AnyTransaction, ResolvedSigner } from './transaction.ts';

/** Changes with every change of a transaction's result or writes; blocks name it. */
export const CONTRACTS_VERSION = '1.3.0';
/** Most events that one call may emit. */
export const EVENTS_MAX = 1000;

export const callKey = (callId: string): string => `call/${callId}`;

/**
 * Runs one call on the host's state and tells what it does; writes nothing itself. The order of the checks is fixed, so that
 * every engine refuses with the same code: form and bounds, network, `call/<id>` (a committed call is `repeated`, also after
 * its `notAfter` and after the ledger's end), whether the ledger has moved, `notAfter`, transaction, kind of signer, signer's
 * key, signature, form of the arguments, kind and role of a member, a guardian's scope, delegation, private arguments, then the transaction's own.
 * The arguments are parsed as soon as it is sure who signed: what an engine records of a refusal is never arbitrary text. A
 * refusal writes nothing. Rejects only when an invariant is broken.
 */
export async function execute(host: Host, execution: Execution): Promise<Outcome> {
  let callId: string | null = null;
  try {
    const call = parseCall(execution.call);
    callId = host.pure.callId(call.payload);
    demand(call.payload.network === host.network, 'wrong-network');
    const members = await loadMembers((key) => host.get(key));
    const earlier = await host.get(callKey(callId));
    // What an inner call opened has no result of its own: submitted as a call, it is refused as an unknown transaction below.
    if (isJsonObject(earlier) && Object.hasOwn(earlier, 'result')) {
      // Its host may go on with the private arguments: they are those that committed, or the call is not the same.
      if (execution.mode === 'full' && execution.privateArgs !== undefined)
        openPrivate(host, execution.privateArgs, call);
      return { kind: 'repeated', callId, result: earlier['result']! };
    }
    await demandNotMoved((key) => host.get(key), call.payload);
    return await run(host, execution, { call, callId, members });
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    const { code, detail } = error;
    return { kind: 'refused', callId, code, ...(detail === undefined ? {} : { detail }) };
  }
}

interface Job {
  readonly call: SignedCall;
  readonly callId: string;
  readonly members: Members;
}

async function run(host: Host, execution: Execution, job: Job): Promise<Outcome> {
  const { call, callId, members } = job;
  const { payload } = call;
  const { timestampMs } = execution;
  const transaction = findTransaction(payload.contract, payload.transaction);
  checkNotAfter(payload, timestampMs, transaction?.timeless === true);
  if (transaction === undefined) throw new ContractError('unknown-transaction');
  demand(transaction.resolveSigner !== undefined || members.network !== undefined, 'not-founded');
  demand(transaction.signers.includes(parseSigner(payload.signer).kind), 'signer-not-allowed');
  const args = transaction.resolveSigner === undefined ? undefined : transaction.parse(payload.args);
  const signer = await findSigner(host, transaction, { ...job, timestampMs, args });
  demand(host.pure.verifyCall(call, signer.publicKey), 'signature-invalid');
  const parsed = args ?? transaction.parse(payload.args);
  const caller = await authorise(host, transaction, { ...job, timestampMs, caller: signer.caller });
  const values = findPrivateValues(host, execution, call, transaction);
  const overlay = openOverlay(host);
  const events: Event[] = [];
  const context: Context = {
    network: host.network,
    txId: callId,
    timestampMs,
    caller,
    members,
    pure: host.pure,
    onChannel: host.onChannel === true,
    get: <T>(key: string) => overlay.get(key) as Promise<T | undefined>,
    range: <T>(start: string, end: string, limit: number) =>
      overlay.range(start, end, limit) as Promise<readonly { readonly key: string; readonly value: T }[]>,
    put: overlay.put,
    delete: overlay.delete,
    emit: (name, value) => {
      if (events.length >= EVENTS_MAX) throw new ContractError('limit-exceeded', 'events');
      events.push({ name, value });
    },
  };
  const priv = values === undefined ? undefined : transaction.parsePrivate?.(values);
  const result = await transaction.run(context, parsed, priv);
  if (caller.kind === 'pid' && caller.guardian !== undefined) {
    const act: ActFact = { guardian: caller.kid, transaction: nameOf(transaction), ms: timestampMs };
    overlay.put(actKey(caller.pid, callId), act);
  }
  overlay.put(callKey(callId), { transaction: nameOf(transaction), result });
  return { kind: 'committed', callId, result, writes: overlay.writes(), events, signer: payload.signer };
}

/** A guardian signs what its scope names, and nothing that no scope names: keys, devices, closing, other guardians. */
function demandScope(transaction: AnyTransaction, scope: readonly GuardianScope[]): void {
  const wanted = transaction.guardian;
  demand(wanted === 'any' || (wanted !== undefined && scope.includes(wanted)), 'guardian-scope');
}

async function findSigner(
  host: Host,
  transaction: AnyTransaction,
  { call, members, timestampMs, args }: Job & { readonly timestampMs: number; readonly args: unknown },
): Promise<ResolvedSigner> {
  const { payload } = call;
  if (transaction.resolveSigner !== undefined) {
    return transaction.resolveSigner({ payload, timestampMs, members, pure: host.pure }, args);
  }
  return resolveSigner(payload, {
    get: (key) => host.get(key),
    members,
    timestampMs,
    timeless: transaction.timeless === true,
  });
}

/** Kind and role of a member, then the delegation that the call carries; a patient's key acts only for itself. */
async function authorise(
  host: Host,
  transaction: AnyTransaction,
  job: Job & { readonly timestampMs: number; readonly caller: Caller },
): Promise<Caller> {
  const { caller } = job;
  const { onBehalfOf } = job.call.payload;
  if (caller.kind !== 'id') {
    demand(onBehalfOf === undefined, 'delegation-not-allowed');
    if (caller.kind === 'pid' && caller.guardian !== undefined) demandScope(transaction, caller.guardian.scope);
    return caller;
  }
  demand(transaction.memberKinds?.includes(caller.memberKind) === true, 'member-kind-not-allowed');
  demand(transaction.roles === undefined || hasRole(caller.roles, transaction.roles), 'role-missing');
  if (onBehalfOf === undefined) {
    demand(transaction.onBehalfOf !== 'required', 'delegation-required');
    return caller;
  }
  const delegable = caller.memberKind === 'client' || caller.memberKind === 'node';
  demand(transaction.onBehalfOf !== undefined && delegable, 'delegation-not-allowed');
  const user = await checkDelegation(onBehalfOf, {
    get: (key) => host.get(key),
    members: job.members,
    pure: host.pure,
    network: host.network,
    timestampMs: job.timestampMs,
    delegate: caller,
    transaction: nameOf(transaction),
  });
  return { ...caller, onBehalfOf: user };
}

function findPrivateValues(
  host: Host,
  execution: Execution,
  call: SignedCall,
  transaction: AnyTransaction,
): JsonObject | undefined {
  const { privateHash } = call.payload;
  if (privateHash === undefined) {
    demand(transaction.private?.required !== true, 'private-missing');
    demand(execution.privateArgs === undefined, 'private-unexpected');
    return undefined;
  }
  demand(transaction.private !== undefined, 'private-unexpected');
  if (execution.mode === 'public') return undefined;
  demand(execution.privateArgs !== undefined, 'private-missing');
  return openPrivate(host, execution.privateArgs, call);
}

function openPrivate(host: Host, privateArgs: PrivateArgs, { payload: { privateHash } }: SignedCall): JsonObject {
  demand(privateHash !== undefined, 'private-unexpected');
  const { salt, values } = parsePrivateArgs(privateArgs);
  demand(host.pure.hashTuple('private', salt, values) === privateHash, 'private-mismatch');
  return values;
}

function nameOf(transaction: AnyTransaction): string {
  return `${transaction.contract}.${transaction.name}`;
}

/** What `call/<id>` holds for a call that committed. */
export type CallFact = { readonly transaction: string; readonly result: Json };
