import { findBase64url, randomBytes, toBase64url } from './bytes.ts';
import { canonical, canonicalBytes, isInteger53, type Json } from './canonical-json.ts';
import { CryptoError } from './crypto-error.ts';
import { hashCanonical, hashTuple } from './hash.ts';
import { kidOf, SIGNATURE_BYTES, type Signer, verifyEs256 } from './signature.ts';

/** What a person, device, client or node signs to change the ledger (DESIGN §3). Binary fields are base64url. */
export type CallPayload = {
  readonly version: 'salus:call:v1';
  readonly alg: 'ES256';
  /** 128 random bits of one ledger: a call for one network means nothing on another. */
  readonly network: string;
  readonly contract: string;
  readonly transaction: string;
  readonly args: { readonly [key: string]: Json };
  /** `privateHash(salt, values)` of the private arguments that travel beside the call. */
  readonly privateHash?: string;
  /** `pid:<pid>/<kid>`, `claim:<pid>`, `recovery:<pid>` or `id:<opaque id>`. */
  readonly signer: string;
  readonly onBehalfOf?: Json;
  /** 128 random bits. */
  readonly nonce: string;
  /** Milliseconds since the epoch, or null for a call that never lapses (a revocation). */
  readonly notAfter: number | null;
};

export type SignedCall = {
  readonly payload: CallPayload;
  /** ES256 over the canonical payload, low S, P1363, base64url. */
  readonly signature: string;
};

export const CALL_VERSION = 'salus:call:v1';
export const CALL_ALG = 'ES256';
export const NONCE_BYTES = 16;

const NAME = /^[a-zA-Z][a-zA-Z0-9]{0,63}$/;
const SIGNER = /^(?:pid:[\w-]{22}\/[\w-]{22}|(?:claim|recovery|id):[\w-]{22})$/;
const PID_SIGNER = /^pid:[^/]+\/(.+)$/;
const REQUIRED = ['alg', 'args', 'contract', 'network', 'nonce', 'notAfter', 'signer', 'transaction', 'version'];
const OPTIONAL = ['onBehalfOf', 'privateHash'];

/** The call's id: base64url(SHA-256(canonical(payload))), its transaction id on every engine. */
export function callId(payload: CallPayload): string {
  return hashCanonical(payload as Json);
}

export async function signCall(payload: CallPayload, signer: Signer): Promise<SignedCall> {
  const signature = await signer.sign(canonicalBytes(payload as Json));
  return { payload, signature: toBase64url(signature) };
}

/**
 * True when the call is of this version and algorithm, its signature is `publicKey`'s, and a `pid:` signer names this
 * key's kid. Whether that key may act for the signer is the contract's decision. Never throws.
 */
export function verifyCall(call: SignedCall, publicKey: string): boolean {
  if (call.payload.version !== CALL_VERSION || call.payload.alg !== CALL_ALG) return false;
  const signature = findBase64url(call.signature, SIGNATURE_BYTES);
  if (signature === undefined) return false;
  const message = findMessage(call.payload);
  if (message === undefined || !verifyEs256(publicKey, message, signature)) return false;
  const kid = PID_SIGNER.exec(call.payload.signer)?.[1];
  return kid === undefined || kid === kidOf(publicKey);
}

/** An untrusted value as a signed call: exactly the known members, each of its shape; else `bad-call`. Verifies nothing. */
export function parseSignedCall(value: Json): SignedCall {
  const call = requireMembers(value, ['payload', 'signature'], []);
  const payload = requireMembers(call.payload, REQUIRED, OPTIONAL);
  const { args, notAfter, privateHash } = payload;
  const wellFormed =
    findBase64url(call.signature, SIGNATURE_BYTES) !== undefined &&
    payload.version === CALL_VERSION &&
    payload.alg === CALL_ALG &&
    findBase64url(payload.network, 16) !== undefined &&
    isMatch(payload.contract, NAME) &&
    isMatch(payload.transaction, NAME) &&
    isObject(args) &&
    (privateHash === undefined || findBase64url(privateHash, 32) !== undefined) &&
    isMatch(payload.signer, SIGNER) &&
    findBase64url(payload.nonce, NONCE_BYTES) !== undefined &&
    (notAfter === null || (isInteger53(notAfter) && notAfter >= 0));
  if (!wellFormed) throw new CryptoError('bad-call', 'a member of the signed call is malformed or of another version');
  return value as unknown as SignedCall;
}

/** The commitment to private arguments: hashTuple('private', salt, values). `salt` is base64url of 32 random bytes. */
export function privateHash(salt: string, values: Json): string {
  return hashTuple('private', salt, values);
}

/** 128 random bits as base64url, 22 characters. */
export function newNonce(): string {
  return toBase64url(randomBytes(NONCE_BYTES));
}

/** The text that is signed. */
export function callText(payload: CallPayload): string {
  return canonical(payload as Json);
}

function findMessage(payload: CallPayload): Uint8Array | undefined {
  try {
    return canonicalBytes(payload as Json);
  } catch (error) {
    // A payload without canonical form was signed by nobody.
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

function requireMembers(
  value: Json | undefined,
  required: readonly string[],
  optional: readonly string[],
): { readonly [key: string]: Json } {
  if (!isObject(value)) throw new CryptoError('bad-call', 'a signed call and its payload are objects');
  const keys = Object.keys(value);
  const complete = required.every((key) => Object.hasOwn(value, key));
  const closed = keys.every((key) => required.includes(key) || optional.includes(key));
  if (!complete || !closed) throw new CryptoError('bad-call', 'a signed call lacks a member or has an unknown one');
  return value;
}

function isMatch(value: Json | undefined, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
