import { IMPORT_KEY, type ImportFact, type Json, MOVE_KEY, type Write } from '@salus/contracts';
import { canonical, utf8 } from '@salus/crypto';
import { installedContracts, openLedgerState } from '@salus/ledger';
import { type EmbeddedBlockHeader, nextCommitment, parseBody } from '@salus/ledger/block';
import type { PreparedCall } from '@salus/ledger/consortium';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forgedBody, partsOf, reseal } from '../../test/forged-blocks.ts';
import { CHANNEL, createMovingLedger, type MovingLedger } from '../../test/moving-ledger.ts';
import { NOW_MS, StubChannel } from '../../test/stub-channel.ts';
import { type EndedLedger, openEndedLedger } from './embedded-blocks.ts';
import { cutBlock, type EmbeddedBlock, gatherPieces } from './import-pieces.ts';
import { runImport } from './import-run.ts';
import { IMPORT_BYTES_MAX, type ImportPiece, importText } from './import-wire.ts';
import type { TakeOver } from './take-over.ts';

const CALLS = 240;
/** What a node states of the block that it has seen last. */
const ROOT = { number: 100_000, hash: 'A'.repeat(43) };

let moving: MovingLedger;
let ended: EndedLedger;
let blocks: readonly EmbeddedBlock[];
let takeOver: TakeOver;
let committed = 0;

beforeAll(async () => {
  let nowMs = NOW_MS - 3_600_000;
  moving = await createMovingLedger({ seed: 7, clock: () => (nowMs += 250) });
  committed = await moving.live(CALLS);
  await moving.move();
  ended = openEndedLedger(moving.file, moving.checkpointFile);
  blocks = [...ended.blocks(0)];
  takeOver = { ledgerKey: ended.ledgerKey, number: ended.number, hash: ended.hash };
}, 240_000);
afterAll(() => {
  ended[Symbol.dispose]();
  moving[Symbol.dispose]();
});

const newChannel = (agreed: TakeOver = takeOver): StubChannel => new StubChannel(moving.network, agreed);
const piecesOf = (from: number, to = blocks.length): readonly ImportPiece[] =>
  blocks.slice(from, to).flatMap((block) => cutBlock(block));

/** Takes over everything up to a block, exclusive. */
async function importUntil(channel: StubChannel, block: number): Promise<void> {
  for (const pieces of gatherPieces(piecesOf(0, block))) expect(await channel.codeOf(pieces)).toBe('applied');
}

/** The first block from `from` on whose first call committed. */
function committedBlock(from = 8): number {
  const found = blocks.findIndex(
    ({ bodies }, at) => at >= from && bodies[0] !== undefined && parseBody(bodies[0]).outcome.kind === 'committed',
  );
  expect(found).toBeGreaterThan(0);
  return found;
}

/** A block with other bodies, sealed by the ledger's own key. */
const resealed = (at: number, bodies: readonly string[], more: Partial<EmbeddedBlockHeader> = {}): EmbeddedBlock =>
  reseal(moving.ledgerSigner, { block: blocks[at]!, before: blocks[at - 1]! }, { bodies, more });

async function migratedCall(channel: StubChannel, more: object = {}): Promise<PreparedCall> {
  const { number, hash, stateCommitment } = channel.state.get(IMPORT_KEY) as unknown as ImportFact;
  const [a] = moving.organisations;
  const { signatures } = ended.checkpoint;
  return a.sign({
    transaction: 'access.migrated',
    args: { number, hash, stateCommitment, signatures: signatures as unknown as Json, ...more },
    by: a.administrator,
    notAfter: NOW_MS + 60_000,
  });
}

