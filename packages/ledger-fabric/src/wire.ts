import type { ContractCode, Event, Json, JsonObject, SignedCall } from '@salus/contracts';
import { callText, canonical, type CallPayload as SignedPayload, sha256, toBase64url, utf8 } from '@salus/crypto';
import { FabricError } from './fabric-error.ts';
import {
  canonicalOf,
  parseCanonical,
  parseText,
  refusal,
  requireArray,
  requireMembers,
  requireObject,
} from './strict-json.ts';

export {
  openPrivate,
  PRIVATE_BYTES_MAX,
  type PrivateContext,
  sealPrivate,
} from './private-values.ts';

/**
 * What travels between a node and the chaincode: the argument of `submit` with the gathered calls, the private values beside
 * it, and what the chaincode answers. All of it is canonical JSON (RFC 8785) in UTF-8: one value has one text, so that what
 * is signed, executed and stored in a block is one and the same.
 */
export const GATHERED_VERSION = 'salus:gathered:v1';
export const OUTCOMES_VERSION = 'salus:outcomes:v1';
export const REJECTED_VERSION = 'salus:rejected:v1';
export const FAULT_VERSION = 'salus:fault:v1';

/** The chaincode's functions, and the transient field of private values. */
export const SUBMIT_FUNCTION = 'submit';
export const IMPORT_FUNCTION = 'import';
export const METADATA_FUNCTION = 'metadata';
export const RANGE_FUNCTION = 'range';
export const PRIVATE_FIELD = 'private';

/** Calls in one Fabric transaction. */
export const GATHERED_CALLS_MAX = 500;
/** Bytes of the argument of `submit`. */
export const GATHERED_BYTES_MAX = 2 * 1024 * 1024;
/** Bytes of the outcomes in an answer. */
export const OUTCOMES_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes of the message of an unendorsed answer: gRPC carries it in trailers, once for each endorser. */
export const REJECTED_BYTES_MAX = 12 * 1024;
const REJECTED_FRAME_BYTES = 64;
/** How far the time of a proposal may lie from an endorser's own clock. */
export const TIME_OFF_MAX_MS = 30_000;

/** The time of a transaction's calls: that of its channel header (google.protobuf.Timestamp), in whole milliseconds. */
export function proposalTimeMs(timestamp: { readonly seconds: number; readonly nanos: number }): number {
  return timestamp.seconds * 1000 + Math.floor(timestamp.nanos / 1_000_000);
}

/** The status of an endorsed answer. */
export const OK_STATUS = 200;
/** The status of an answer that endorses nothing because a call must go out of the transaction. */
export const REJECTED_STATUS = 409;

/** Why the chaincode endorses nothing, whatever the calls are; each with its status. */
export const FAULT_STATUS = {
  /** No argument of this format. */
  malformed: 400,
  /** A call with private arguments whose pid's organisation is not the submitting one. */
  'foreign-submitter': 403,
  /** The proposal's time lies more than `TIME_OFF_MAX_MS` from the endorser's clock. */
  'time-off': 408,
  /** More calls, bytes or writes than one transaction takes: send fewer calls. */
  'too-large': 413,
  /** The private values do not open, or are not those of these calls. */
  'private-not-opened': 422,
  /** The chaincode runs as many transactions as it takes at once: send it again. */
  overloaded: 429,
  /** A contract broke an invariant, or the peer did not answer. */
  internal: 500,
} as const;
export type FaultCode = keyof typeof FAULT_STATUS;

/** A call of a gathered argument with the exact text that is signed and hashed. */
export type GatheredCall = { readonly call: SignedCall; readonly payloadText: string; readonly callId: string };

/** What became of a call, in the order of the calls. The second submission of a committed call is `repeated`. */
export type GatheredOutcome =
  | { readonly kind: 'committed'; readonly result: Json; readonly events: readonly Event[] }
  | { readonly kind: 'repeated' }
  /** `detail` stands only in answers that endorse nothing. */
  | { readonly kind: 'refused'; readonly code: ContractCode; readonly detail?: string };

/** A call that has to go out of a transaction before the rest is endorsed, by its index. */
export type Refusal = {
  readonly index: number;
  readonly outcome: Exclude<GatheredOutcome, { readonly kind: 'committed' }>;
};

/** What an unendorsed answer says; `call` is the index of the one call that is to blame. */
export type Failure =
  | { readonly kind: 'rejected'; readonly refusals: readonly Refusal[] }
  | { readonly kind: 'fault'; readonly code: FaultCode; readonly call?: number };

