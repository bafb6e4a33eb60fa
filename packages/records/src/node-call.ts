import type { SignedCall } from '@salus/contracts';
import {
  type CallPayload,
  callId,
  type Json,
  newNonce,
  privateHash,
  randomBytes,
  signCall,
  toBase64url,
} from '@salus/crypto';
import type { Clock, MemberSigner } from './vault-types.ts';

/** How long the ledger may take a call that the node signs now. */
export const NODE_CALL_TTL_MS = 10 * 60_000;
const SALT_BYTES = 32;

export interface NodeIdentity {
  readonly network: string;
  readonly node: MemberSigner;
  readonly clock: Clock;
}

export interface NodeCall {
  /** `consent.use` … */
  readonly transaction: string;
  readonly args: { readonly [key: string]: Json };
  readonly values?: { readonly [key: string]: Json };
}

export interface PreparedNodeCall {
  readonly callId: string;
  readonly call: SignedCall;
  readonly privateArgs?: { readonly salt: string; readonly values: { readonly [key: string]: Json } };
}

/** A call signed by the organisation's node in its own name. */
export async function signNodeCall(
  identity: NodeIdentity,
  { transaction, args, values }: NodeCall,
): Promise<PreparedNodeCall> {
  const [contract = '', name = ''] = transaction.split('.');
  const salt = toBase64url(randomBytes(SALT_BYTES));
  const payload: CallPayload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network: identity.network,
    contract,
    transaction: name,
    args,
    ...(values === undefined ? {} : { privateHash: privateHash(salt, values) }),
    signer: `id:${identity.node.id}`,
    nonce: newNonce(),
    notAfter: identity.clock() + NODE_CALL_TTL_MS,
  };
  const call = (await signCall(payload, identity.node.signer)) as SignedCall;
  const signed = { callId: callId(payload), call };
  return values === undefined ? signed : { ...signed, privateArgs: { salt, values } };
}

/** The id of any call, of whichever package's type. */
export function idOfCall(call: SignedCall): string {
  return callId(call.payload as CallPayload);
}
