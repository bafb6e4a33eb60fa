import { toBase64url } from '@salus/crypto';
import { type FabricHeaderFacts, fabricHeaderBytes, hashFabricHeader } from '@salus/ledger';
import { commitHashOf, updateBytes } from '../block/commit-hash.ts';
import { type BlockTransaction, decodeTransaction } from '../block/transaction.ts';
import { FabricError } from '../fabric-error.ts';
import { FormError, type Part } from './byte-reader.ts';
import { ConfigurationError, findOrdererConfig, type OrdererConfig } from './channel-config.ts';
import type { BlockFileCode, BlockFileFinding } from './finding.ts';
import { findLastConfig, readCommitHash, readSignatures, type SignaturesMetadata } from './orderer-metadata.ts';
import { checkSignatures } from './orderer-signatures.ts';
import { hashOfTransactions, type StoredBlock } from './stored-block.ts';

/** peer.TxValidationCode.VALID. */
const VALID = 0;

/** What the next block is judged by. */
export type ChainState = {
  readonly number: number;
  /** base64url, as `hashFabricHeader` gives it. */
  readonly hash: string;
  readonly commitHash: Uint8Array;
  /** The configuration in force and the block that brought it; undefined where no block before could be read as one. */
  readonly config: OrdererConfig | undefined;
  readonly configBlock: number;
};

export type CheckedBlock = {
  readonly next: ChainState;
  readonly findings: readonly BlockFileFinding[];
  /** Signatures of orderers that were checked. */
  readonly signatures: number;
  /** False where the commit hash cannot be computed from the block alone: a key's metadata changed without its value. */
  readonly commitHashComputed: boolean;
};

type Job = {
  readonly block: StoredBlock;
  readonly previous: ChainState | undefined;
  report(code: BlockFileCode, part: Part, message: string): void;
};

/** Checks everything that a block and those before it can tell: nothing of it is the peer's word alone but that a transaction was valid. */
export function checkBlock(block: StoredBlock, previous: ChainState | undefined): CheckedBlock {
  const findings: BlockFileFinding[] = [];
  const job: Job = {
    block,
    previous,
    report: (code, { offsetBytes }, message) =>
      findings.push({ code, message, file: block.file, offsetBytes, block: block.number }),
  };
  const facts = factsOf(block);
  checkChain(job);
  const config = checkConfiguration(job);
  const metadata = readParts(job);
  const configBlock = config === undefined ? (previous?.configBlock ?? 0) : block.number;
  const signatures = metadata === undefined ? 0 : checkOrderers(job, metadata.signatures, configBlock, facts);
  if (metadata !== undefined) checkLastConfig(job, metadata.lastConfig, configBlock);
  const commit = metadata === undefined ? { computed: true } : checkCommitHash(job, metadata.commitHash);
  return {
    next: {
      number: block.number,
      hash: hashFabricHeader(facts),
      commitHash: metadata?.commitHash ?? Buffer.alloc(0),
      config: config ?? previous?.config,
      configBlock,
    },
    findings,
    signatures,
    commitHashComputed: commit.computed,
  };
}

export function factsOf({ number, previousHash, dataHash }: StoredBlock): FabricHeaderFacts {
  return { number, previousHash: toBase64url(previousHash.bytes), dataHash: toBase64url(dataHash.bytes) };
}

function checkChain({ block, previous, report }: Job): void {
  const { previousHash, dataHash, transactions } = block;
  const start = { bytes: Buffer.alloc(0), offsetBytes: block.offsetBytes };
  const expected = previous === undefined ? 0 : previous.number + 1;
  if (block.number !== expected) report('number', start, `expected block ${expected}`);
  if (toBase64url(previousHash.bytes) !== (previous?.hash ?? '')) {
    report('chain', previousHash, 'the block does not continue the one before');
  }
  if (!hashOfTransactions(transactions).equals(dataHash.bytes)) {
    report('data-hash', dataHash, `its ${transactions.length} transactions are not those that the header names`);
  }
}

/** The configuration that this block brings, if it is one. */
function checkConfiguration({ block, previous, report }: Job): OrdererConfig | undefined {
  const [first] = block.transactions;
  try {
    const config = findOrdererConfig(block.transactions.map(({ bytes }) => bytes));
    if (config !== undefined || previous !== undefined) return config;
    report('configuration', first ?? block.dataHash, 'the first block holds no configuration');
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    report('configuration', first!, error.message);
  }
  return undefined;
}

