import {
  ClientError,
  checkRecordProof,
  isRecordAnchored,
  isShownAsProven,
  type NodeSession,
  type RecordProof,
} from '@salus/client';
import { isTree, stringOf } from '@salus/fhir/parse';
import type { HeldLedger } from '../../session/index.ts';
import type { ChartEntry } from './chart-entry.ts';

/** What the proof of a shown entry says, once it is about that very entry. */
export interface CheckedEntry {
  readonly block: number;
  readonly committedMs: number;
  /** The person under whose name it was written, as the proof has it. */
  readonly writer: string;
  /** Whether the blocks lead to the point of the ledger that the node names. */
  readonly isFollowed: boolean;
}

/** The same, held against the point of the ledger that this browser keeps. */
export interface AnchoredEntry extends CheckedEntry {
  /**
   * `held`: blocks lead from there to a point that continues one which was kept here before. Else it is the node's word that the
   * other members have this ledger: `new` where this browser had kept none, `apart` where no blocks lead there.
   */
  readonly anchor: 'held' | 'new' | 'apart';
  /** When this browser first saw the ledger; null where that is now. */
  readonly sinceMs: number | null;
}

/** `<type>/<id>/_history/<version>` of what is shown. */
export function versionOf({ reference, resource }: Pick<ChartEntry, 'reference' | 'resource'>): string {
  const version = isTree(resource.meta) ? stringOf(resource.meta.versionId) : undefined;
  return `${reference}/_history/${version ?? ''}`;
}

/**
 * Compares what is on the screen with a proof, and the proof's own steps with each other. Its checkpoint comes from the same
 * node: `checkAnchored` holds it against what this browser has seen.
 *
 * @throws ClientError `proof-invalid` where the proof is of something else than what is shown, or a step does not hold
 */
export function checkShown(entry: Pick<ChartEntry, 'reference' | 'resource'>, proof: RecordProof): CheckedEntry {
  const { resource, block, committedMs, isFollowed } = checkRecordProof(proof, proof.checkpoint);
  if (resource !== versionOf(entry) || !isShownAsProven(entry.resource, proof.record.plaintext)) {
    throw new ClientError('proof-invalid', 'The proof is of something else than what is shown.');
  }
  const { signer, onBehalfOf } = proof.transaction.call.payload as {
    readonly signer: string;
    readonly onBehalfOf?: { readonly payload: { readonly user: string } };
  };
  return { block, committedMs, writer: onBehalfOf?.payload.user ?? signer, isFollowed };
}

/** As `checkShown`, and on to the checkpoint that was compared with the one that this browser keeps. */
export async function checkAnchored(
  session: NodeSession,
  entry: Pick<ChartEntry, 'reference' | 'resource'>,
  { proof, ledger }: { readonly proof: RecordProof; readonly ledger: HeldLedger },
): Promise<AnchoredEntry> {
  const checked = checkShown(entry, proof);
  const isAnchored = await isRecordAnchored(session, proof, ledger);
  const { sinceMs } = ledger;
  return { ...checked, anchor: isAnchored ? 'held' : sinceMs === null ? 'new' : 'apart', sinceMs };
}
