import {
  callId,
  canonical,
  fromBase64url,
  hashTuple,
  type Json,
  leafHash,
  sha256,
  toBase64url,
  utf8,
  verifyEs256,
  verifyInclusion,
} from '@salus/crypto';

type Shape = ReturnType<typeof JSON.parse>;

/**
 * A stranger's verifier, written from docs/record-proof.md alone: hashes, one signature and a checkpoint from elsewhere.
 * Undefined when all holds, else the step that fails.
 */
export function findProofFault(
  proof: Shape,
  checkpoint: { readonly network: string; readonly number: number; readonly hash: string },
): string | undefined {
  try {
    return steps(proof, checkpoint).find(([, holds]) => !holds())?.[0];
  } catch {
    return 'malformed';
  }
}

function steps(proof: Shape, checkpoint: Shape): readonly (readonly [string, () => boolean])[] {
  const { record, batch, transaction, inclusion, block, headers } = proof;
  const bytes = utf8(record.plaintext);
  const content = toBase64url(sha256(Buffer.concat([fromBase64url(record.salt), bytes])));
  const tuple = hashTuple(
    'leaf',
    record.recordId,
    record.version,
    record.keyId,
    record.ciphertextHash,
    record.contentHash,
  );
  const leaf = leafHash(fromBase64url(tuple));
  const resource = JSON.parse(record.plaintext) as Shape;
  const transactionLeaf = leafHash(utf8(canonical(transaction as Json)));
  const write = transaction.outcome.writes.find(
    ([key]: readonly [string]) => key === `record/root/${record.keyId}/${batch.callId}`,
  )?.[1];
  const chain = [block.header, ...headers];
  return [
    ['version', () => proof.version === 'salus:record-proof:v1'],
    ['content', () => content === record.contentHash],
    ['resource', () => proof.resource === `${resource.resourceType}/${resource.id}/_history/${record.version}`],
    ['resource version', () => resource.meta.versionId === String(record.version)],
    ['batch tree', () => includes(leaf, { ...batch, size: batch.count }, batch.root)],
    ['batch root', () => write.root === batch.root && write.count === batch.count],
    ['call id', () => callId(transaction.call.payload) === batch.callId],
    ['network', () => transaction.call.payload.network === checkpoint.network && proof.network === checkpoint.network],
    ['committed', () => transaction.outcome.kind === 'committed'],
    ['transactions tree', () => includes(transactionLeaf, inclusion, block.header.transactionsRoot)],
    ['transactions count', () => inclusion.size === block.header.count],
    ['block hash', () => hashTuple('block', block.header) === block.hash],
    ['block signature', () => verifyEs256(block.header.ledgerKey, utf8(block.hash), fromBase64url(block.signature))],
    ['chain', () => chain.every((header, at) => at === 0 || header.previousHash === hashTuple('block', chain[at - 1]))],
    ['checkpoint', () => hashTuple('block', chain.at(-1)) === checkpoint.hash],
    ['checkpoint number', () => chain.at(-1).number === checkpoint.number],
    [
      'own checkpoint',
      () => proof.checkpoint.hash === checkpoint.hash && proof.checkpoint.number === checkpoint.number,
    ],
  ];
}

function includes(leaf: Uint8Array<ArrayBuffer>, { index, size, proof }: Shape, root: string): boolean {
  return verifyInclusion({ leafHash: leaf, index, size, proof: proof.map(fromBase64url), root: fromBase64url(root) });
}