describe('taking a ledger over', () => {
  it('leaves the same state, byte by byte, and lets nothing else in before the end', async () => {
    expect(committed).toBeGreaterThan(CALLS / 3);
    const channel = newChannel();
    const [a] = moving.organisations;
    const root = await a.sign({ transaction: 'access.checkpoint', args: ROOT, by: a.node, notAfter: NOW_MS + 60_000 });
    let parts = 0;
    for (const pieces of gatherPieces(piecesOf(0))) {
      expect(await channel.codeOf(pieces)).toBe('applied');
      // Before the imported members are there, nobody signs; then the ledger is still on its way.
      expect(['not-founded', 'ledger-moved']).toContain(await channel.submit(root));
      parts += 1;
    }
    expect(parts).toBeGreaterThanOrEqual(1);
    expect(channel.state.get(IMPORT_KEY)).toMatchObject({ number: ended.number, hash: ended.hash });
    channel.state.delete(IMPORT_KEY);
    using state = openLedgerState(moving.file);
    const entries = await state.range('', '~', 10_000);
    expect(entries.length).toBeGreaterThan(150);
    const imported = [...channel.state].sort(([left], [right]) => (left < right ? -1 : 1));
    expect(imported.map(([key, value]) => `${key} ${canonical(value)}`)).toEqual(
      entries.map(({ key, value }) => `${key} ${canonical(value)}`),
    );
  });

  it('ends with a call that carries every member’s checkpoint, and then the channel lives', async () => {
    const channel = newChannel();
    await importUntil(channel, blocks.length);
    const [a] = moving.organisations;
    const call = await a.sign({ transaction: 'access.checkpoint', args: ROOT, by: a.node, notAfter: NOW_MS + 60_000 });
    expect(await channel.submit(call)).toBe('ledger-moved');
    const [first] = ended.checkpoint.signatures;
    expect(await channel.submit(await migratedCall(channel, { signatures: [first] }))).toBe('import-unvouched');
    expect(await channel.submit(await migratedCall(channel, { hash: ROOT.hash }))).toBe('import-mismatch');
    const last = await migratedCall(channel);
    expect(await channel.submit(last)).toBe('committed');
    const { number, hash, stateCommitment } = ended;
    expect(channel.state.get(MOVE_KEY)).toMatchObject({ status: 'migrated', number, hash, stateCommitment });
    expect(await channel.submit(call)).toBe('committed');
    expect(await channel.codeOf(piecesOf(0, 1))).toBe('migrated');
    expect(await channel.codeOf(piecesOf(blocks.length - 1))).toBe('migrated');
    const other = await createMovingLedger({ seed: 3, clock: () => NOW_MS, network: moving.network });
    await other.move();
    const second = openEndedLedger(other.file, other.checkpointFile);
    expect(await channel.codeOf([...second.blocks(0)].slice(0, 1).flatMap(cutBlock))).toBe('migrated');
    second[Symbol.dispose]();
    other[Symbol.dispose]();
  });

  it('goes on where it was interrupted, and takes no part twice', async () => {
    const channel = newChannel();
    const middle = Math.floor(blocks.length / 2);
    await importUntil(channel, middle);
    expect(await channel.codeOf(piecesOf(middle - 1, middle))).toBe('order');
    expect(await channel.codeOf(piecesOf(0, 1))).toBe('order');
    for (const pieces of gatherPieces(piecesOf(middle))) expect(await channel.codeOf(pieces)).toBe('applied');
    expect(await channel.submit(await migratedCall(channel))).toBe('committed');
  });

  it('parts a block that is too large, and knows each part by the header’s roots', async () => {
    const { bodies } = resealed(
      1,
      blocks.slice(1, 60).flatMap((block) => block.bodies),
    );
    expect(bodies.length).toBeGreaterThan(40);
    const large = { ...resealed(1, bodies), bodies };
    const whole = cutBlock(large);
    expect(whole).toHaveLength(1);
    const parts = partsOf(large, 3);
    expect(parts.map((part) => part.bodies.length).reduce((sum, size) => sum + size, 0)).toBe(bodies.length);
    // All calls have their own times: only the first part, of one time, is sound; what matters here is the place in the tree.
    const channel = newChannel();
    await importUntil(channel, 1);
    expect(await channel.codeOf([parts[1]!])).toBe('order');
    expect(await channel.codeOf([{ ...parts[0]!, transactionsProof: parts[1]!.transactionsProof }])).toBe('body');
    expect(await channel.codeOf([{ ...parts[0]!, bodies: parts[0]!.bodies.slice(1) }])).toBe('order');
    expect(await channel.codeOf([{ ...parts[0]!, bodies: parts[0]!.bodies.toReversed() }])).toBe('body');
  });
});

