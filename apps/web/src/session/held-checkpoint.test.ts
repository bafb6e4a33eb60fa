import type { ApiRequest, NodeSession } from '@salus/client';
import { generateSigningKey, type Signer, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { hashOfHeader } from '@salus/ledger/proof';
import type { SealedStore } from '@salus/wallet/web';
import { beforeAll, expect, it } from 'vitest';
import { heldCheckpoint } from './held-checkpoint.ts';

const NETWORK = 'N'.repeat(22);
const hash = (letter: string): string => letter.repeat(43);

let blocks: readonly Awaited<ReturnType<typeof blockOf>>[];
let others: typeof blocks;
beforeAll(async () => {
  [blocks, others] = await Promise.all([chain(), chain()]);
});

async function blockOf(ledger: Signer, number: number, previousHash: string) {
  const header = {
    ...({ version: 'salus:block:v1', alg: 'ES256', network: NETWORK, number, previousHash, timestampMs: 1 } as const),
    ...{ count: 0, transactionsRoot: hash('D'), writesRoot: hash('E'), stateCommitment: hash('F') },
    ...{ contracts: { version: '1', bundleHash: hash('G') }, ledgerKey: ledger.publicKey },
  };
  const blockHash = hashOfHeader(header);
  return { header, hash: blockHash, signature: toBase64url(await ledger.sign(utf8(blockHash))) };
}

async function chain() {
  const ledger = signerFromPkcs8((await generateSigningKey()).privateKey);
  const made: Awaited<ReturnType<typeof blockOf>>[] = [];
  for (let number = 0; number < 6; number += 1) {
    made.push(await blockOf(ledger, number, made.at(-1)?.hash ?? hash('A')));
  }
  return made;
}

/** A node that shows the blocks up to one, which is its newest checkpoint. */
function nodeUpTo(last: number, shown = blocks): NodeSession {
  const { hash: blockHash } = shown[last]!;
  const send = async ({ path, query }: ApiRequest): Promise<unknown> => {
    if (path === '/api/v1/ledger/checkpoint') {
      return { checkpoint: { network: NETWORK, number: last, hash: blockHash, signatures: [] } };
    }
    if (path === '/api/v1/ledger/state') return { value: null };
    if (path !== '/api/v1/ledger/blocks') return shown[Number(path.slice(path.lastIndexOf('/') + 1))];
    const { from = 0, limit = 0 } = query as { readonly from?: number; readonly limit?: number };
    return { blocks: shown.slice(from, Math.min(last + 1, from + limit)) };
  };
  return { api: { send }, organisation: 'hospital-a', token: 'T' } as unknown as NodeSession;
}

function newStore(): SealedStore {
  const kept = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    find: async (name) => kept.get(name),
    put: async (name, bytes) => void kept.set(name, new Uint8Array(bytes)),
    remove: async (name) => void kept.delete(name),
  };
}

it('a device keeps the first checkpoint that it sees, and follows the ledger from there', async () => {
  const store = newStore();
  const held = () => heldCheckpoint(store, NETWORK);
  expect(await held().follow(nodeUpTo(2))).toMatchObject({ isAnchored: true, followed: false, kept: { number: 2 } });
  expect(await held().follow(nodeUpTo(5))).toMatchObject({ isAnchored: true, followed: true, kept: { number: 5 } });
  expect(await held().follow(nodeUpTo(5))).toMatchObject({ isAnchored: true, kept: { hash: blocks[5]!.hash } });
});

it('a node that cuts the ledger back or shows another is found out, and what was seen stays', async () => {
  const store = newStore();
  const held = heldCheckpoint(store, NETWORK);
  await held.follow(nodeUpTo(3));
  await expect(held.follow(nodeUpTo(2))).rejects.toMatchObject({ code: 'checkpoint-went-back' });
  await expect(held.follow(nodeUpTo(3, others))).rejects.toMatchObject({ code: 'checkpoint-went-back' });
  await expect(held.follow(nodeUpTo(5, others))).rejects.toMatchObject({ code: 'proof-invalid' });
  await expect(heldCheckpoint(store, 'M'.repeat(22)).follow(nodeUpTo(4))).rejects.toMatchObject({
    code: 'proof-invalid',
  });
  expect(await held.follow(nodeUpTo(4))).toMatchObject({ isAnchored: true, followed: true });
});

it('an older tab does not take back what another has seen', async () => {
  const store = newStore();
  const held = heldCheckpoint(store, NETWORK);
  await held.follow(nodeUpTo(1));
  // The slow one read the store before the other tab had kept its own.
  const [slow, fast] = [held.follow(nodeUpTo(2)), held.follow(nodeUpTo(5))];
  await Promise.all([fast, slow]);
  await expect(held.follow(nodeUpTo(4))).rejects.toMatchObject({ code: 'checkpoint-went-back' });
});