const REPEATED = { kind: 'repeated' } as const;
const CODE = /^[a-z][a-z0-9-]{0,63}$/;
const DETAIL_MAX = 300;
const SIGNATURE_MAX = 100;

/** The argument of `submit`. Throws `bad-wire` when there are no calls, too many, or too large ones. */
export function gatheredText(calls: readonly SignedCall[]): string {
  const parts = calls.map(({ payload, signature }) => callPart(callText(payload as SignedPayload), signature));
  const text = joinGathered(parts);
  checkGatheredSize(calls.length, Buffer.byteLength(text));
  return text;
}

/** Bytes that one call adds to a gathered argument. */
export function gatheredCallBytes({ payload, signature }: SignedCall): number {
  return Buffer.byteLength(callPart(callText(payload as SignedPayload), signature)) + 1;
}

/**
 * An untrusted argument of `submit`: 1 to `GATHERED_CALLS_MAX` values that have payload and signature, in canonical form. Whether a
 * payload is a call is for the contracts to say. Throws `bad-wire`.
 */
export function parseGathered(bytes: Uint8Array): readonly GatheredCall[] {
  if (bytes.length > GATHERED_BYTES_MAX) throw refusal(`an argument has at most ${GATHERED_BYTES_MAX} bytes`);
  const { text, value } = parseText(bytes);
  const gathered = requireMembers(value, ['calls', 'version']);
  if (gathered.version !== GATHERED_VERSION) throw refusal(`expected the version ${GATHERED_VERSION}`);
  const items = requireArray(gathered.calls, GATHERED_CALLS_MAX);
  checkGatheredSize(items.length, bytes.length);
  const calls = items.map(parseGatheredCall);
  const parts = calls.map(({ call, payloadText }) => callPart(payloadText, call.signature));
  if (joinGathered(parts) !== text) throw refusal('an argument is canonical JSON');
  return calls;
}

/** The response of an endorsed transaction. */
export function outcomesText(outcomes: readonly GatheredOutcome[]): string {
  const stated = outcomes.map(withoutDetail) as unknown as readonly JsonObject[];
  return canonical({ outcomes: stated, version: OUTCOMES_VERSION });
}

/**
 * The message of an answer with `REJECTED_STATUS`: `[index, code, detail?]` for what is refused, `[index, null]` for what is
 * repeated, at least one. The list ends before `REJECTED_BYTES_MAX`: with those calls gone, the next answer lists more.
 */
export function rejectedText(refusals: readonly Refusal[]): string {
  const items: (readonly Json[])[] = [];
  let bytes = REJECTED_FRAME_BYTES;
  for (const { index, outcome } of refusals) {
    const item = outcome.kind === 'repeated' ? [index, null] : [index, outcome.code, ...detailOf(outcome)];
    bytes += Buffer.byteLength(canonical(item)) + 1;
    if (bytes > REJECTED_BYTES_MAX) break;
    items.push(item);
  }
  return canonical({ refusals: items, version: REJECTED_VERSION });
}

/** The message of an answer with one of `FAULT_STATUS`. */
export function faultText(code: FaultCode, call?: number): string {
  return canonical({ version: FAULT_VERSION, code, ...(call === undefined ? {} : { call }) });
}

/** An untrusted response payload: as many outcomes as there were calls. Throws `bad-wire`. */
export function parseOutcomes(bytes: Uint8Array, count: number): readonly GatheredOutcome[] {
  if (bytes.length > OUTCOMES_BYTES_MAX) throw refusal(`outcomes have at most ${OUTCOMES_BYTES_MAX} bytes`);
  const answer = requireMembers(parseCanonical(bytes), ['outcomes', 'version']);
  if (answer.version !== OUTCOMES_VERSION) throw refusal(`expected the version ${OUTCOMES_VERSION}`);
  const items = requireArray(answer.outcomes, GATHERED_CALLS_MAX);
  if (items.length !== count) throw refusal(`expected ${count} outcomes`);
  return items.map(parseOutcome);
}

