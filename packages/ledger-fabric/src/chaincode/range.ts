import { CryptoError, canonical, fromUtf8 } from '@salus/crypto';
import { endorse, fault } from './answer.ts';
import type { Answer, Chaincode, Invocation } from './invocation.ts';

/** Entries that one question gets at most. */
export const RANGE_ENTRIES_MAX = 1_000;
const KEY = /^[!-~]{1,1024}$/;
const LIMIT = /^[1-9]\d{0,3}$/;

/**
 * The peer's own state for whoever compares it with a replica: `[{key, value}, …]` of [start, end), at most `limit`, each value
 * as its stored text. Arguments: start, end, limit. It writes nothing, and every member's peer holds the same.
 */
export async function range(_chaincode: Chaincode, { args, peer }: Invocation): Promise<Answer> {
  const [start, end, limit, ...more] = args.map(findText);
  const isRange = start !== undefined && end !== undefined && KEY.test(start) && KEY.test(end) && start < end;
  if (!isRange || limit === undefined || !LIMIT.test(limit) || more.length > 0) return fault('malformed');
  if (Number(limit) > RANGE_ENTRIES_MAX) return fault('too-large');
  const entries = await peer.getRange(start, end, Number(limit));
  return endorse(canonical(entries.map(({ key, value }) => ({ key, value: fromUtf8(value) }))));
}

function findText(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}
