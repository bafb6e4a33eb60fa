import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { createStoredChannel, MVCC_READ_CONFLICT, type StoredChannel } from '../../test/stored-channel.ts';
import type { BlockFileCode } from './finding.ts';
import { type BlockRecord, verifyBlockFiles } from './verify-block-files.ts';

const FLIPS = 400;
const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'];
const folder = mkdtempSync(join(tmpdir(), 'salus-block-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let folders = 0;
/** A folder with these files, by number. */
function store(...files: readonly Buffer[]): string {
  folders += 1;
  const place = mkdtempSync(join(folder, `${folders}-`));
  for (const [at, bytes] of files.entries())
    writeFileSync(join(place, `blockfile_${String(at).padStart(6, '0')}`), bytes);
  return place;
}

async function codesOf(bytes: Buffer, record?: BlockRecord): Promise<readonly BlockFileCode[]> {
  const { findings } = await verifyBlockFiles(store(bytes), { record });
  return findings.map(({ code }) => code);
}

/** Blocks with several transactions, one of them not valid, a deletion, and a change of configuration in between. */
async function createChannel(consensus: 'raft' | 'bft'): Promise<StoredChannel> {
  const channel = await createStoredChannel(consensus, ORGANISATIONS);
  const signers = consensus === 'raft' ? channel.orderers.slice(0, 1) : channel.orderers.slice(0, 3);
  channel.add(
    [
      {
        writes: [
          ['a', '1'],
          ['b', '{"x":2}'],
        ],
      },
      { writes: [['a', '2']], flag: MVCC_READ_CONFLICT },
    ],
    signers,
  );
  channel.add(
    [
      {
        writes: [
          ['b', null],
          ['c', '3'],
        ],
      },
    ],
    signers,
  );
  channel.configure();
  channel.add([{ writes: [['a', '4']] }, { writes: [['d', '5']] }], signers);
  return channel;
}

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= mask;
  return copy;
}

describe.each(['raft', 'bft'] as const)('a %s channel’s block files', (consensus) => {
  it('are found sound when they are, also in several files', async () => {
    const channel = await createChannel(consensus);
    const bytes = channel.bytes();
    const report = await verifyBlockFiles(store(bytes));
    expect(report).toMatchObject({ findings: [], files: 1, blocks: 5, transactions: 7, commitHashesTaken: 0 });
    expect(report.signatures).toBe(consensus === 'raft' ? 4 : 13);
    expect(report.head?.number).toBe(4);
    const cut = channel.offsets[2]!;
    const parted = await verifyBlockFiles(store(bytes.subarray(0, cut), bytes.subarray(cut)));
    expect(parted).toMatchObject({ findings: [], files: 2, blocks: 5, head: report.head });
  });

  it('have no byte that can change unseen', async () => {
    const bytes = (await createChannel(consensus)).bytes();
    const place = store(bytes);
    let seen = 0;
    const flips = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }));
    await fc.assert(
      fc.asyncProperty(flips, async ([at, mask]) => {
        writeFileSync(join(place, 'blockfile_000000'), flipped(bytes, at, mask));
        const { findings } = await verifyBlockFiles(place);
        expect(findings.length).toBeGreaterThan(0);
        expect(findings[0]?.file).toBe('blockfile_000000');
        seen += 1;
      }),
      { numRuns: FLIPS },
    );
    expect(seen).toBe(FLIPS);
  });

  it('have no byte of metadata that can change unseen, in any bit', async () => {
    const channel = await createChannel(consensus);
    const bytes = channel.bytes();
    const place = store(bytes);
    // What no header covers: from the end of the last block backwards, its whole metadata.
    const start = bytes.length - (consensus === 'raft' ? 900 : 500);
    for (let at = start; at < bytes.length; at += 1) {
      writeFileSync(join(place, 'blockfile_000000'), flipped(bytes, at, 1 << (at % 8)));
      const { findings } = await verifyBlockFiles(place);
      expect(findings.length, `offset ${at}`).toBeGreaterThan(0);
      const named = findings.some(({ block, offsetBytes }) => block === 4 || offsetBytes >= channel.offsets[4]!);
      expect(named, `offset ${at}`).toBe(true);
    }
  });
});

