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

/** Blocks that are followed one by one in one go. */
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

/** How the newest checkpoint stands to the last one that a device has seen. */
export interface FollowedLedger {
  readonly checkpoint: Checkpoint;
  /** Signatures that verified under keys that the ledger lists. */
  readonly signatures: number;
  /** Whether every block since the wallet's last checkpoint was followed by its hash. */
  readonly followed: boolean;
  /**
   * Whether the newest checkpoint is more than this node's word: it continues, block by block and under the ledger's one key,
   * what the wallet has seen before, or it is the first that the wallet sees and holds on to. On Fabric no key signs a block, so
   * that what came since is the node's word.
   */
  readonly isAnchored: boolean;
  /** What the wallet keeps from now on: as far as the blocks were followed. */
  readonly kept: SeenCheckpoint;
}

export interface SeenLedger extends FollowedLedger {
  /** The wallet's content with what it keeps from now on; the caller saves it. */
  readonly content: WalletContent;
}

/** As `followLedger`, for a wallet. */
export async function compareCheckpoint(session: NodeSession, content: WalletContent): Promise<SeenLedger> {
  const ledger = await followLedger(session, content);
  return { ...ledger, content: { ...content, checkpoint: ledger.kept } };
}

/**
 * Reads the newest checkpoint and compares it with the one that is held: the ledger must still have that block, and lead
 * from it to the new one.
 *
 * @throws ClientError `proof-invalid` and WalletError `checkpoint-went-back` where the ledger was cut back or replaced.
 */
export async function followLedger(
  session: NodeSession,
  held: Pick<WalletContent, 'network' | 'checkpoint'>,
): Promise<FollowedLedger> {
  const { checkpoint } = await readCheckpoint(session);
  demand(checkpoint.network === held.network, 'The node shows the ledger of another network than the wallet’s.');
  const move = await readState<MoveFact>(session, MOVE_KEY);
  const last = move?.status === 'migrated' ? sinceMove(held.checkpoint, move) : held.checkpoint;
  // That the ledger moved is the node's word, and so is what it shows of the channel, also where it denies the move later.
  const isOnChannel = move?.status === 'migrated' || held.checkpoint?.onChannel === true;
  const onChannel = isOnChannel ? { onChannel: true as const } : {};
  const newest: SeenCheckpoint = { number: checkpoint.number, hash: checkpoint.hash, ...onChannel };
  withCheckpoint({ checkpoint: last }, newest);
  const { reached, isSigned } = await followBlocks(session, last, checkpoint);
  const kept: SeenCheckpoint = { ...reached, ...onChannel };
  const followed = last !== null && kept.number === newest.number;
  const isAnchored = !isOnChannel && (followed ? isSigned : held.checkpoint === null);
  const signatures = await checkSignatures(session, checkpoint);
  return { checkpoint, signatures, followed, isAnchored, kept };
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

interface Followed {
  /** The last block that the ones before lead to. */
  readonly reached: { readonly number: number; readonly hash: string };
  /** Whether the key that signed the block that was seen before signed each of the others. */
  readonly isSigned: boolean;
}

/** Where there are too many blocks to follow in one go, what was followed is kept, and the next time goes on from there. */
async function followBlocks(
  session: NodeSession,
  last: { readonly number: number; readonly hash: string } | null,
  newest: Checkpoint,
): Promise<Followed> {
  if (last === null) return { reached: { number: newest.number, hash: newest.hash }, isSigned: false };
  const end = Math.min(newest.number, last.number + FOLLOWED_BLOCKS_MAX);
  let reached = { number: last.number, hash: last.hash };
  let ledger: string | undefined;
  for (let from = last.number; from <= end; from = reached.number + 1) {
    const { blocks } = await session.api.send<{ readonly blocks: readonly SignedHeader[] }>({
      method: 'GET',
      path: '/api/v1/ledger/blocks',
      query: { from, limit: Math.min(BLOCKS_PAGE, end - from + 1) },
      token: session.token,
    });
    demand(blocks.length > 0, `The node does not show block ${from}.`);
    for (const block of blocks) {
      const header = checkHeader(block);
      const { number } = header;
      const isSeen = ledger === undefined;
      const follows = isSeen
        ? number === last.number && block.hash === last.hash
        : number === reached.number + 1 && header.previousHash === reached.hash;
      demand(follows, `Block ${number} does not follow the block that this wallet has seen.`);
      ledger ??= ledgerOf(header);
      demand(ledgerOf(header) === ledger, `Block ${number} is of another ledger.`);
      reached = { number, hash: block.hash };
    }
  }
  await demandBlock(session, newest);
  demand(reached.number < newest.number || reached.hash === newest.hash, 'The blocks do not lead to the checkpoint.');
  return { reached, isSigned: ledger !== '' || newest.number === last.number };
}

/** The key that signs an embedded ledger's blocks; on Fabric no single key does. */
export function ledgerOf(header: BlockHeader): string {
  return header.version === FABRIC_BLOCK_VERSION ? '' : header.ledgerKey;
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
