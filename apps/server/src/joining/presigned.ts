import type { CallPayload, Json, SignedCall } from '@salus/contracts';
import { newNonce, signCall, signerFromPkcs8 } from '@salus/crypto';
import type { FoundedMember } from '../founding.ts';

const HOUR_MS = 3_600_000;
/** A call is taken at most 24 hours before its end: one for each 23 hours leaves no gap. */
const STEP_MS = 23 * HOUR_MS;
/** As long as a proposal of the members may take. */
export const PRESIGNED_MS = 30 * 24 * HOUR_MS;
/** Not at the last moment: a block takes its time. */
const SLACK_MS = 60_000;

/**
 * One call of an administrator, signed for every day of the next thirty: the key goes into the person's wallet at once,
 * and the node goes on by itself whenever the members have decided. Whichever is sent first has the effect.
 */
export async function presign(
  { id, key }: Pick<FoundedMember, 'id' | 'key'>,
  call: {
    readonly network: string;
    readonly transaction: string;
    readonly args: { readonly [name: string]: Json };
    readonly nowMs: number;
  },
): Promise<readonly SignedCall[]> {
  const signer = signerFromPkcs8(key.privateKey);
  const { network, transaction, args, nowMs } = call;
  const calls: SignedCall[] = [];
  for (let notAfter = nowMs + STEP_MS; notAfter - STEP_MS < nowMs + PRESIGNED_MS; notAfter += STEP_MS) {
    const payload: CallPayload = {
      ...({ version: 'salus:call:v1', alg: 'ES256', network, contract: 'membership' } as const),
      ...{ transaction, args, signer: `id:${id}`, nonce: newNonce(), notAfter },
    };
    calls.push((await signCall(payload as Parameters<typeof signCall>[0], signer)) as SignedCall);
  }
  return calls;
}

/** The one that may be sent now; undefined when all have lapsed. */
export function callForNow(calls: readonly SignedCall[], nowMs: number): SignedCall | undefined {
  return calls.find(({ payload }) => payload.notAfter !== null && payload.notAfter >= nowMs + SLACK_MS);
}
