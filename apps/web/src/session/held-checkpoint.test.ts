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

/** A node that shows the blocks up to one, which is its newest checkpoint, and what it says of a move. */
function nodeUpTo(last: number, shown = blocks, move: unknown = null): NodeSession {
  const { hash: blockHash } = shown[last]!;
  const send = async ({ path, query }: ApiRequest): Promise<unknown> => {
    if (path === '/api/v1/ledger/checkpoint') {
      return { checkpoint: { network: NETWORK, number: last, hash: blockHash, signatures: [] } };
    }
    if (path === '/api/v1/ledger/state') return { value: move };
    if (path !== '/api/v1/ledger/blocks') return shown[Number(path.slice(path.lastIndexOf('/') + 1))];
    const { from = 0, limit = 0 } = query as { readonly from?: number; readonly limit?: number };
    return { blocks: shown.slice(from, Math.min(last + 1, from + limit)) };
  };
  return { api: { send }, organisation: 'hospital-a', token: 'T' } as unknown as NodeSession;
}

function newStore(): SealedStore & { readonly clear: () => void } {
  const kept = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    find: async (name) => kept.get(name),
    put: async (name, bytes) => void kept.set(name, new Uint8Array(bytes)),
    remove: async (name) => void kept.delete(name),
    clear: () => kept.clear(),
  };
}

const SINCE_MS = Date.UTC(2026, 10, 20);
const now = () => SINCE_MS;

it('what a device sees first is the node’s word; it is kept, and the ledger is followed from there', async () => {
  const store = newStore();
  const first = await heldCheckpoint(store, NETWORK, now).follow(nodeUpTo(2));
  expect(first).toMatchObject({ isAnchored: false, sinceMs: null, kept: { number: 2 } });
  const later = () => heldCheckpoint(store, NETWORK, () => SINCE_MS + 1).follow(nodeUpTo(5));
  const anchored = { isAnchored: true, followed: true, sinceMs: SINCE_MS };
  expect(await later()).toMatchObject({ ...anchored, kept: { number: 5 } });
  expect(await later()).toMatchObject({ ...anchored, kept: { hash: blocks[5]!.hash } });
});

it('where what was kept is removed, the next is the node’s word again', async () => {
  const store = newStore();
  const held = heldCheckpoint(store, NETWORK, now);
  await held.follow(nodeUpTo(2));
  store.clear();
  expect(await held.follow(nodeUpTo(3, others))).toMatchObject({ isAnchored: false, sinceMs: null });
});

it('a node that cuts the ledger back or shows another is found out, and what was seen stays', async () => {
  const store = newStore();
  const held = heldCheckpoint(store, NETWORK, now);
  await held.follow(nodeUpTo(3));
  await expect(held.follow(nodeUpTo(2))).rejects.toMatchObject({ code: 'checkpoint-went-back' });
  await expect(held.follow(nodeUpTo(3, others))).rejects.toMatchObject({ code: 'checkpoint-went-back' });
  await expect(held.follow(nodeUpTo(5, others))).rejects.toMatchObject({ code: 'proof-invalid' });
  await expect(heldCheckpoint(store, 'M'.repeat(22), now).follow(nodeUpTo(4))).rejects.toMatchObject({
    code: 'proof-invalid',
  });
  expect(await held.follow(nodeUpTo(4))).toMatchObject({ isAnchored: true, followed: true });
});

it('an older tab does not take back what another has seen', async () => {
  const store = newStore();
  const held = heldCheckpoint(store, NETWORK, now);
  await held.follow(nodeUpTo(1));
  // The slow one has read what was kept; its node answers after the other tab has kept its own.
  const { node, answer, isAsked } = slowly(nodeUpTo(2));
  const slow = held.follow(node);
  await isAsked;
  await held.follow(nodeUpTo(5));
  answer();
  expect(await slow).toMatchObject({ kept: { number: 2 } });
  await expect(held.follow(nodeUpTo(4))).rejects.toMatchObject({ code: 'checkpoint-went-back' });
});

it('a tab that read the ledger before it moved does not take back that it moved', async () => {
  const store = newStore();
  const held = heldCheckpoint(store, NETWORK, now);
  await held.follow(nodeUpTo(2));
  const { node, answer, isAsked } = slowly(nodeUpTo(4));
  const slow = held.follow(node);
  await isAsked;
  const { hash: moved } = blocks[2]!;
  const channel = nodeUpTo(1, others, { status: 'migrated', number: 2, hash: moved });
  expect(await held.follow(channel)).toMatchObject({ isAnchored: false, kept: { number: 1, onChannel: true } });
  answer();
  await slow;
  expect(await held.follow(channel)).toMatchObject({ kept: { number: 1, onChannel: true } });
});

/** A node that has been asked and answers only then. */
function slowly(session: NodeSession) {
  const asked = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const send = async <T>(request: ApiRequest): Promise<T> => {
    asked.resolve();
    await answered.promise;
    return session.api.send<T>(request);
  };
  const node = { ...session, api: { ...session.api, send } };
  return { node, answer: () => answered.resolve(), isAsked: asked.promise };
}
