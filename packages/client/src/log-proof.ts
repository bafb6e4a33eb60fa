import type { LogRootFact } from '@salus/contracts';
import { type Checkpoint, verifyCheckpointSignature } from '@salus/ledger/proof';
import type { SeenCheckpoint } from '@salus/wallet';
import { type AuditEvent, findEvent, type GivenLine } from './audit-line.ts';
import { checkPlace, checkRoot } from './audit-proofs.ts';
import { ClientError } from './client-error.ts';
import {
  checkHeader,
  FOLLOWED_BLOCKS_MAX,
  ledgerOf,
  type ProvenTransaction,
  type SignedHeader,
} from './ledger-proofs.ts';
import { type NodeSession, readState } from './session.ts';

const BLOCKS_PAGE = 100;

/** Everything that proves the lines under one root of an organisation's log, so that a line is checked without a network. */
export interface LogProof {
  readonly organisation: string;
  readonly root: LogRootFact;
  /** The call that wrote the root. */
  readonly transaction: ProvenTransaction;
  /** The blocks after the call's own, up to the checkpoint's; only the last where there are more than `FOLLOWED_BLOCKS_MAX`. */
  readonly headers: readonly SignedHeader[];
  readonly checkpoint: Checkpoint;
  /** The keys that the ledger lists for those who signed the checkpoint. */
  readonly signers: readonly { readonly id: string; readonly organisation: string; readonly publicKey: string }[];
}

/** What the check of a log's root found. */
export interface ProvenRoot {
  /** Whether blocks lead from the root to the point of the ledger that the wallet holds on to. */
  readonly isAnchored: boolean;
  /** The block that holds the root. */
  readonly block: number;
  /** How many blocks lead from there to the checkpoint. */
  readonly blocks: number;
  /** Whether each of those was followed by its hash, or only both ends were compared. */
  readonly followed: boolean;
  /** Organisations that signed the checkpoint, with keys as this node names them. */
  readonly signedBy: readonly string[];
}

/** What the check of a line found. */
export interface ProvenLine extends Omit<ProvenRoot, 'isAnchored'> {
  readonly event: AuditEvent;
  /**
   * `proven`: blocks lead to the point of the ledger that the wallet holds on to. `told`: everything fits together, up to a point
   * that only this node vouches for. `pending`: too new for a root, which takes a second.
   */
  readonly state: 'proven' | 'told' | 'pending';
}

/** What a wallet holds a log's root against. */
export interface Expectation {
  readonly network: string;
  /** The last checkpoint that the wallet keeps. */
  readonly seen: SeenCheckpoint | null;
  /** The checkpoint that was found to continue what the wallet holds (`SeenLedger.isAnchored`); null where none was. */
  readonly anchor: SeenCheckpoint | null;
}

/** Reads what proves a root: its call, the blocks up to the checkpoint that was compared with the wallet's, and the keys of who signed that. */
export async function readLogProof(session: NodeSession, root: LogRootFact, checkpoint: Checkpoint): Promise<LogProof> {
  const { api, organisation, token } = session;
  const path = `/api/v1/ledger/transactions/${encodeURIComponent(root.call)}`;
  const transaction = await api.send<ProvenTransaction>({ method: 'GET', path, token });
  const headers = await readHeaders(session, transaction.header.number, checkpoint.number);
  const signers = await Promise.all(
    checkpoint.signatures.map(async ({ id, organisation: signer }) => {
      const fact = await readState<{ readonly publicKey: string }>(session, `membership/identity/${id}`);
      return { id, organisation: signer, publicKey: fact?.publicKey ?? '' };
    }),
  );
  return { organisation, root, transaction, headers, checkpoint, signers };
}

/** The blocks after one, up to another; only the last where they are more than `FOLLOWED_BLOCKS_MAX`. */
export async function readHeaders(
  { api, token }: NodeSession,
  after: number,
  last: number,
): Promise<readonly SignedHeader[]> {
  if (last - after > FOLLOWED_BLOCKS_MAX) {
    return [await api.send<SignedHeader>({ method: 'GET', path: `/api/v1/ledger/blocks/${last}`, token })];
  }
  const headers: SignedHeader[] = [];
  while (after + headers.length < last) {
    const from = after + headers.length + 1;
    const { blocks } = await api.send<{ readonly blocks: readonly SignedHeader[] }>({
      method: 'GET',
      path: '/api/v1/ledger/blocks',
      query: { from, limit: Math.min(BLOCKS_PAGE, last - from + 1) },
      token,
    });
    demand(blocks.length > 0, `The node does not show block ${from}.`);
    headers.push(...blocks.map(({ header, hash, signature }) => ({ header, hash, signature })));
  }
  return headers;
}

