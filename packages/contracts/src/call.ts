import type { CallPayload, PrivateArgs, SignedCall, SignerKind } from './context.ts';
import { type ContractCode, ContractError } from './errors.ts';
import { isJsonObject, type Json, type JsonLimits, measureJson } from './json.ts';

/** Canonical bytes and nesting of public arguments, and of private ones. */
export const ARGS_LIMITS: JsonLimits = { sizeBytesMax: 256 * 1024, depthMax: 16 };
/** A delegation is a dozen short fields. */
export const DELEGATION_LIMITS: JsonLimits = { sizeBytesMax: 4 * 1024, depthMax: 4 };
/** How far ahead `notAfter` may lie: until then a refused call may be sent again, and its private arguments must be kept. */
export const NOT_AFTER_AHEAD_MAX_MS = 24 * 60 * 60 * 1000;

const REQUIRED = ['version', 'alg', 'network', 'contract', 'transaction', 'args', 'signer', 'nonce', 'notAfter'];
const OPTIONAL = ['privateHash', 'onBehalfOf'];
const NETWORK = /^[A-Za-z0-9_-]{22}$/;
const NAME = /^[a-z][A-Za-z0-9]{0,63}$/;
const NONCE = /^[A-Za-z0-9_-]{22}$/;
const HASH = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/;
const SIGNER = /^(?:(id|claim|recovery):([A-Za-z0-9_-]{22})|pid:([A-Za-z0-9_-]{22})\/([A-Za-z0-9_-]{22}))$/;

/** `subject` is an identity's id or a pid; `kid` names the device of a `pid` signer. */
export type SignerName =
  | { readonly kind: 'id' | 'claim' | 'recovery'; readonly subject: string }
  | { readonly kind: 'pid'; readonly subject: string; readonly kid: string };

/**
 * An untrusted value as a signed call: exactly the known members, each of its form, `args` within `ARGS_LIMITS`. Verifies
 * nothing. `onBehalfOf` is only measured; `checkDelegation` parses it. Throws `call-malformed` or the fault of the JSON.
 */
export function parseCall(value: unknown): SignedCall {
  const call = members(value, ['payload', 'signature'], []);
  const payload = members(call['payload'], REQUIRED, OPTIONAL);
  const { notAfter, privateHash } = payload;
  const wellFormed =
    matches(call['signature'], SIGNATURE) &&
    payload['version'] === 'salus:call:v1' &&
    payload['alg'] === 'ES256' &&
    matches(payload['network'], NETWORK) &&
    matches(payload['contract'], NAME) &&
    matches(payload['transaction'], NAME) &&
    matches(payload['signer'], SIGNER) &&
    matches(payload['nonce'], NONCE) &&
    (!Object.hasOwn(payload, 'privateHash') || matches(privateHash, HASH)) &&
    (notAfter === null || (typeof notAfter === 'number' && Number.isSafeInteger(notAfter) && notAfter >= 0)) &&
    isJsonObject(payload['args']);
  if (!wellFormed) throw new ContractError('call-malformed');
  demandJson(payload['args'], ARGS_LIMITS, 'args');
  if (Object.hasOwn(payload, 'onBehalfOf')) demandJson(payload['onBehalfOf'], DELEGATION_LIMITS, 'onBehalfOf');
  return value as SignedCall;
}

/** The private arguments of a call as its host passes them; throws like `parseCall`, and never says a value. */
export function parsePrivateArgs(value: unknown): PrivateArgs {
  const args = members(value, ['salt', 'values'], []);
  if (!matches(args['salt'], HASH) || !isJsonObject(args['values']))
    throw new ContractError('call-malformed', 'private');
  demandJson(args['values'], ARGS_LIMITS, 'private');
  return value as PrivateArgs;
}

export function parseSigner(signer: string): SignerName {
  const match = SIGNER.exec(signer);
  if (match === null) throw new ContractError('call-malformed', 'signer');
  if (match[3] !== undefined) return { kind: 'pid', subject: match[3], kid: match[4]! };
  return { kind: match[1] as Exclude<SignerKind, 'pid'>, subject: match[2]! };
}

/** Refuses a call that is too late, or that would stay valid for longer than `NOT_AFTER_AHEAD_MAX_MS`. */
export function checkNotAfter(payload: CallPayload, timestampMs: number, timeless: boolean): void {
  const { notAfter } = payload;
  if (notAfter === null) {
    if (!timeless) throw new ContractError('not-after-required');
    return;
  }
  if (timestampMs > notAfter) throw new ContractError('not-after-passed');
  // What may always be sent, however late, may also name a far end.
  if (!timeless && notAfter > timestampMs + NOT_AFTER_AHEAD_MAX_MS) throw new ContractError('not-after-too-far');
}

function demandJson(value: unknown, limits: JsonLimits, name: string): asserts value is Json {
  const measured = measureJson(value, limits);
  if (!measured.ok) throw new ContractError(measured.fault satisfies ContractCode, name);
}

function members(
  value: unknown,
  required: readonly string[],
  optional: readonly string[],
): { readonly [key: string]: unknown } {
  if (!isJsonObject(value)) throw new ContractError('call-malformed');
  const keys = Object.keys(value);
  const complete = required.every((key) => Object.hasOwn(value, key));
  const closed = keys.every((key) => required.includes(key) || optional.includes(key));
  if (!complete || !closed) throw new ContractError('call-malformed', 'members');
  return value;
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}
