import { type LedgerEnd, MOVE_KEY, type MoveFact } from '@salus/contracts';
import {
  canonical,
  fromBase64url,
  type Json,
  leafHash,
  toBase64url,
  utf8,
  verifyEs256,
  verifyInclusion,
} from '@salus/crypto';
import {
  type Block,
  type BlockHeader,
  type Checkpoint,
  FABRIC_BLOCK_VERSION,
  hashOfHeader,
  verifyCheckpointSignature,
} from '@salus/ledger/proof';
import { type SeenCheckpoint, type WalletContent, withCheckpoint } from '@salus/wallet';
import { ClientError } from './client-error.ts';
import { type NodeSession, readState } from './session.ts';

/** A block's header with its hash and the ledger's signature over it. */
export type SignedHeader = Pick<Block, 'header' | 'hash' | 'signature'>;

/** A transaction with the proof that its block holds it, as the node answers. */
export interface ProvenTransaction extends SignedHeader {
  readonly transaction: {
    readonly callId: string;
    readonly block: number;
    readonly index: number;
    readonly timestampMs: number;
    readonly call: Json;
    readonly outcome: Json;
  };
  readonly inclusion: {
    readonly leafHash: string;
    readonly index: number;
    readonly size: number;
    readonly proof: readonly string[];
    readonly root: string;
  };
}

/** Blocks between two checkpoints that are followed one by one; beyond, only the ends are compared. */
export const FOLLOWED_BLOCKS_MAX = 1_000;
const BLOCKS_PAGE = 100;

/**
 * On Fabric no single key signs: the hash is that of Fabric's header, and the checkpoints of the members vouch for it.
 *
 * @throws ClientError `proof-invalid` where the header is not what the ledger's key signed, or what its hash says.
 */
export function checkHeader({ header, hash, signature }: SignedHeader): BlockHeader {
  demand(hashOfHeader(header) === hash, `Block ${header.number} is not what its hash says.`);
  if (header.version === FABRIC_BLOCK_VERSION) return header;
  const signed = /^[\w-]{86}$/.test(signature) && verifyEs256(header.ledgerKey, utf8(hash), fromBase64url(signature));
  demand(signed, `The signature of block ${header.number} is not the ledger’s.`);
  return header;
}

/** @throws ClientError `proof-invalid` where the block does not hold this transaction at this place. */
export function checkTransaction(found: ProvenTransaction): void {
  const { transaction, inclusion } = found;
  const { call, outcome, timestampMs, block, index } = transaction;
  const header = checkHeader(found);
  const leaf = leafHash(utf8(canonical({ call, outcome, timestampMs })));
  const holds =
    header.number === block &&
    header.count === inclusion.size &&
    index === inclusion.index &&
    verifyInclusion({
      leafHash: leaf,
      index,
      size: inclusion.size,
      proof: inclusion.proof.map(fromBase64url),
      root: fromBase64url(header.transactionsRoot),
    });
  demand(holds, `Block ${block} does not hold this transaction at place ${index}.`);
  demand(toBase64url(leaf) === inclusion.leafHash, 'The node proves another transaction than it shows.');
}

/** How the newest checkpoint stands to the last one that a wallet has seen. */
export interface SeenLedger {
  readonly checkpoint: Checkpoint;
  /** Signatures that verified under keys that the ledger lists. */
  readonly signatures: number;
  /** Whether every block since the wallet's last checkpoint was followed by its hash. */
  readonly followed: boolean;
  /** What the wallet keeps from now on. */
  readonly kept: SeenCheckpoint;
  /** The wallet's content with it; the caller saves it. */
  readonly content: WalletContent;
}

/**
 * Reads the newest checkpoint and compares it with the one the wallet keeps: the ledger must still hold that block, and
 * lead from it to the new one.
 *
 * @throws ClientError `proof-invalid` and WalletError `checkpoint-went-back` where the ledger was cut back or replaced.
 */