/** The message of an unendorsed answer about `count` calls; undefined for any other text: that of a peer, say. */
export function findFailure(message: string, count: number): Failure | undefined {
  if (message.length > REJECTED_BYTES_MAX || !message.isWellFormed()) return undefined;
  try {
    const value = requireObject(parseCanonical(utf8(message)));
    return value.version === REJECTED_VERSION ? parseRejected(value, count) : parseFault(value, count);
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

function parseRejected(value: JsonObject, count: number): Failure {
  const items = requireArray(requireMembers(value, ['refusals', 'version']).refusals, count);
  if (items.length === 0) throw refusal('a rejection names a call');
  const refusals = items.map((item) => {
    const [index, code, detail, ...more] = requireArray(item, 3);
    if (more.length > 0) throw refusal('a refusal has index, code and detail');
    return { index: parseIndex(index, count), outcome: code === null ? REPEATED : parseRefused(code, detail) };
  });
  if (refusals.some(({ index }, at) => index <= (refusals[at - 1]?.index ?? -1)))
    throw refusal('refusals are in the order of the calls');
  return { kind: 'rejected', refusals };
}

function parseFault(value: JsonObject, count: number): Failure {
  const { version, code, call } = requireMembers(value, ['code', 'version'], ['call']);
  if (version !== FAULT_VERSION || !isFaultCode(code)) throw refusal('expected a known fault');
  return { kind: 'fault', code, ...(call === undefined ? {} : { call: parseIndex(call, count) }) };
}

function parseIndex(value: Json | undefined, count: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= count)
    throw refusal('expected the index of a call');
  return value;
}

function isFaultCode(code: Json | undefined): code is FaultCode {
  return typeof code === 'string' && Object.hasOwn(FAULT_STATUS, code);
}

function callPart(payloadText: string, signature: string): string {
  return `{"payload":${payloadText},"signature":${canonical(signature)}}`;
}

function joinGathered(parts: readonly string[]): string {
  return `{"calls":[${parts.join(',')}],"version":"${GATHERED_VERSION}"}`;
}

function checkGatheredSize(count: number, bytes: number): void {
  if (count < 1 || count > GATHERED_CALLS_MAX) throw refusal(`a transaction carries 1 to ${GATHERED_CALLS_MAX} calls`);
  if (bytes > GATHERED_BYTES_MAX) throw refusal(`an argument has at most ${GATHERED_BYTES_MAX} bytes`);
}

function parseGatheredCall(value: Json): GatheredCall {
  const { payload, signature } = requireMembers(value, ['payload', 'signature']);
  if (typeof signature !== 'string' || signature.length > SIGNATURE_MAX) throw refusal('a signature is a short text');
  const payloadText = canonicalOf(requireObject(payload));
  return {
    call: value as unknown as SignedCall,
    payloadText,
    callId: toBase64url(sha256(utf8(payloadText))),
  };
}

/** A detail is for the submitter: endorsed bytes say the code alone. */
function withoutDetail(outcome: GatheredOutcome): GatheredOutcome {
  return outcome.kind === 'refused' ? { kind: 'refused', code: outcome.code } : outcome;
}

function parseOutcome(value: Json): GatheredOutcome {
  switch (requireObject(value).kind) {
    case 'committed': {
      const { result, events } = requireMembers(value, ['events', 'kind', 'result']);
      return {
        kind: 'committed',
        result: result!,
        events: requireArray(events, Number.MAX_SAFE_INTEGER).map(parseEvent),
      };
    }
    case 'repeated':
      requireMembers(value, ['kind']);
      return { kind: 'repeated' };
    case 'refused': {
      const { code } = requireMembers(value, ['code', 'kind']);
      return parseRefused(code, undefined);
    }
    default:
      throw refusal('an outcome is committed, repeated or refused');
  }
}

function parseRefused(code: Json | undefined, detail: Json | undefined): Refusal['outcome'] {
  if (typeof code !== 'string' || !CODE.test(code)) throw refusal('a refusal has a code');
  // A newer contract may refuse with a code that this program does not know.
  const refused = { kind: 'refused', code: code as ContractCode } as const;
  if (detail === undefined) return refused;
  if (typeof detail !== 'string' || detail.length > DETAIL_MAX) throw refusal('a detail is a short text');
  return { ...refused, detail };
}

function detailOf({ detail }: { readonly detail?: string }): readonly string[] {
  return detail === undefined || detail.length > DETAIL_MAX ? [] : [detail];
}

function parseEvent(item: Json): Event {
  const { name, value } = requireMembers(item, ['name', 'value']);
  if (typeof name !== 'string') throw refusal('an event has a name');
  return { name, value: value! };
}
