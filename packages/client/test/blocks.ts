import { generateSigningKey, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { type BlockHeader, hashOfHeader } from '@salus/ledger/proof';
import type { SignedHeader } from '../src/ledger-proofs.ts';

const hash = (letter: string): string => letter.repeat(43);

/** Blocks of an embedded ledger, from 0 on, signed by a key of its own; nothing is in them. */
export async function newChain(network: string, length: number): Promise<readonly SignedHeader[]> {
  const ledger = signerFromPkcs8((await generateSigningKey()).privateKey);
  const blocks: SignedHeader[] = [];
  for (let number = 0; number < length; number += 1) {
    const header: BlockHeader = {
      ...({ version: 'salus:block:v1', alg: 'ES256', network, number, timestampMs: 1, count: 0 } as const),
      ...{ previousHash: blocks.at(-1)?.hash ?? '', transactionsRoot: hash('D'), writesRoot: hash('E') },
      ...{
        stateCommitment: hash('F'),
        contracts: { version: '1', bundleHash: hash('G') },
        ledgerKey: ledger.publicKey,
      },
    };
    const blockHash = hashOfHeader(header);
    blocks.push({ header, hash: blockHash, signature: toBase64url(await ledger.sign(utf8(blockHash))) });
  }
  return blocks;
}
