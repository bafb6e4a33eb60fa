import {
  type CallPayload,
  callId,
  canonical,
  emptyRoot,
  generateSigningKey,
  type Json,
  leafHash,
  merkleRoot,
  type Signer,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { hashOfHeader } from '@salus/ledger/proof';
import { beforeAll, expect, test } from 'vitest';
import { findChainFault } from './block-check.ts';
import type { ShownBlock, ShownCall } from './steward-data.ts';

const hash = (letter: string): string => letter.repeat(43);
let blocks: readonly ShownBlock[];

beforeAll(async () => {
  const ledger = await newKey();
  const first = await makeBlock(ledger, { number: 4, previousHash: hash('A'), transactions: [call(4, 0), call(4, 1)] });
  blocks = [first, await makeBlock(ledger, { number: 5, previousHash: first.hash, transactions: [] })];
});

async function newKey(): Promise<Signer> {
  return signerFromPkcs8((await generateSigningKey()).privateKey);
}

function call(block: number, index: number): ShownCall {
  const payload = { contract: 'c', transaction: 't', signer: 'id:a', args: { index } };
  const id = callId(payload as unknown as CallPayload);
  return { callId: id, block, index, timestampMs: 1, call: { payload }, outcome: { kind: 'refused', code: 'x' } };
}

async function makeBlock(
  ledger: Signer,
  { number, previousHash, transactions }: Pick<ShownBlock, 'transactions'> & { number: number; previousHash: string },
): Promise<ShownBlock> {
  const leaves = transactions.map(({ call, outcome, timestampMs }) =>
    leafHash(utf8(canonical({ call, outcome, timestampMs } as unknown as Json))),
  );
  const header = {
    version: 'salus:block:v1',
    alg: 'ES256',
    network: 'N'.repeat(22),
    number,
    previousHash,
    timestampMs: 1,
    count: transactions.length,
    transactionsRoot: toBase64url(leaves.length === 0 ? emptyRoot : merkleRoot(leaves)),
    writesRoot: hash('E'),
    stateCommitment: hash('F'),
    contracts: { version: '1', bundleHash: hash('G') },
    ledgerKey: ledger.publicKey,
  } as const;
  const blockHash = hashOfHeader(header);
  const signature = toBase64url(await ledger.sign(utf8(blockHash)));
  return { header, hash: blockHash, signature, transactions };
}

test('blocks that hold exactly the shown calls have no fault', () => {
  expect(findChainFault(blocks)).toBeNull();
});

test('a hidden, an added, a changed and a renamed call are found', () => {
  const [first, second] = blocks;
  const [one, two] = first!.transactions;
  for (const transactions of [
    [one!],
    [one!, two!, call(4, 2)],
    [one!, { ...two!, outcome: { kind: 'committed', writes: [] } as const }],
    [two!, one!],
    [one!, { ...two!, callId: one!.callId }],
    [one!, { ...two!, index: 7 }],
  ]) {
    expect(findChainFault([{ ...first!, transactions }, second!])).toMatch(/^Block 4 /);
  }
});

test('a block that another key signed does not continue the ledger', async () => {
  const other = await makeBlock(await newKey(), { number: 5, previousHash: blocks[0]!.hash, transactions: [] });
  expect(findChainFault([blocks[0]!, other])).toContain('Another key');
});