describe('verifyBlockFiles', () => {
  it('names file, block, offset and what is wrong', async () => {
    const channel = await createChannel('raft');
    const bytes = channel.bytes();
    const at = bytes.indexOf('{"x":2}');
    const { findings } = await verifyBlockFiles(store(flipped(bytes, at, 1)));
    const [offset] = channel.offsets.slice(1);
    expect(findings[0]).toMatchObject({ code: 'data-hash', file: 'blockfile_000000', block: 1 });
    expect(findings[0]?.offsetBytes).toBeGreaterThanOrEqual(offset!);
    expect(findings[0]?.offsetBytes).toBeLessThan(at);
  });

  it('tells a block that was left out, doubled, put elsewhere or cut off', async () => {
    const channel = await createChannel('raft');
    const bytes = channel.bytes();
    const ends = [...channel.offsets.slice(1), bytes.length];
    const blocks = channel.offsets.map((from, at) => bytes.subarray(from, ends[at]));
    const [zero, one, two, ...rest] = blocks as [Buffer, Buffer, Buffer, ...Buffer[]];
    expect(await codesOf(Buffer.concat([zero, two, ...rest]))).toEqual(expect.arrayContaining(['number', 'chain']));
    expect(await codesOf(Buffer.concat([zero, one, one, two, ...rest]))).toEqual(
      expect.arrayContaining(['number', 'chain']),
    );
    expect(await codesOf(Buffer.concat([zero, two, one, ...rest]))).toEqual(
      expect.arrayContaining(['number', 'chain']),
    );
    expect(await codesOf(bytes.subarray(0, bytes.length - 1))).toEqual(['cut-off']);
    expect(await codesOf(bytes.subarray(zero.length))).toEqual(
      expect.arrayContaining(['number', 'configuration', 'signature']),
    );
  });

  it('refuses a folder without block files, with a gap between them, or with other files', async () => {
    const bytes = (await createChannel('raft')).bytes();
    expect((await verifyBlockFiles(store())).findings).toMatchObject([{ code: 'file' }]);
    const place = store(bytes);
    writeFileSync(join(place, 'blockfile_000002'), bytes);
    writeFileSync(join(place, 'notes.txt'), 'x');
    const { findings } = await verifyBlockFiles(place);
    expect(findings.map(({ code, file }) => `${code} ${file}`)).toEqual(['file notes.txt', 'file blockfile_000002']);
  });

  it('refuses a signature of somebody who may not sign, and too few on BFT', async () => {
    const raft = await createStoredChannel('raft', ORGANISATIONS);
    raft.add([{ writes: [['a', '1']] }], []);
    raft.add([{ writes: [['a', '2']] }], [await raft.newOrderer('pharmacy', 'peer')]);
    const other = await createStoredChannel('raft', ['hospital-a', 'elsewhere']);
    raft.add([{ writes: [['a', '3']] }], [other.orderers[0]!]);
    raft.add([{ writes: [['a', '4']] }], [other.orderers[1]!]);
    const { findings } = await verifyBlockFiles(store(raft.bytes()));
    expect(findings.map(({ block, message }) => `${block} ${message}`)).toEqual([
      '1 signed by 0 of the 1 orderers that must sign',
      '2 the signer is no orderer',
      '3 the signer’s certificate leads to none of its authorities',
      '4 the signer is of no orderer organisation',
    ]);
    const bft = await createStoredChannel('bft', ORGANISATIONS);
    const [first, second, third] = bft.orderers;
    bft.add([{ writes: [['a', '1']] }], [first!, second!]);
    bft.add([{ writes: [['a', '2']] }], [first!, second!, second!]);
    bft.add([{ writes: [['a', '3']] }], [first!, second!, third!, await bft.newOrderer('pharmacy')]);
    const report = await verifyBlockFiles(store(bft.bytes()));
    expect(report.findings.map(({ block, code, message }) => `${block} ${code} ${message}`)).toEqual([
      '1 signature signed by 2 of the 3 orderers that must sign',
      '2 signature signed by 2 of the 3 orderers that must sign',
      '3 signature no consenter of the configuration has the number 5',
    ]);
  });

  it.each(['ed25519', 'rsa', 'broken'] as const)('refuses a signer with a key of kind %s', async (kind) => {
    const raft = await createStoredChannel('raft', ORGANISATIONS);
    raft.add([{ writes: [['a', '1']] }], [await raft.newOrderer('pharmacy', 'orderer', kind)]);
    expect(await codesOf(raft.bytes())).toEqual(['signature']);
  });

  it('judges signatures by the configuration of their time', async () => {
    const channel = await createStoredChannel('raft', ORGANISATIONS);
    const [first, second] = channel.orderers;
    channel.add([{ writes: [['a', '1']] }], [second!]);
    channel.configure(['hospital-a']);
    channel.add([{ writes: [['a', '2']] }], [first!]);
    channel.add([{ writes: [['a', '3']] }], [second!]);
    const { findings } = await verifyBlockFiles(store(channel.bytes()));
    expect(findings).toMatchObject([
      { code: 'signature', block: 4, message: 'the signer is of no orderer organisation' },
    ]);
  });

  it('compares flags and hashes with what the node recorded, and tells files that end before it', async () => {
    const channel = await createStoredChannel('raft', ORGANISATIONS);
    channel.add([{ writes: [['a', '1']] }, { writes: [['a', '2']], flag: MVCC_READ_CONFLICT }]);
    const place = store(channel.bytes());
    const { head } = await verifyBlockFiles(place);
    const recorded = (codes: readonly number[], commitHash = head!.commitHash): BlockRecord => ({
      height: 1,
      header: (number) =>
        number === 0
          ? undefined
          : ({
              previousHash: '',
              dataHash: '',
              commitHash,
              fabricTransactions: codes.map((validationCode) => ({ validationCode })),
            } as never),
    });
    const messages = async (record: BlockRecord) =>
      (await verifyBlockFiles(place, { record })).findings.map(({ code, message }) => `${code} ${message}`);
    const followed = 'replica the node followed another block of this number';
    expect(await messages(recorded([0, MVCC_READ_CONFLICT]))).toEqual([followed]);
    expect(await messages(recorded([0, 0], 'other'))).toEqual([
      followed,
      'replica the node recorded validation flag 0 for transaction 1',
      'replica the node recorded another commit hash',
    ]);
    const ahead: BlockRecord = { height: 7, header: () => undefined };
    expect(await messages(ahead)).toEqual(['cut-off the files end with block 1, the node has followed until block 7']);
  });
});
