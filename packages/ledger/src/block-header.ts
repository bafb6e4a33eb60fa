import type { Json } from '@salus/contracts';
import { canonical, sha256, toBase64url, utf8 } from '@salus/crypto';
import { type FabricBlockHeader, hashFabricHeader } from './fabric-block.ts';
import type { TransactionView } from './ledger.ts';

export const BLOCK_VERSION = 'salus:block:v1';
export const BLOCK_ALG = 'ES256';

export type ContractsInUse = {
  readonly version: string;
  /** base64url of SHA-256 of the contracts' sources or bundle. */
  readonly bundleHash: string;
};

/** A block that the embedded engine made and signed. */
export type EmbeddedBlockHeader = {
  readonly version: typeof BLOCK_VERSION;
  readonly alg: typeof BLOCK_ALG;
  readonly network: string;
  readonly number: number;
  readonly previousHash: string;
  /** Agreed time of the block and its transactions; never earlier than the previous block's. */
  readonly timestampMs: number;
  /** Transactions in the block. */
  readonly count: number;
  /** RFC 6962 root over the exact texts of the transactions. */
  readonly transactionsRoot: string;
  /** RFC 6962 root over the canonical write sets, one leaf a transaction, `[]` where it was refused. */
  readonly writesRoot: string;
  /** hashTuple('state', previous stateCommitment, writesRoot). */
  readonly stateCommitment: string;
  readonly contracts: ContractsInUse;
  /** The public key that signs the hash. */
  readonly ledgerKey: string;
  /** Sorted-state root as it was after block `number`, an earlier one: it is computed beside the running ledger. */
  readonly stateRoot?: StateRoot;
};

export type StateRoot = { readonly number: number; readonly root: string };

/** A block's header on any engine; `version` tells which. */
export type BlockHeader = EmbeddedBlockHeader | FabricBlockHeader;

export type Block = {
  readonly header: BlockHeader;
  /** `hashOfHeader(header)`. */
  readonly hash: string;
  /** ES256 by `header.ledgerKey` over the UTF-8 text of `hash`; empty on Fabric, where orderers sign blocks. */
  readonly signature: string;
  readonly transactions: readonly TransactionView[];
};

/** Equal to hashTuple('block', header) when `text` is the header's canonical form; any other byte gives another hash. */
export function hashHeaderText(text: string): string {
  return toBase64url(sha256(utf8(`["${BLOCK_VERSION}",${text}]`)));
}

/** What the next block points back to, by the rule of the engine that made the header: base64url of 32 bytes. */
export function hashOfHeader(header: BlockHeader): string {
  switch (header.version) {
    case 'salus:block:v1':
      return hashHeaderText(canonical(header as unknown as Json));
    case 'salus:fabric-block:v1':
      return hashFabricHeader(header);
  }
}