describe('what is not the ledger that moved', () => {
  it('is refused: a forged block, a changed body, a missing block, a wrong order', async () => {
    const at = committedBlock();
    const channel = newChannel();
    await importUntil(channel, at);
    const [piece] = piecesOf(at, at + 1);
    const otherKey = { ...piece!, signature: piecesOf(at + 1, at + 2)[0]!.signature };
    expect(await channel.codeOf([otherKey])).toBe('header-signature');
    const header = JSON.parse(piece!.header) as EmbeddedBlockHeader;
    const changedHeader = canonical({ ...header, timestampMs: header.timestampMs + 1 } as unknown as Json);
    expect(await channel.codeOf([{ ...piece!, header: changedHeader }])).toBe('header-signature');
    const foreign = canonical({ ...header, network: 'A'.repeat(22) } as unknown as Json);
    expect(await channel.codeOf([{ ...piece!, header: foreign }])).toBe('header');
    expect(await channel.codeOf([{ ...piece!, header: '{}' }])).toBe('header');
    const [body] = piece!.bodies;
    expect(await channel.codeOf([{ ...piece!, bodies: [body!.replace('"result"', '"resulT"')] }])).toBe('body');
    expect(await channel.codeOf(piecesOf(at + 1, at + 2))).toBe('order');
    expect(await channel.codeOf([...piecesOf(at + 1, at + 2), piece!])).toBe('order');
    expect(await channel.codeOf([piece!, ...piecesOf(at + 2, at + 3)])).toBe('order');
    expect(await channel.codeOf([piece!, piece!])).toBe('order');
    const unchained = resealed(at, piece!.bodies, { previousHash: ended.hash });
    expect(await channel.codeOf(cutBlock(unchained))).toBe('chain');
    const early = resealed(at, piece!.bodies, { timestampMs: 1 });
    expect(await channel.codeOf(cutBlock(early))).toBe('chain');
    const uncommitted = resealed(at, piece!.bodies, { stateCommitment: ended.hash });
    expect(await channel.codeOf(cutBlock(uncommitted))).toBe('chain');
    // Nothing of all that has left a trace.
    expect(await channel.codeOf([piece!])).toBe('applied');
  });

  it('is refused though the ledger’s own key sealed it: a call whose signature fails, writes that no call justifies', async () => {
    const at = committedBlock();
    const channel = newChannel();
    await importUntil(channel, at);
    const { bodies } = blocks[at]!;
    const [body, ...rest] = bodies as [string, ...string[]];
    const strange = parseBody(blocks[committedBlock(at + 1)]!.bodies[0]!).call.signature;
    const unsigned = resealed(at, [forgedBody(body, { signature: strange }), ...rest]);
    expect(await channel.codeOf(cutBlock(unsigned))).toBe('call-signature');
    const { outcome } = parseBody(body);
    const writes = outcome.kind === 'committed' ? outcome.writes : [];
    const more: readonly Write[] = [...writes, ['zz/planted', true] as const];
    expect(await channel.codeOf(cutBlock(resealed(at, [forgedBody(body, { writes: more }), ...rest])))).toBe('outcome');
    const less = writes.slice(0, -1);
    expect(await channel.codeOf(cutBlock(resealed(at, [forgedBody(body, { writes: less }), ...rest])))).toBe('outcome');
    const hidden = resealed(at, bodies, { writesRoot: ended.stateCommitment });
    const before = JSON.parse(blocks[at - 1]!.header) as EmbeddedBlockHeader;
    const commitment = nextCommitment(before.stateCommitment, ended.stateCommitment);
    expect(await channel.codeOf(cutBlock(hidden))).toBe('chain');
    const followed = resealed(at, bodies, { writesRoot: ended.stateCommitment, stateCommitment: commitment });
    expect(await channel.codeOf(cutBlock(followed))).toBe('writes-root');
    const twice = resealed(at, [...bodies, body]);
    expect(await channel.codeOf(cutBlock(twice))).toBe('outcome');
    expect([...channel.state.keys()].some((key) => key.startsWith('zz/'))).toBe(false);
  });

  it('is refused unless this organisation’s administrator named it, to its last block', async () => {
    expect(await new StubChannel(moving.network, undefined).codeOf(piecesOf(0, 1))).toBe('not-expected');
    const other = { ...takeOver, ledgerKey: moving.organisations[0].node.key.publicKey };
    expect(await newChannel(other).codeOf(piecesOf(0, 1))).toBe('not-expected');
    const cut = newChannel({ ...takeOver, number: takeOver.number - 1 });
    await importUntil(cut, blocks.length - 1);
    expect(await cut.codeOf(piecesOf(blocks.length - 1))).toBe('not-expected');
  });

  it('is refused on a channel that has a life of its own, and on another channel than the members chose', async () => {
    const channel = newChannel();
    channel.state.set('membership/network', { network: moving.network });
    expect(await channel.codeOf(piecesOf(0, 1))).toBe('not-empty');
    const other = newChannel();
    await importUntil(other, blocks.length - 1);
    expect(await other.codeOf(piecesOf(blocks.length - 1), 'elsewhere')).toBe('channel');
    expect(await other.codeOf(piecesOf(blocks.length - 1))).toBe('applied');
  });

  it('is refused after the ledger’s end', async () => {
    const channel = newChannel();
    await importUntil(channel, blocks.length);
    expect(await channel.codeOf(piecesOf(blocks.length - 1))).toBe('ended');
    expect(await channel.codeOf(piecesOf(0, 1))).toBe('ended');
  });

  it('is refused when the argument is not of its form or beyond its bounds', async () => {
    const channel = newChannel();
    const argument = async (text: string): Promise<string> => {
      const result = await runImport({
        runtime: installedContracts(),
        network: moving.network,
        channel: CHANNEL,
        argument: utf8(text),
        state: { get: () => undefined, range: async () => [] },
        takeOver,
      });
      return result.kind === 'refused' ? result.code : result.kind;
    };
    const [piece] = piecesOf(0, 1);
    expect(await argument(importText([piece!]))).toBe('applied');
    for (const text of [
      '',
      '{}',
      'null',
      `${importText([piece!])} `,
      importText([]),
      'x'.repeat(IMPORT_BYTES_MAX + 1),
    ]) {
      expect(await argument(text)).toBe('malformed');
    }
    for (const wrong of [
      { level: 17 },
      { index: -1 },
      { signature: '' },
      { bodies: [7] },
      { transactionsProof: ['x'] },
    ]) {
      expect(await channel.codeOf([{ ...piece!, ...wrong } as ImportPiece])).toBe('malformed');
    }
  });
});
