import { randomBytes } from 'node:crypto';
import { IMPORT_KEY, type ImportFact, type Json, MOVE_KEY } from '@salus/contracts';
import { canonical, utf8 } from '@salus/crypto';
import { installedContracts, openLedgerState } from '@salus/ledger';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Proposed } from '../../test/envelopes.ts';
import { createMovingLedger, type MovingLedger } from '../../test/moving-ledger.ts';
import {
  CHAINCODE,
  createTestChannel,
  type FollowerUnderTest,
  newPlace,
  type Place,
  type TestChannel,
  VERSION,
} from '../../test/test-channel.ts';
import { type EndedLedger, openEndedLedger } from '../migration/embedded-blocks.ts';
import { cutBlock, gatherPieces } from '../migration/import-pieces.ts';
import { runImport } from '../migration/import-run.ts';
import { IMPORT_BYTES_MAX, type ImportPiece, importedText, importText } from '../migration/import-wire.ts';
import { IMPORT_FUNCTION, OK_STATUS } from '../wire.ts';

/** As the envelopes of the channel without peers name it. */
const CHANNEL = 'salus';
/** The time of that channel's clock. */
const NOW_MS = 1_795_251_600_000;
const CALLS = 60;
const LIMIT_MS = 60_000;

let channel: TestChannel;
let moving: MovingLedger;
let ended: EndedLedger;
let place: Place;
let under: FollowerUnderTest;

beforeAll(async () => {
  moving = await createMovingLedger({ seed: 5, clock: () => NOW_MS });
  await moving.live(CALLS);
  await moving.move(CHANNEL);
  ended = openEndedLedger(moving.file, moving.checkpointFile);
});

afterAll(() => {
  ended[Symbol.dispose]();
  moving[Symbol.dispose]();
});

beforeEach(async () => {
  channel = await createTestChannel(['hospital-a', 'hospital-b', 'laboratory'], moving.network);
  place = newPlace();
  under = await channel.openFollower(place);
});

