import type { Json, SignedCall } from '@salus/contracts';
import type { ContractRuntime } from '../contract-runtime.ts';
import { namesKey, verifyText } from '../pure.ts';

type ReadAt = (key: string, before: number) => Json | undefined;

/** The signer's key before the transaction; only the founding's signer is known after it at the earliest. */
export function findSignerKey(
  runtime: ContractRuntime,
  call: SignedCall,
  read: ReadAt,
  position: number,
): string | undefined {
  return (
    runtime.signerKeyHint((key) => read(key, position), call) ??
    runtime.signerKeyHint((key) => read(key, position + 1), call)
  );
}

/** As `verifyCall` of `@salus/crypto`, on the text that the block holds. */
export function isSignedBy(call: SignedCall, payloadText: string, publicKey: string | undefined): boolean {
  return (
    publicKey !== undefined && verifyText(publicKey, payloadText, call.signature) && namesKey(call.payload, publicKey)
  );
}
