import { ARGS_LIMITS, type CallPayload, measureJson, type PrivateArgs, type SignedCall } from '@salus/contracts';
import { CryptoError, callText, type CallPayload as SignedPayload, sha256Base64url, utf8 } from '@salus/crypto';
import type { SubmitResult } from '../ledger.ts';
import type { VerifiedSignature } from '../pure.ts';

/** A call in the queue. Its payload is a copy of its own: what is verified, executed and stored is one and the same. */
export type Pending = {
  readonly call: unknown;
  readonly privateArgs: PrivateArgs | undefined;
  /** Absent for what has no canonical form; it will be refused. */
  readonly signed:
    | {
        readonly payload: CallPayload;
        readonly payloadText: string;
        readonly callId: string;
        readonly signature: string;
      }
    | undefined;
  readonly sizeBytes: number;
  /** `asked`: a worker is verifying the signature. */
  verification: 'none' | 'asked' | 'answered';
  verified: VerifiedSignature | undefined;
  resolve(result: SubmitResult): void;
  reject(error: Error): void;
};

export const BYTES_PER_CHARACTER = 2;
/** What a call without canonical form counts for. */
const MALFORMED_BYTES = 1024;

export function pendingCall(
  call: SignedCall,
  privateArgs: PrivateArgs | undefined,
  settle: Pick<Pending, 'resolve' | 'reject'>,
): Pending {
  const signed = findSigned(call);
  return {
    call: signed === undefined ? call : { payload: signed.payload, signature: signed.signature },
    privateArgs,
    signed,
    sizeBytes: sizeOf(signed) + sizeOfPrivate(privateArgs),
    verification: 'none',
    verified: undefined,
    ...settle,
  };
}

function sizeOf(signed: Pending['signed']): number {
  return signed === undefined ? MALFORMED_BYTES : BYTES_PER_CHARACTER * signed.payloadText.length;
}

/** What no contract takes counts as much as the largest that one does. */
function sizeOfPrivate(privateArgs: PrivateArgs | undefined): number {
  if (privateArgs === undefined) return 0;
  const { sizeBytesMax, depthMax } = ARGS_LIMITS;
  const measured = measureJson(privateArgs, { sizeBytesMax, depthMax: depthMax + 1 });
  return BYTES_PER_CHARACTER * (measured.ok ? measured.sizeBytes : sizeBytesMax);
}

function findSigned(call: unknown): Pending['signed'] {
  if (typeof call !== 'object' || call === null) return undefined;
  const { payload, signature } = call as { readonly payload?: unknown; readonly signature?: unknown };
  if (typeof payload !== 'object' || payload === null || typeof signature !== 'string') return undefined;
  try {
    const payloadText = callText(payload as SignedPayload);
    const callId = sha256Base64url(utf8(payloadText));
    return { payload: JSON.parse(payloadText) as CallPayload, payloadText, callId, signature };
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}