afterEach(async () => {
  await under[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const pieces = (): readonly ImportPiece[] => [...ended.blocks(0)].flatMap(cutBlock);
const everyPeer = () => channel.organisations.map(({ peer }) => peer);

/** What honest endorsers give for these parts, on the state that the channel has. */
async function proposeImport(parts: readonly ImportPiece[], more: Partial<Proposed> = {}): Promise<Proposed> {
  const argument = utf8(importText(parts));
  expect(argument.length).toBeLessThan(IMPORT_BYTES_MAX);
  const { state, network } = channel;
  const result = await runImport({
    runtime: installedContracts(),
    network,
    channel: CHANNEL,
    argument,
    state: {
      get: (key) => state.get(key),
      range: async (start, end, limit) =>
        [...state]
          .filter(([key]) => key >= start && key < end)
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .slice(0, limit)
          .map(([key, value]) => ({ key, value })),
    },
    takeOver: 'any',
  });
  if (result.kind === 'refused') throw new Error(`nothing is endorsed: ${result.code}`);
  const writes = result.writes.map(([key, value]) => [key, value === null ? null : utf8(canonical(value))] as const);
  return {
    txId: randomBytes(32).toString('hex'),
    timestampMs: channel.clock.nowMs,
    creator: channel.organisations[0]!.node,
    endorsers: everyPeer(),
    chaincode: CHAINCODE,
    version: VERSION,
    args: [utf8(IMPORT_FUNCTION), argument],
    response: { status: OK_STATUS, payload: utf8(importedText(result.progress)) },
    writes: { [CHAINCODE]: new Map(writes) },
    ...more,
  };
}

async function caughtUp(): Promise<void> {
  await under.follower.reach(channel.blocks.length - 1, AbortSignal.timeout(LIMIT_MS));
}

async function takeAll(): Promise<void> {
  for (const parts of gatherPieces(pieces())) channel.add({ proposed: await proposeImport(parts) });
  await caughtUp();
}

async function proposeEnd(more: Partial<Proposed> = {}): Promise<Proposed> {
  const { number, hash, stateCommitment } = channel.state.get(IMPORT_KEY) as unknown as ImportFact;
  const [a] = moving.organisations;
  const signatures = ended.checkpoint.signatures as unknown as Json;
  const args = { number, hash, stateCommitment, signatures };
  return channel.propose([await a.sign({ transaction: 'access.migrated', args, by: a.administrator })], more);
}

describe('a follower of a channel that takes a ledger over', () => {
  it('comes to the same state, with every call at its own time, and lives on', async () => {
    await takeAll();
    using old = openLedgerState(moving.file);
    const entries = await old.range('', '~', 10_000);
    expect(entries.length).toBeGreaterThan(40);
    for (const { key, value } of entries) expect(canonical(under.follower.peek(key)!), key).toBe(canonical(value));
    channel.add({ proposed: await proposeEnd({ endorsers: everyPeer() }) });
    await caughtUp();
    expect(under.alarms).toEqual([]);
    expect(under.follower.peek(MOVE_KEY)).toMatchObject({ status: 'migrated', stateCommitment: ended.stateCommitment });
    expect(under.follower.peek(IMPORT_KEY)).toBeUndefined();
    const times = pieces().flatMap(({ bodies }) =>
      bodies.map((body) => (JSON.parse(body) as { timestampMs: number }).timestampMs),
    );
    const taken = channel.blocks.flatMap(({ number }) => under.follower.block(number)!.transactions);
    expect(taken.slice(0, times.length).map(({ timestampMs }) => timestampMs)).toEqual(times);
  });

  it.each([
    ['one member has not endorsed', async () => proposeImport(pieces(), { endorsers: everyPeer().slice(0, 2) })],
    ['something is written that no call writes', async () => withWrite('zz/planted', { planted: true })],
    ['a call’s write is missing', async () => withWrite((await firstPatient()) ?? '', undefined)],
    ['the progress is another one', async () => withWrite(IMPORT_KEY, { number: 1 })],
    [
      'a body was changed',
      async () => withArgument((text) => text.replace('\\"signature\\":\\"', '\\"signature\\":\\"A')),
    ],
    ['blocks are missing', async () => withArgument(() => importText(pieces().slice(3)))],
    ['the argument is none', async () => withArgument(() => '{}')],
    ['the answer says something else', async () => ({ ...(await proposeImport(pieces())), response: EMPTY })],
  ] as const)('raises an alarm where %s, and releases nothing that rests on it', async (_what, propose) => {
    const proposed = await propose();
    const { number } = channel.add({ proposed });
    await caughtUp();
    expect(under.alarms).toMatchObject([{ block: number, txId: proposed.txId, code: 'import' }]);
    for (const key of proposed.writes[CHAINCODE]!.keys()) {
      expect(() => under.follower.peek(key)).toThrow(expect.objectContaining({ code: 'distrusted' }));
    }
    expect(under.follower.block(number)?.transactions).toEqual([]);
  });

  it('raises an alarm over an end that not every member has endorsed', async () => {
    await takeAll();
    const proposed = await proposeEnd();
    expect(proposed.endorsers).toHaveLength(2);
    channel.add({ proposed });
    await caughtUp();
    expect(under.alarms).toMatchObject([{ code: 'import', txId: proposed.txId }]);
    expect(() => under.follower.peek(MOVE_KEY)).toThrow(expect.objectContaining({ code: 'distrusted' }));
  });
});

const EMPTY = { status: OK_STATUS, payload: new Uint8Array() };

async function withWrite(key: string, value: Json | undefined): Promise<Proposed> {
  const proposed = await proposeImport(pieces());
  const writes = new Map(proposed.writes[CHAINCODE]);
  if (value === undefined) expect(writes.delete(key)).toBe(true);
  else writes.set(key, utf8(canonical(value)));
  return { ...proposed, writes: { [CHAINCODE]: writes } };
}

async function withArgument(change: (text: string) => string): Promise<Proposed> {
  const proposed = await proposeImport(pieces());
  const text = Buffer.from(proposed.args[1]!).toString('utf8');
  const changed = change(text);
  expect(changed).not.toBe(text);
  return { ...proposed, args: [proposed.args[0]!, utf8(changed)] };
}

async function firstPatient(): Promise<string | undefined> {
  const { writes } = await proposeImport(pieces());
  return [...writes[CHAINCODE]!.keys()].find((key) => key.startsWith('patient/'));
}