type Metadata = {
  readonly signatures: SignaturesMetadata;
  readonly lastConfig: number | undefined;
  readonly commitHash: Buffer;
};

function readParts({ block, report }: Job): Metadata | undefined {
  const { signatures, lastConfig, orderer, commitHash } = block.metadata;
  if (orderer.bytes.length > 0)
    report('form', orderer, 'there is something where orderers write nothing since Fabric 2');
  try {
    return {
      signatures: readSignatures(signatures),
      lastConfig: findLastConfig(lastConfig),
      commitHash: readCommitHash(commitHash),
    };
  } catch (error) {
    if (!(error instanceof FormError)) throw error;
    report('form', { bytes: Buffer.alloc(0), offsetBytes: error.offsetBytes }, error.message);
    return undefined;
  }
}

/** Block 0 is nobody's: whoever joins brings it. Every other one is signed under the configuration before it. */
function checkOrderers(
  { block, previous, report }: Job,
  metadata: SignaturesMetadata,
  configBlock: number,
  facts: FabricHeaderFacts,
): number {
  const { signatures } = block.metadata;
  if (metadata.lastConfig !== configBlock) {
    report('last-config', signatures, `the configuration in force is that of block ${configBlock}`);
  }
  if (previous === undefined) {
    const isBare = metadata.signatures.length === 0 && metadata.value.bytes.length <= EMPTY_LAST_CONFIG_BYTES;
    if (!isBare) report('signature', signatures, 'the first block has signatures, which nobody can check');
    return 0;
  }
  if (previous.config === undefined) {
    report('signature', signatures, 'no configuration tells who signs: the signatures were not checked');
    return 0;
  }
  for (const { message, offsetBytes } of checkSignatures(metadata, fabricHeaderBytes(facts), previous.config)) {
    report('signature', { bytes: Buffer.alloc(0), offsetBytes }, message);
  }
  return metadata.signatures.length;
}

/** common.OrdererBlockMetadata with common.LastConfig of index 0 and nothing else. */
const EMPTY_LAST_CONFIG_BYTES = 2;

/** The older place of the last configuration, which no signature covers: 0 is the default and leaves it empty. */
function checkLastConfig({ block, report }: Job, lastConfig: number | undefined, configBlock: number): void {
  if ((lastConfig ?? 0) !== configBlock || (lastConfig === 0 && block.metadata.lastConfig.bytes.length > 0)) {
    report('last-config', block.metadata.lastConfig, `the configuration in force is that of block ${configBlock}`);
  }
}

function checkCommitHash({ block, previous, report }: Job, stored: Buffer): { readonly computed: boolean } {
  const { flags, commitHash } = block.metadata;
  if (flags.bytes.length !== block.transactions.length) {
    report('flags', flags, `${flags.bytes.length} validation flags for ${block.transactions.length} transactions`);
    return { computed: true };
  }
  if (previous === undefined) {
    // Block 0 has no commit hash, and one transaction, which is valid or there would be no channel.
    if (flags.bytes.some((flag) => flag !== VALID)) report('flags', flags, 'the first block is marked as not valid');
    if (stored.length > 0) report('commit-hash', commitHash, 'the first block has no commit hash');
    return { computed: true };
  }
  const updates = findUpdates(block);
  if (updates === undefined) {
    if (stored.length !== COMMIT_HASH_BYTES) report('commit-hash', commitHash, 'the commit hash is missing');
    return { computed: false };
  }
  const expected = commitHashOf({ validationCodes: flags.bytes, updates, previous: previous.commitHash });
  if (!stored.equals(expected)) {
    report('commit-hash', flags, 'the commit hash does not follow from validation flags, updates and the one before');
  }
  return { computed: true };
}

const COMMIT_HASH_BYTES = 32;

/** Bytes that no valid transaction has count as no update: the commit hash, like the data hash, then tells that they changed. */
function findUpdates({ number, transactions, metadata }: StoredBlock): Uint8Array | undefined {
  const decoded = transactions.map(({ bytes }, at): BlockTransaction | undefined => {
    if (metadata.flags.bytes[at] !== VALID) return undefined;
    try {
      return decodeTransaction(bytes);
    } catch (error) {
      if (error instanceof FabricError) return undefined;
      throw error;
    }
  });
  return updateBytes(number, decoded);
}
