import { toBase64url } from '@salus/crypto';
import type { FabricBlockHeader } from '@salus/ledger';
import { readBlockFiles } from './block-files.ts';
import { type ChainState, checkBlock, factsOf } from './check-block.ts';
import { BLOCK_FILE_FINDINGS_MAX, type BlockFileFinding } from './finding.ts';
import type { StoredBlock } from './stored-block.ts';

/** What a node's own replica recorded of the channel. */
export type BlockRecord = {
  /** Number of the newest block. */
  readonly height: number;
  header(number: number): FabricBlockHeader | undefined;
};

export type BlockFilesOptions = {
  /** The node's own replica: flags and hashes that it saw must be those in the files. */
  readonly record?: BlockRecord | undefined;
  /** Called with each block that was read, whole and in order, before the next: to run its calls again. */
  readonly onBlock?: ((block: StoredBlock) => Promise<readonly BlockFileFinding[]>) | undefined;
};

export type BlockFilesReport = {
  /** Empty: nothing is wrong. In the order of the files, at most `BLOCK_FILE_FINDINGS_MAX`. */
  readonly findings: readonly BlockFileFinding[];
  readonly files: number;
  readonly blocks: number;
  readonly transactions: number;
  /** Signatures of orderers that were checked. */
  readonly signatures: number;
  /** Blocks compared with the replica's record. */
  readonly compared: number;
  /** Blocks whose commit hash does not follow from the blocks alone and was only chained and compared. */
  readonly commitHashesTaken: number;
  readonly head: { readonly number: number; readonly hash: string; readonly commitHash: string } | undefined;
};

type Progress = {
  readonly options: BlockFilesOptions;
  readonly findings: BlockFileFinding[];
  readonly files: Set<string>;
  state: ChainState | undefined;
  last: StoredBlock | undefined;
  counts: { blocks: number; transactions: number; signatures: number; compared: number; commitHashesTaken: number };
};

/**
 * Checks a peer's block files of one channel (`ledgersData/chains/chains/<channel>`) offline and without any secret: form, chain, data
 * hashes, orderers' signatures under the configuration of the time, commit hashes, and beside the node's replica that both tell
 * the same. Damage is reported, not thrown; what the file system throws is thrown. A peer that runs may be writing its last block.
 */
export async function verifyBlockFiles(folder: string, options: BlockFilesOptions = {}): Promise<BlockFilesReport> {
  const progress: Progress = {
    options,
    findings: [],
    files: new Set(),
    state: undefined,
    last: undefined,
    counts: { blocks: 0, transactions: 0, signatures: 0, compared: 0, commitHashesTaken: 0 },
  };
  for (const read of readBlockFiles(folder)) {
    if ('finding' in read) progress.findings.push(read.finding);
    else await check(progress, read.block);
    if (progress.findings.length >= BLOCK_FILE_FINDINGS_MAX) break;
  }
  checkEnd(progress);
  const { findings, files, state, counts } = progress;
  const head =
    state === undefined
      ? undefined
      : { number: state.number, hash: state.hash, commitHash: toBase64url(state.commitHash) };
  return { findings: findings.slice(0, BLOCK_FILE_FINDINGS_MAX), files: files.size, ...counts, head };
}

async function check(progress: Progress, block: StoredBlock): Promise<void> {
  const { findings, counts, options, files } = progress;
  const checked = checkBlock(block, progress.state);
  findings.push(...checked.findings);
  if (options.record !== undefined) findings.push(...compare(progress, options.record, block, checked.next));
  if (checked.findings.length === 0 && options.onBlock !== undefined) findings.push(...(await options.onBlock(block)));
  progress.state = checked.next;
  progress.last = block;
  files.add(block.file);
  counts.blocks += 1;
  counts.transactions += block.transactions.length;
  counts.signatures += checked.signatures;
  counts.commitHashesTaken += checked.commitHashComputed ? 0 : 1;
}

/** What the peer's files and the node's own record tell of one block. */
function compare(
  progress: Progress,
  record: BlockRecord,
  block: StoredBlock,
  { commitHash }: ChainState,
): readonly BlockFileFinding[] {
  const header = record.header(block.number);
  if (header === undefined) return [];
  progress.counts.compared += 1;
  const findings: BlockFileFinding[] = [];
  const { file, number, metadata } = block;
  const report = (offsetBytes: number, message: string): void => {
    findings.push({ code: 'replica', message, file, offsetBytes, block: number });
  };
  const facts = factsOf(block);
  if (facts.previousHash !== header.previousHash || facts.dataHash !== header.dataHash) {
    report(block.offsetBytes, 'the node followed another block of this number');
  }
  for (const [at, { validationCode }] of header.fabricTransactions.entries()) {
    if (metadata.flags.bytes[at] === validationCode) continue;
    report(
      metadata.flags.offsetBytes + at,
      `the node recorded validation flag ${validationCode} for transaction ${at}`,
    );
  }
  if (toBase64url(commitHash) !== header.commitHash) {
    report(metadata.commitHash.offsetBytes, 'the node recorded another commit hash');
  }
  return findings;
}

/** Files that end before the node's record were cut. */
function checkEnd({ findings, state, last, options: { record } }: Progress): void {
  const newest = state?.number ?? -1;
  if (record === undefined || newest >= record.height || findings.length > 0) return;
  const message = `the files end with block ${newest}, the node has followed until block ${record.height}`;
  findings.push({ code: 'cut-off', message, file: last?.file ?? '', offsetBytes: last?.offsetBytes ?? 0 });
}
