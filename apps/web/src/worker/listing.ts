import { checkTransaction, type ProvenTransaction } from '@salus/client';
import { type CallPayload, parseSignedCall, verifyCall } from '@salus/crypto';
import type { Installed, Pinned } from './release.ts';

/** One entry of `GET /api/v1/releases/{hash}`. */
export interface Listing {
  readonly organisation: string;
  readonly status: 'listed' | 'withdrawn';
  readonly publicKey: string;
  readonly proof: ProvenTransaction;
}

export type Verdict =
  | { readonly kind: 'listed'; readonly pinned: Pinned; readonly listedUntilMs: number }
  | { readonly kind: 'unlisted' | 'withdrawn' };

/**
 * Whether the release with this hash was listed on the ledger. Without `pinned`, at the first installation, any administrator's
 * signature counts and is held on to; afterwards only the same keys', on the same ledger. The node that answers can forge
 * neither: it holds no administrator's key. It can keep a withdrawal back.
 */
export function judgeListings(hash: string, listings: readonly Listing[], pinned: Pinned | null): Verdict {
  const proven = listings.filter((listing) => isProven(listing, hash) && isKnown(listing, pinned));
  if (proven.some(({ status }) => status === 'withdrawn')) return { kind: 'withdrawn' };
  const [first] = proven;
  if (first === undefined) return { kind: 'unlisted' };
  const listedUntilMs = Math.max(...proven.map((listing) => payloadOf(listing).notAfter ?? 0));
  return { kind: 'listed', pinned: pinned ?? pinOf(first, proven), listedUntilMs };
}

function isProven({ proof, publicKey }: Listing, hash: string): boolean {
  try {
    checkTransaction(proof);
    const call = parseSignedCall(proof.transaction.call);
    const { contract, transaction, args } = call.payload;
    const outcome = proof.transaction.outcome as { readonly kind?: unknown };
    return (
      contract === 'membership' &&
      transaction === 'listRelease' &&
      args.name === 'web' &&
      args.hash === hash &&
      outcome.kind === 'committed' &&
      verifyCall(call, publicKey)
    );
  } catch {
    // Whatever is no proof, in whichever way, proves nothing.
    return false;
  }
}

function isKnown(listing: Listing, pinned: Pinned | null): boolean {
  if (pinned === null) return true;
  const { organisation, publicKey, proof } = listing;
  return (
    networkOf(listing) === pinned.network &&
    ledgerKeyOf(proof) === pinned.ledgerKey &&
    pinned.administrators.some((known) => known.organisation === organisation && known.publicKey === publicKey)
  );
}

function pinOf(first: Listing, proven: readonly Listing[]): Pinned {
  return {
    network: networkOf(first),
    ledgerKey: ledgerKeyOf(first.proof),
    administrators: proven.map(({ organisation, publicKey }) => ({ organisation, publicKey })),
  };
}

/** Whether a release was listed before the installed one: what was replaced, perhaps for a hole, does not come back. */
export function isOlder(
  verdict: Extract<Verdict, { kind: 'listed' }>,
  installed: Pick<Installed, 'listedUntilMs'>,
): boolean {
  return verdict.listedUntilMs < installed.listedUntilMs;
}

function payloadOf({ proof }: Listing): CallPayload {
  return parseSignedCall(proof.transaction.call).payload;
}

function networkOf(listing: Listing): string {
  return payloadOf(listing).network;
}

function ledgerKeyOf({ header }: ProvenTransaction): string | null {
  return 'ledgerKey' in header && typeof header.ledgerKey === 'string' ? header.ledgerKey : null;
}
