import { ContractError, type PrivateArgs, parseCall, type SignedCall } from '@salus/contracts';
import {
  CryptoError,
  callText,
  canonical,
  type Json,
  type CallPayload as SignedPayload,
  sha256,
  toBase64url,
  utf8,
} from '@salus/crypto';
import type { SubmitResult } from '@salus/ledger';
import { PRIVATE_BYTES_MAX } from '../wire.ts';
import { conflictTags } from './conflict-tags.ts';

/** A call that waits for its Fabric transaction. */
export type PendingCall = {
  readonly call: SignedCall;
  readonly callId: string;
  /** Bytes that the call adds to a gathered argument, at most. */
  readonly sizeBytes: number;
  readonly privateArgs: PrivateArgs | undefined;
  /** Bytes that the private values add to the transient field, at most. */
  readonly privateBytes: number;
  /** Equal for submissions that are the same to the last byte. */
  readonly sameness: string;
  /** What it may write beside other calls: see `conflictTags`. */
  readonly tags: readonly string[];
  /** On the monotonic clock of `performance.now()`. */
  readonly deadlineMs: number;
  resolve(result: SubmitResult): void;
  reject(error: Error): void;
};

type Refusal = Extract<SubmitResult, { kind: 'refused' }>;
export type Prepared = Omit<PendingCall, 'deadlineMs' | 'resolve' | 'reject'>;

/** Braces, names and quotes around payload and signature, and around one entry of the private values. */
const ENVELOPE_BYTES = 200;

/**
 * An untrusted submission, made ready for the way; or the refusal of what no engine takes, with the code of the contracts. The
 * call is a copy of its own: what is signed, executed and stored is one and the same.
 */
export function prepareCall(call: unknown, privateArgs: PrivateArgs | undefined): Prepared | Refusal {
  try {
    const { payload, signature } = parseCall(call);
    const payloadText = callText(payload as unknown as SignedPayload);
    const callId = toBase64url(sha256(utf8(payloadText)));
    const privateText = findPrivateText(privateArgs);
    if (privateText === undefined) return { kind: 'refused', callId, code: 'call-malformed', detail: 'private' };
    if (Buffer.byteLength(privateText) > PRIVATE_BYTES_MAX - ENVELOPE_BYTES) {
      return { kind: 'refused', callId, code: 'too-large', detail: 'private' };
    }
    const copy = { payload: JSON.parse(payloadText), signature } as SignedCall;
    return {
      call: copy,
      callId,
      sizeBytes: Buffer.byteLength(payloadText) + ENVELOPE_BYTES,
      privateArgs: privateText === '' ? undefined : (JSON.parse(privateText) as PrivateArgs),
      privateBytes: privateText === '' ? 0 : Buffer.byteLength(privateText) + ENVELOPE_BYTES,
      sameness: `${callId} ${signature} ${privateText}`,
      tags: conflictTags(copy),
    };
  } catch (error) {
    if (error instanceof ContractError) {
      const { code, detail } = error;
      return { kind: 'refused', callId: null, code, ...(detail === undefined ? {} : { detail }) };
    }
    if (error instanceof CryptoError) return { kind: 'refused', callId: null, code: 'call-malformed' };
    throw error;
  }
}

/** Canonical text of private arguments, empty for none; undefined when they have none or are no object. */
function findPrivateText(privateArgs: PrivateArgs | undefined): string | undefined {
  if (privateArgs === undefined) return '';
  if (typeof privateArgs !== 'object' || privateArgs === null || Array.isArray(privateArgs)) return undefined;
  try {
    return canonical(privateArgs as unknown as Json);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}
