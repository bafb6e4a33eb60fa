import { type BlockHeader, type Checkpoint, RECORD_PROOF_VERSION, type RecordProof } from '@salus/ledger/proof';
import { ClientError } from './client-error.ts';

type Commit = Pick<RecordProof, 'transaction' | 'inclusion' | 'block'>;

/** The proofs of many records: what they have in common stands in it once (docs/record-proof.md). */
export interface ProofCollection {
  readonly version: 'salus:record-proofs:v1';
  readonly network: string;
  readonly records: readonly (Pick<RecordProof, 'resource' | 'record' | 'batch'> & {
    /** Number of the checkpoint to which the headers lead. */
    readonly checkpoint: number;
    /** False where there were too many headers between. */
    readonly isFollowed: boolean;
  })[];
  /** By the call that committed them. */
  readonly commits: Readonly<Record<string, Commit>>;
  /** Ascending by number. */
  readonly headers: readonly BlockHeader[];
  readonly checkpoints: readonly Checkpoint[];
}

/**
 * Joins proofs of one network. Asked for one after the other they lead to different checkpoints: where the headers of all
 * together reach the newest, that one counts, so that a reader compares a single checkpoint.
 */
export function joinProofs(network: string, proofs: readonly RecordProof[]): ProofCollection {
  const commits: Record<string, Commit> = {};
  const headers = new Map<number, BlockHeader>();
  const checkpoints = new Map<number, Checkpoint>();
  for (const { batch, transaction, inclusion, block, headers: own, checkpoint } of proofs) {
    commits[batch.callId] = { transaction, inclusion, block };
    for (const header of [block.header, ...(own ?? [])]) headers.set(header.number, header);
    checkpoints.set(checkpoint.number, checkpoint);
  }
  const newest = Math.max(...checkpoints.keys());
  let reachedFrom = newest;
  while (headers.has(reachedFrom)) reachedFrom -= 1;
  const records = proofs.map(({ resource, record, batch, block, headers: own, checkpoint }) => {
    const reaches = block.header.number >= reachedFrom;
    const end = reaches ? newest : checkpoint.number;
    return { resource, record, batch, checkpoint: end, isFollowed: reaches || own !== null };
  });
  const used = new Set(records.map(({ checkpoint }) => checkpoint));
  return {
    version: 'salus:record-proofs:v1',
    network,
    records,
    commits,
    headers: [...headers.values()].sort((left, right) => left.number - right.number),
    checkpoints: [...checkpoints.values()].filter(({ number }) => used.has(number)),
  };
}

/**
 * The proofs of a collection, each of the form that `$proof` gives. Nothing is checked here but the form: `checkRecordProof`
 * decides.
 *
 * @throws ClientError `proof-invalid` for what is no such collection
 */
export function splitProofs(value: unknown): readonly RecordProof[] {
  try {
    return split(value as ProofCollection);
  } catch (error) {
    if (error instanceof ClientError) throw error;
    throw new ClientError('proof-invalid', 'The file holds no collection of proofs.', { cause: error });
  }
}

function split({ version, network, records, commits, headers, checkpoints }: ProofCollection): readonly RecordProof[] {
  if (version !== 'salus:record-proofs:v1') {
    throw new ClientError('proof-invalid', 'The collection of proofs is of an unknown version.');
  }
  const byNumber = new Map(headers.map((header) => [header.number, header]));
  return records.map(({ resource, record, batch, checkpoint: number, isFollowed }) => {
    const commit = Object.hasOwn(commits, batch.callId) ? commits[batch.callId] : undefined;
    const checkpoint = checkpoints.find((one) => one.number === number);
    if (commit === undefined || checkpoint === undefined) {
      throw new ClientError('proof-invalid', 'The collection lacks a part of a proof.');
    }
    const proof = {
      version: RECORD_PROOF_VERSION,
      network,
      resource,
      record,
      batch,
      ...commit,
      checkpoint,
    };
    return { ...proof, headers: isFollowed ? between(byNumber, commit.block.header.number, number) : null };
  });
}

function between(headers: ReadonlyMap<number, BlockHeader>, from: number, to: number): readonly BlockHeader[] {
  if (to - from > headers.size) throw new ClientError('proof-invalid', 'The collection lacks a part of a proof.');
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => {
    const header = headers.get(from + 1 + index);
    if (header === undefined) throw new ClientError('proof-invalid', 'The collection lacks a part of a proof.');
    return header;
  });
}
