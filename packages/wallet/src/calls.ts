import type { CallPayload, SignedCall } from '@salus/contracts';
import {
  type HpkeKey,
  hashTuple,
  type Json,
  kidOf,
  newNonce,
  randomBytes,
  type Signer,
  signCall,
  toBase64url,
  utf8,
} from '@salus/crypto';

/** How long a committed call may be late; a revocation has no such limit. */
export const CALL_LIFETIME_MS = 10 * 60_000;

/** Where and when a call is made: the network it is for and the clock of the device. */
export interface Occasion {
  readonly network: string;
  readonly nowMs: number;
}

export interface CallContent {
  readonly contract: string;
  readonly transaction: string;
  readonly args: { readonly [key: string]: Json };
  readonly signer: string;
  /** Values that never enter a block; the call carries their salted hash. */
  readonly privateValues?: { readonly [key: string]: Json };
  /** A revocation never lapses. */
  readonly timeless?: boolean;
  /** 128 random bits that something else signed already; drawn when left out. */
  readonly nonce?: string;
}

/** A signed call and, where it has any, the private arguments that travel beside it. */
export interface PreparedCall {
  readonly call: SignedCall;
  readonly privateArgs: { readonly salt: string; readonly values: { readonly [key: string]: Json } } | null;
}

/** Signs `content` with `key`: the call's id is the SHA-256 of the payload that is signed here. */
export async function prepareCall(occasion: Occasion, content: CallContent, key: Signer): Promise<PreparedCall> {
  const { contract, transaction, args, signer, privateValues } = content;
  const salt = toBase64url(randomBytes(32));
  const payload: CallPayload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network: occasion.network,
    contract,
    transaction,
    args,
    ...(privateValues === undefined ? {} : { privateHash: hashTuple('private', salt, privateValues) }),
    signer,
    nonce: content.nonce ?? newNonce(),
    notAfter: content.timeless === true ? null : occasion.nowMs + CALL_LIFETIME_MS,
  };
  const call = (await signCall(payload as Parameters<typeof signCall>[0], key)) as SignedCall;
  return { call, privateArgs: privateValues === undefined ? null : { salt, values: privateValues } };
}

/** A device as the ledger registers it, with proof that whoever registers it holds its signing key. */
export async function deviceEntry(
  network: string,
  pid: string,
  signer: Signer,
  hpke: HpkeKey,
): Promise<{ readonly [key: string]: Json }> {
  const statement = hashTuple('device', network, pid, signer.publicKey, hpke.publicKey);
  return { publicKey: signer.publicKey, hpke: hpke.publicKey, proof: toBase64url(await signer.sign(utf8(statement))) };
}

/** The name of a device key in `signer`. */
export function pidSigner(pid: string, publicKey: string): string {
  return `pid:${pid}/${kidOf(publicKey)}`;
}
