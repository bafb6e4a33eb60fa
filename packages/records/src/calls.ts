import type { CallPayload, Json, PrivateArgs, SignedCall } from '@salus/contracts';
import { type CallPayload as CryptoCallPayload, newNonce, privateHash, signCall } from '@salus/crypto';
import type { Writer } from './vault-types.ts';

/** How long a call of this vault may be sent again. */
export const CALL_LIFETIME_MS = 10 * 60 * 1000;

/** A call signed by the writer's submitter, on behalf of the writer's person where there is one. */
export async function signWriterCall(
  writer: Pick<Writer, 'submitter' | 'onBehalfOf'>,
  call: {
    readonly network: string;
    readonly contract: string;
    readonly transaction: string;
    readonly args: { readonly [name: string]: Json };
    readonly nowMs: number;
    /** What travels beside the call; the payload carries its hash. */
    readonly privateArgs?: PrivateArgs;
  },
): Promise<SignedCall> {
  const { network, contract, transaction, args, nowMs, privateArgs } = call;
  const payload: CallPayload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network,
    contract,
    transaction,
    args,
    signer: `id:${writer.submitter.id}`,
    ...(writer.onBehalfOf === undefined ? {} : { onBehalfOf: writer.onBehalfOf }),
    ...(privateArgs === undefined ? {} : { privateHash: privateHash(privateArgs.salt, privateArgs.values) }),
    nonce: newNonce(),
    notAfter: nowMs + CALL_LIFETIME_MS,
  };
  return (await signCall(payload as CryptoCallPayload, writer.submitter.signer)) as SignedCall;
}
