import type { CallPayload, PrivateArgs, SignedCall } from '@salus/contracts';
import { hashTuple, type Json, newNonce, randomBytes, type Signer, signCall, toBase64url } from '@salus/crypto';
import type { Ledger, SubmitResult } from '@salus/ledger';

/** A call as anybody who holds some key can make it: nothing here checks whether it is allowed. */
export interface Forged {
  readonly call: SignedCall;
  readonly privateArgs?: PrivateArgs;
}

export interface ForgedContent {
  readonly network: string;
  readonly transaction: `${string}.${string}`;
  readonly args: { readonly [name: string]: Json };
  readonly signer: string;
  readonly key: Signer;
  readonly nowMs: number;
  readonly onBehalfOf?: CallPayload['onBehalfOf'];
  readonly values?: { readonly [name: string]: Json };
}

export async function forge(content: ForgedContent): Promise<Forged> {
  const { network, transaction, args, signer, key, nowMs, onBehalfOf, values } = content;
  const [contract = '', name = ''] = transaction.split('.');
  const salt = toBase64url(randomBytes(32));
  const payload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network,
    contract,
    transaction: name,
    args,
    ...(values === undefined ? {} : { privateHash: hashTuple('private', salt, values) }),
    signer,
    ...(onBehalfOf === undefined ? {} : { onBehalfOf }),
    nonce: newNonce(),
    notAfter: nowMs + 300_000,
  };
  const call = (await signCall(payload as Parameters<typeof signCall>[0], key)) as SignedCall;
  return { call, ...(values === undefined ? {} : { privateArgs: { salt, values } }) };
}

/** Submits straight to the ledger, past every door; `committed` or the code of the refusal. */
export async function outcomeOf(ledger: Ledger, { call, privateArgs }: Forged): Promise<string> {
  const result: SubmitResult = await ledger.submit(call, privateArgs);
  return result.kind === 'committed' ? 'committed' : result.code;
}