/**
 * Checks a log's root without a network: it stands in a block, and the blocks lead to a checkpoint that members signed.
 * `network` is the wallet's own: a proof of another ledger proves nothing here; where the blocks pass the checkpoint that the
 * wallet has seen, they must be those of that ledger.
 *
 * @throws ClientError `proof-invalid`
 */
export function checkLogProof(proof: LogProof, { network, seen, anchor }: Expectation): ProvenRoot {
  const { organisation, root, transaction, headers, checkpoint } = proof;
  checkRoot(organisation, root, transaction);
  demand(
    transaction.inclusion.root === transaction.header.transactionsRoot,
    'The log’s root has the proof of another.',
  );
  demand(checkpoint.network === network, 'The proof is of another network than the wallet’s.');
  const followed = checkChain(transaction, headers, checkpoint);
  checkSeen([transaction, ...headers], seen);
  const signedBy = checkSigners(proof);
  const isAnchored = followed && anchor?.number === checkpoint.number && anchor.hash === checkpoint.hash;
  const block = transaction.header.number;
  return { isAnchored, block, blocks: checkpoint.number - block, followed, signedBy };
}

/**
 * Checks one line by itself and without a network: the log's tree holds it, and its root is proven as `checkLogProof` does.
 * Proven is the line only where the blocks end at `anchor`.
 *
 * @throws ClientError `proof-invalid`
 */
export function checkLine(
  line: GivenLine,
  proof: LogProof,
  { pid, nowMs, ...expected }: Expectation & { readonly pid: string; readonly nowMs: number },
): ProvenLine {
  const { root } = proof;
  const event = findEvent(line.text);
  demand(event?.pid === pid, `Line ${line.pidSeq} of your log is about somebody else.`);
  const place = checkPlace(line, { root, atMs: event.atMs, nowMs });
  const isOfRoot = line.proof === null || line.proof.root === root.root;
  demand(isOfRoot, `Line ${line.pidSeq} of your log has the proof of another.`);
  const { isAnchored, ...proven } = checkLogProof(proof, expected);
  return { event, state: place === 'proven' && !isAnchored ? 'told' : place, ...proven };
}

/** From a call's block to the checkpoint's: each names the hash of the one before. @returns whether none was left out */
export function checkChain(
  transaction: SignedHeader,
  headers: readonly SignedHeader[],
  checkpoint: Checkpoint,
): boolean {
  const first = transaction.header;
  let last: SignedHeader = transaction;
  const followed = headers.length === checkpoint.number - first.number;
  demand(followed || headers.length === 1, 'The proof leaves blocks out.');
  for (const next of headers) {
    const header = checkHeader(next);
    const follows = header.number === last.header.number + 1 && header.previousHash === last.hash;
    demand(!followed || follows, `Block ${header.number} does not follow the one before.`);
    demand(ledgerOf(header) === ledgerOf(first), `Block ${header.number} is of another ledger.`);
    last = next;
  }
  const ends = last.hash === checkpoint.hash && last.header.number === checkpoint.number;
  demand(ends, 'The blocks do not lead to the checkpoint.');
  return followed;
}

function checkSeen(blocks: readonly SignedHeader[], seen: SeenCheckpoint | null): void {
  const same = blocks.find(({ header }) => header.number === seen?.number);
  demand(same === undefined || same.hash === seen?.hash, 'The proof is of another ledger than the wallet has seen.');
}

function checkSigners({ checkpoint, signers }: LogProof): readonly string[] {
  demand(checkpoint.signatures.length > 0, 'Nobody signed the checkpoint.');
  return checkpoint.signatures.map(({ id, organisation }, at) => {
    const signer = signers.find((known) => known.id === id && known.organisation === organisation);
    const valid = signer !== undefined && verifyCheckpointSignature(checkpoint, at, signer.publicKey);
    demand(valid, `The checkpoint’s signature of ${organisation} is not valid.`);
    return organisation;
  });
}

function demand(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new ClientError('proof-invalid', problem);
}
