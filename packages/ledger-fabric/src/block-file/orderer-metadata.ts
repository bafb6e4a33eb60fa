import type { Part } from './byte-reader.ts';
import { readStrictMessage } from './strict-message.ts';

/** One orderer's signature over `value ‖ header ‖ block header` (protoutil.BlockSignatureVerifier). */
export type OrdererSignature = {
  readonly signature: Part;
  /** common.SignatureHeader on Raft, common.IdentifierHeader on BFT: what is signed beside the block. */
  readonly header: Part;
  readonly signer:
    | { readonly kind: 'creator'; readonly mspId: string; readonly certificate: Part }
    | { readonly kind: 'consenter'; readonly id: number };
};

/** common.Metadata at index SIGNATURES with common.OrdererBlockMetadata in it. */
export type SignaturesMetadata = {
  readonly value: Part;
  readonly lastConfig: number;
  readonly signatures: readonly OrdererSignature[];
};

/** Throws `FormError`. An empty part, as in block 0, has no signatures. */
export function readSignatures(part: Part): SignaturesMetadata {
  const metadata = readStrictMessage(part, { 1: 'bytes', 2: 'repeated' }, 'the signatures');
  const value = metadata.bytes(1);
  const ordererMetadata = readStrictMessage(value, { 1: 'message', 2: 'bytes' }, 'the orderer’s metadata');
  return {
    value,
    lastConfig: readIndex(ordererMetadata.bytes(1)),
    signatures: metadata.repeated(2).map(readSignature),
  };
}

/** The block number in common.Metadata at index LAST_CONFIG; undefined where it is empty. Throws `FormError`. */
export function findLastConfig(part: Part): number | undefined {
  if (part.bytes.length === 0) return undefined;
  return readIndex(readStrictMessage(part, { 1: 'bytes' }, 'the last configuration').bytes(1));
}

/** The value in common.Metadata at index COMMIT_HASH; empty where there is none. Throws `FormError`. */
export function readCommitHash(part: Part): Buffer {
  return readStrictMessage(part, { 1: 'bytes' }, 'the commit hash').bytes(1).bytes;
}

function readSignature(part: Part): OrdererSignature {
  const fields = readStrictMessage(part, { 1: 'bytes', 2: 'bytes', 3: 'bytes' }, 'a signature');
  const signature = fields.bytes(2);
  const identifier = fields.bytes(3);
  if (identifier.bytes.length > 0) {
    const id = readStrictMessage(identifier, { 1: 'number', 2: 'bytes' }, 'an identifier header').number(1);
    return { signature, header: identifier, signer: { kind: 'consenter', id } };
  }
  const header = fields.bytes(1);
  const creator = readStrictMessage(header, { 1: 'bytes', 2: 'bytes' }, 'a signature header').bytes(1);
  const identity = readStrictMessage(creator, { 1: 'bytes', 2: 'bytes' }, 'an identity');
  const mspId = identity.bytes(1).bytes.toString();
  return { signature, header, signer: { kind: 'creator', mspId, certificate: identity.bytes(2) } };
}

/** common.LastConfig. */
function readIndex(part: Part): number {
  return readStrictMessage(part, { 1: 'number' }, 'the last configuration').number(1);
}
