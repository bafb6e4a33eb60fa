import { concatBytes, fromBase64url, sha256, toBase64url } from '@salus/crypto';
import type { ContractsInUse } from './block-header.ts';

export const FABRIC_BLOCK_VERSION = 'salus:fabric-block:v1';

/** A block of a Fabric channel, as the follower of one organisation verified and applied it. */
export type FabricBlockHeader = {
  readonly version: typeof FABRIC_BLOCK_VERSION;
  readonly network: string;
  /** Fabric's block number. */
  readonly number: number;
  /** The hash of the block before; empty for block 0. */
  readonly previousHash: string;
  /** SHA-256 of the block's envelopes one after the other, as Fabric has it. */
  readonly dataHash: string;
  /** The latest time of its calls; never earlier than the previous block's. Calls keep the time of their transaction. */
  readonly timestampMs: number;
  /** Calls in the block: none in blocks of configuration. */
  readonly count: number;
  /** RFC 6962 root over the exact texts of the calls. */
  readonly transactionsRoot: string;
  /** RFC 6962 root over the canonical write sets, one leaf a call, `[]` where it was refused, then one for each alarm. */
  readonly writesRoot: string;
  /** hashTuple('state', previous stateCommitment, writesRoot). */
  readonly stateCommitment: string;
  /** Fabric's chained hash over validation flags and updates (kvledger `addBlockCommitHash`), computed again. */
  readonly commitHash: string;
  /** Fabric's transactions in order, those that are not valid too. */
  readonly fabricTransactions: readonly FabricTransaction[];
};

export type FabricTransaction = {
  /** Empty where Fabric has none: configuration. */
  readonly txId: string;
  /** `peer.TxValidationCode`; 0 is valid. */
  readonly validationCode: number;
  /** MSP id of the submitting node's organisation; empty where it was not read, as in what is not valid. */
  readonly creator: string;
  /** MSP ids whose endorsement was verified, sorted. */
  readonly endorsers: readonly string[];
  /** Calls of this transaction in the block, each after those of the transactions before. */
  readonly calls: number;
  /** The contracts that ran; absent where there are no calls. */
  readonly contracts?: ContractsInUse;
  /** Why this valid transaction should not be. */
  readonly alarm?: string;
};

/** What Fabric's header hash covers. */
export type FabricHeaderFacts = Pick<FabricBlockHeader, 'number' | 'previousHash' | 'dataHash'>;

/**
 * The DER of SEQUENCE {number INTEGER, previousHash OCTET STRING, dataHash OCTET STRING}: Fabric's protoutil.BlockHeaderBytes, which
 * orderers sign.
 */
export function fabricHeaderBytes({ number, previousHash, dataHash }: FabricHeaderFacts): Uint8Array {
  return tagged(0x30, concatBytes(integer(number), octets(previousHash), octets(dataHash)));
}

/** SHA-256 of `fabricHeaderBytes`, base64url: Fabric's protoutil.BlockHeaderHash. */
export function hashFabricHeader(facts: FabricHeaderFacts): string {
  return toBase64url(sha256(fabricHeaderBytes(facts)));
}

/** The shortest two's complement form (X.690 §8.3); block numbers are not negative. */
function integer(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return tagged(0x02, Uint8Array.from(bytes[0]! < 0x80 ? bytes : [0, ...bytes]));
}

function octets(text: string): Uint8Array {
  return tagged(0x04, fromBase64url(text));
}

/** Contents are hashes and one number: always shorter than 128 bytes. */
function tagged(tag: number, content: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(tag, content.length), content);
}
