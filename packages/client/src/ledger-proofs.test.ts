import { generateSigningKey, type Signer, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { type BlockHeader, type Checkpoint, hashOfHeader } from '@salus/ledger/proof';
import type { SeenCheckpoint, WalletContent } from '@salus/wallet';
import { beforeAll, describe, expect, it } from 'vitest';
import { isRecordAnchored } from './anchored-proof.ts';
import type { ApiClient, ApiRequest } from './api-client.ts';
import { compareCheckpoint, FOLLOWED_BLOCKS_MAX, followLedger, type SignedHeader } from './ledger-proofs.ts';
import type { NodeSession } from './session.ts';

const NETWORK = 'N'.repeat(22);
const hash = (letter: string): string => letter.repeat(43);
const refused = expect.objectContaining({ code: 'proof-invalid' });

async function newKey(): Promise<Signer> {
  return signerFromPkcs8((await generateSigningKey()).privateKey);
}

async function embedded(ledger: Signer, number: number, previousHash: string): Promise<SignedHeader> {
  const header: BlockHeader = {
    version: 'salus:block:v1',
    alg: 'ES256',
    network: NETWORK,
    number,
    previousHash,
    timestampMs: 1,
    count: 0,
    transactionsRoot: hash('D'),
    writesRoot: hash('E'),
    stateCommitment: hash('F'),
    contracts: { version: '1', bundleHash: hash('G') },
    ledgerKey: ledger.publicKey,
  };
  const blockHash = hashOfHeader(header);
  return { header, hash: blockHash, signature: toBase64url(await ledger.sign(utf8(blockHash))) };
}

function onFabric(number: number, previousHash: string): SignedHeader {
  const header: BlockHeader = {
    version: 'salus:fabric-block:v1',
    network: NETWORK,
    number,
    previousHash,
    dataHash: hash('A'),
    timestampMs: 1,
    count: 0,
    transactionsRoot: hash('D'),
    writesRoot: hash('E'),
    stateCommitment: hash('F'),
    commitHash: hash('H'),
    fabricTransactions: [],
  };
  return { header, hash: hashOfHeader(header), signature: '' };
}

/** A node that shows these blocks, numbered from 0, and the last of them as its checkpoint, which nobody signed. */
function nodeWith(blocks: readonly SignedHeader[], move: unknown = null): NodeSession {
  const { header, hash: blockHash } = blocks.at(-1)!;
  const checkpoint = { network: NETWORK, number: header.number, hash: blockHash, signatures: [] };
  const answer = ({ path, query }: ApiRequest): unknown => {
    if (path === '/api/v1/ledger/checkpoint') return { checkpoint: checkpoint as unknown as Checkpoint };
    if (path === '/api/v1/ledger/state') return { value: move };
    if (path !== '/api/v1/ledger/blocks') return blocks[Number(path.slice(path.lastIndexOf('/') + 1))];
    const { from = 0, limit = 0 } = query as { readonly from?: number; readonly limit?: number };
    return { blocks: blocks.slice(from, from + limit) };
  };
  const api = { send: (request: ApiRequest) => Promise.resolve(answer(request)) } as unknown as ApiClient;
  return { api, organisation: 'hospital-a', token: 'T' } as NodeSession;
}

const seenAt = ({ header, hash: blockHash }: SignedHeader): SeenCheckpoint => ({
  number: header.number,
  hash: blockHash,
});
const walletWith = (checkpoint: SeenCheckpoint | null): WalletContent => ({
  version: 'salus:wallet:v1',
  network: NETWORK,
  pids: [],
  grants: [],
  recoveryKeys: [],
  recoveryNext: 0,
  backupKey: hash('B'),
  checkpoint,
});

let ledger: Signer;
let blocks: readonly SignedHeader[];
beforeAll(async () => {
  ledger = await newKey();
  const made: SignedHeader[] = [];
  for (let number = 0; number < 6; number += 1) made.push(await embedded(ledger, number, made.at(-1)?.hash ?? ''));
  blocks = made;
});

describe('the newest checkpoint', () => {
  it('is held on to where it is the first, and where it continues what the wallet has seen', async () => {
    const last = seenAt(blocks[5]!);
    expect(await compareCheckpoint(nodeWith(blocks), walletWith(null))).toMatchObject({ isAnchored: true, kept: last });
    const later = await compareCheckpoint(nodeWith(blocks), walletWith(seenAt(blocks[2]!)));
    expect(later).toMatchObject({ isAnchored: true, followed: true, kept: last });
    expect(later.content.checkpoint).toEqual(last);
  });

  it('is refused where another key signed what comes after the seen block, or no key did', async () => {
    const seen = walletWith(seenAt(blocks[2]!));
    const forged = [...blocks.slice(0, 3), await embedded(await newKey(), 3, blocks[2]!.hash)];
    await expect(compareCheckpoint(nodeWith(forged), seen)).rejects.toThrow(refused);
    const unsigned = [...blocks.slice(0, 3), onFabric(3, blocks[2]!.hash)];
    await expect(compareCheckpoint(nodeWith(unsigned), seen)).rejects.toThrow(refused);
  });

  it('is refused where a block was left out or the seen one is another', async () => {
    const seen = walletWith(seenAt(blocks[2]!));
    const gap = [...blocks.slice(0, 4), await embedded(ledger, 4, hash('X'))];
    await expect(compareCheckpoint(nodeWith(gap), seen)).rejects.toThrow(refused);
    await expect(compareCheckpoint(nodeWith(blocks), walletWith({ number: 2, hash: hash('Z') }))).rejects.toThrow(
      refused,
    );
  });

  it('that is too far away is not held on to: only what was followed is, and the next time goes on from there', async () => {
    const many: SignedHeader[] = [];
    for (let number = 0; number <= FOLLOWED_BLOCKS_MAX + 5; number += 1)
      many.push(onFabric(number, many.at(-1)?.hash ?? ''));
    const first = await compareCheckpoint(nodeWith(many), walletWith(seenAt(many[0]!)));
    expect(first).toMatchObject({ isAnchored: false, followed: false, kept: seenAt(many[FOLLOWED_BLOCKS_MAX]!) });
    const second = await compareCheckpoint(nodeWith(many), first.content);
    expect(second).toMatchObject({ followed: true, kept: seenAt(many.at(-1)!) });
  });

  it('stays the node’s own word for good once the node said that the ledger moved, true or not', async () => {
    const seen = walletWith(seenAt(blocks[2]!));
    const moved = await compareCheckpoint(
      nodeWith(blocks, { status: 'migrated', number: 2, hash: blocks[2]!.hash }),
      seen,
    );
    expect(moved).toMatchObject({ isAnchored: false, kept: { onChannel: true } });
    const denied = await compareCheckpoint(nodeWith(blocks), moved.content);
    expect(denied).toMatchObject({ isAnchored: false, kept: { onChannel: true } });
  });

  it('is the node’s own word where no key signs blocks', async () => {
    const channel = [onFabric(0, '')];
    channel.push(onFabric(1, channel[0]!.hash));
    const found = await compareCheckpoint(nodeWith(channel), walletWith(seenAt(channel[0]!)));
    expect(found).toMatchObject({ isAnchored: false, followed: true });
  });
});

describe('a proof on a device that holds on to a point of the ledger', () => {
  /** Blocks of a key, each on the one before. */
  const chainOf = async (ledger: Signer, length: number): Promise<readonly SignedHeader[]> => {
    const blocks: SignedHeader[] = [];
    for (let number = 0; number < length; number += 1) {
      blocks.push(await embedded(ledger, number, blocks.at(-1)?.hash ?? hash('A')));
    }
    return blocks;
  };
  const anchored = async (node: NodeSession, block: SignedHeader, seen: SignedHeader | null): Promise<boolean> => {
    const checkpoint = seen === null ? null : seenAt(seen);
    const ledger = await followLedger(node, { network: NETWORK, checkpoint });
    return isRecordAnchored(node, { network: NETWORK, block }, ledger);
  };

  it('is anchored where blocks lead from its own to what was seen and on', async () => {
    const blocks = await chainOf(await newKey(), 6);
    expect(await anchored(nodeWith(blocks), blocks[1]!, blocks[3]!)).toBe(true);
    expect(await anchored(nodeWith(blocks), blocks[4]!, blocks[3]!)).toBe(true);
    expect(await anchored(nodeWith(blocks), blocks[5]!, null)).toBe(true);
  });

  it('is refused where its block is of a ledger that the node made up, however well it is signed', async () => {
    const [honest, own] = [await newKey(), await newKey()];
    const blocks = await chainOf(honest, 6);
    const forged = await embedded(own, 4, blocks[3]!.hash);
    await expect(anchored(nodeWith(blocks), forged, blocks[2]!)).rejects.toThrow(refused);
    // The whole ledger made up: the device has seen another.
    const other = await chainOf(own, 9);
    await expect(anchored(nodeWith(other), other[4]!, blocks[2]!)).rejects.toThrow(refused);
    // Going on from what was seen with another key says nothing, whatever it proves.
    const branch = [...blocks.slice(0, 4), forged, await embedded(own, 5, forged.hash)];
    await expect(anchored(nodeWith(branch), forged, blocks[2]!)).rejects.toThrow(refused);
    const ledger = await followLedger(nodeWith(blocks), { network: NETWORK, checkpoint: null });
    const foreign = { network: 'M'.repeat(22), block: blocks[1]! };
    await expect(isRecordAnchored(nodeWith(blocks), foreign, ledger)).rejects.toThrow(refused);
  });

  it('is only told where the blocks are those of a channel, which no key signs', async () => {
    const blocks = [onFabric(0, hash('A'))];
    blocks.push(onFabric(1, blocks[0]!.hash));
    const seen: SeenCheckpoint = { ...seenAt(blocks[0]!), onChannel: true };
    const ledger = await followLedger(nodeWith(blocks), { network: NETWORK, checkpoint: seen });
    expect(await isRecordAnchored(nodeWith(blocks), { network: NETWORK, block: blocks[1]! }, ledger)).toBe(false);
  });
});
