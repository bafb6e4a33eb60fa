import { hash } from 'node:crypto';
import { ByteReader, FormError, type Part } from './byte-reader.ts';

/** Transactions of a block and entries of its metadata, at most: more is damage. */
const TRANSACTIONS_MAX = 1_000_000;
/** common.BlockMetadataIndex: signatures, last configuration, validation flags, orderer (unused), commit hash. */
const METADATA_COUNT = 5;
const HASH_BYTES = 32;

/** A block as a peer stores it (common/ledger/blkstorage `serializeBlock`), with the place of each part in its file. */
export type StoredBlock = {
  readonly file: string;
  /** Where the block begins in the file, its length included. */
  readonly offsetBytes: number;
  readonly number: number;
  readonly dataHash: Part;
  /** Empty in block 0. */
  readonly previousHash: Part;
  readonly transactions: readonly Part[];
  readonly metadata: {
    readonly signatures: Part;
    readonly lastConfig: Part;
    readonly flags: Part;
    readonly orderer: Part;
    readonly commitHash: Part;
  };
};

/** Reads the bytes of one block, without the length before them. `FormError`. */
export function readStoredBlock(part: Part, file: string, offsetBytes: number): StoredBlock {
  const reader = new ByteReader(part);
  const number = reader.varint('the block number');
  const dataHash = readHash(reader, 'the data hash', number !== 0);
  const previousHash = readHash(reader, 'the previous hash', number !== 0);
  const transactions = readParts(reader, 'transaction', TRANSACTIONS_MAX);
  const at = reader.offsetBytes;
  const metadata = readParts(reader, 'metadata', METADATA_COUNT);
  if (metadata.length !== METADATA_COUNT) throw new FormError(at, `a block has ${METADATA_COUNT} entries of metadata`);
  reader.end('the block');
  const [signatures, lastConfig, flags, orderer, commitHash] = metadata as [Part, Part, Part, Part, Part];
  return {
    file,
    offsetBytes,
    number,
    dataHash,
    previousHash,
    transactions,
    metadata: { signatures, lastConfig, flags, orderer, commitHash },
  };
}

function readHash(reader: ByteReader, what: string, required: boolean): Part {
  const part = reader.part(what);
  const isEmpty = part.bytes.length === 0 && !required;
  if (!isEmpty && part.bytes.length !== HASH_BYTES)
    throw new FormError(part.offsetBytes, `${what} has ${HASH_BYTES} bytes`);
  return part;
}

function readParts(reader: ByteReader, what: string, max: number): readonly Part[] {
  const offset = reader.offsetBytes;
  const count = reader.varint(`the number of ${what} entries`);
  if (count > max) throw new FormError(offset, `a block has at most ${max} ${what} entries`);
  return Array.from({ length: count }, () => reader.part(`a ${what} entry`));
}

/** SHA-256 of all transactions one after the other (protoutil.ComputeBlockDataHash). */
export function hashOfTransactions(transactions: readonly Part[]): Buffer {
  return hash('sha256', Buffer.concat(transactions.map(({ bytes }) => bytes)), 'buffer');
}