export async function compareCheckpoint(session: NodeSession, content: WalletContent): Promise<SeenLedger> {
  const { checkpoint } = await readCheckpoint(session);
  demand(checkpoint.network === content.network, 'The node shows the ledger of another network than the wallet’s.');
  const move = await readState<MoveFact>(session, MOVE_KEY);
  const last = move?.status === 'migrated' ? sinceMove(content.checkpoint, move) : content.checkpoint;
  const onChannel = move?.status === 'migrated' ? { onChannel: true as const } : {};
  const kept: SeenCheckpoint = { number: checkpoint.number, hash: checkpoint.hash, ...onChannel };
  const changed = withCheckpoint({ ...content, checkpoint: last }, kept);
  const followed = await followBlocks(session, last, checkpoint);
  const signatures = await checkSignatures(session, checkpoint);
  return { checkpoint, signatures, followed, kept, content: changed };
}

/**
 * A checkpoint of the ledger before it moved says nothing of the channel's own blocks: it must be one of those that every member
 * took over, and the wallet begins anew. The channel's blocks carry the old ones, for whoever wants to follow them.
 */
function sinceMove(last: SeenCheckpoint | null, end: LedgerEnd): SeenCheckpoint | null {
  if (last === null || last.onChannel === true) return last;
  const isTaken = last.number < end.number || (last.number === end.number && last.hash === end.hash);
  demand(
    isTaken,
    `The channel took the ledger over until block ${end.number}; this wallet has seen block ${last.number}.`,
  );
  return null;
}

/** The newest checkpoint and how many of its signatures are those of enrolled members. */
export async function readCheckpoint(session: NodeSession): Promise<{ readonly checkpoint: Checkpoint }> {
  const { api, token } = session;
  return api.send({ method: 'GET', path: '/api/v1/ledger/checkpoint', token });
}

/** @throws ClientError `proof-invalid` where a signature is not that of the key that the ledger lists. */
export async function checkSignatures(session: NodeSession, checkpoint: Checkpoint): Promise<number> {
  for (const [at, { id, organisation }] of checkpoint.signatures.entries()) {
    const fact = await readState<{ readonly publicKey: string }>(session, `membership/identity/${id}`);
    const valid = fact !== null && verifyCheckpointSignature(checkpoint, at, fact.publicKey);
    demand(valid, `The checkpoint’s signature of ${organisation} is not valid.`);
  }
  return checkpoint.signatures.length;
}

async function followBlocks(
  session: NodeSession,
  last: { readonly number: number; readonly hash: string } | null,
  newest: Checkpoint,
): Promise<boolean> {
  if (last === null) return false;
  const short = newest.number - last.number <= FOLLOWED_BLOCKS_MAX;
  let previous = last;
  let from = short ? last.number : newest.number;
  await demandBlock(session, last);
  while (short && from <= newest.number) {
    const { blocks } = await session.api.send<{ readonly blocks: readonly SignedHeader[] }>({
      method: 'GET',
      path: '/api/v1/ledger/blocks',
      query: { from, limit: Math.min(BLOCKS_PAGE, newest.number - from + 1) },
      token: session.token,
    });
    demand(blocks.length > 0, `The node does not show block ${from}.`);
    for (const block of blocks) {
      const { number, previousHash } = checkHeader(block);
      const follows = number === last.number ? block.hash === last.hash : previousHash === previous.hash;
      demand(follows, `Block ${number} does not follow the block that this wallet has seen.`);
      previous = { number, hash: block.hash };
    }
    from = previous.number + 1;
  }
  await demandBlock(session, newest);
  return short;
}

async function demandBlock(
  { api, token }: NodeSession,
  { number, hash }: { readonly number: number; readonly hash: string },
): Promise<void> {
  const block = await api.send<SignedHeader>({ method: 'GET', path: `/api/v1/ledger/blocks/${number}`, token });
  checkHeader(block);
  demand(block.hash === hash, `Block ${number} is not the one that the checkpoint names.`);
}

function demand(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new ClientError('proof-invalid', problem);
}
