import { CryptoError, sha256, toBase64url, utf8 } from '@salus/crypto';
import { isBodyText, parseBody, payloadTextOf, type TransactionBody } from '@salus/ledger/block';
import { ImportFault } from './import-fault.ts';

/** A call with its outcome, as a block of the embedded ledger holds it. */
export type ImportedBody = TransactionBody & { readonly callId: string; readonly payloadText: string };

/** The call in a body's text, which must be its only form, of this network and of the block's time. `body`. */
export function readBody(
  text: string,
  expected: { readonly network: string; readonly timestampMs: number },
): ImportedBody {
  const body = findBody(text);
  const belongs =
    body !== undefined && body.call.payload.network === expected.network && body.timestampMs === expected.timestampMs;
  if (!belongs) throw new ImportFault('body');
  const payloadText = payloadTextOf(text, body.call.signature);
  return { ...body, payloadText, callId: toBase64url(sha256(utf8(payloadText))) };
}

function findBody(text: string): TransactionBody | undefined {
  try {
    const { call, outcome, timestampMs } = parseBody(text);
    const body = { call: { payload: call.payload, signature: call.signature }, outcome, timestampMs };
    return isBodyText(body, text) ? body : undefined;
  } catch (error) {
    // What is no such JSON has no such members.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof CryptoError) return undefined;
    throw error;
  }
}
