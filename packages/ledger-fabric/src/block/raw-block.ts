import { hash } from 'node:crypto';
import type { common } from '@hyperledger/fabric-protos';
import { common as messages } from '@hyperledger/fabric-protos';
import { toBase64url } from '@salus/crypto';
import type { FabricHeaderFacts } from '@salus/ledger';

/** Entries of a block's metadata (common.BlockMetadataIndex): validation codes and commit hash. */
const VALIDATION_CODES = 2;
const COMMIT_HASH = 4;

/** A block as a peer gives it, from its stream or its files. */
export type RawBlock = {
  readonly number: number;
  /** Empty in block 0. */
  readonly previousHash: Uint8Array;
  readonly dataHash: Uint8Array;
  readonly envelopes: readonly Uint8Array[];
  /** One byte an envelope: `peer.TxValidationCode`. */
  readonly validationCodes: Uint8Array;
  /** Empty in block 0, before which there is nothing to chain. */
  readonly commitHash: Uint8Array;
};

/** What the peer's stream delivered; parts that are missing are empty, and fail the checks. */
export function rawBlockOf(block: common.Block): RawBlock {
  const header = block.getHeader();
  const metadata = block.getMetadata()?.getMetadataList_asU8() ?? [];
  const commitHash = metadata[COMMIT_HASH] ?? new Uint8Array();
  return {
    number: header?.getNumber() ?? -1,
    previousHash: header?.getPreviousHash_asU8() ?? new Uint8Array(),
    dataHash: header?.getDataHash_asU8() ?? new Uint8Array(),
    envelopes: block.getData()?.getDataList_asU8() ?? [],
    validationCodes: metadata[VALIDATION_CODES] ?? new Uint8Array(),
    commitHash: messages.Metadata.deserializeBinary(commitHash).getValue_asU8(),
  };
}

/** Number and hashes as they stand in the replica's headers, base64url. */
export function headerFactsOf({ number, previousHash, dataHash }: RawBlock): FabricHeaderFacts {
  return { number, previousHash: toBase64url(previousHash), dataHash: toBase64url(dataHash) };
}

/** How a block contradicts itself, or does not follow the block before. */
export type ChainFault = 'broken-chain' | 'data-hash' | 'validation-codes';

/** What is wrong with a block that should follow `previous`; undefined for block 0. */
export function findChainFault(
  block: RawBlock,
  previous: { readonly number: number; readonly hash: string } | undefined,
): ChainFault | undefined {
  const facts = headerFactsOf(block);
  const expected =
    previous === undefined ? { number: 0, hash: '' } : { number: previous.number + 1, hash: previous.hash };
  if (facts.number !== expected.number || facts.previousHash !== expected.hash) return 'broken-chain';
  if (hash('sha256', Buffer.concat(block.envelopes), 'base64url') !== facts.dataHash) return 'data-hash';
  return block.validationCodes.length === block.envelopes.length ? undefined : 'validation-codes';
}
