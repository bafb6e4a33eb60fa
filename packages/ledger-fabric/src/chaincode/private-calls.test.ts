import {
  contracts,
  disputeAnswerCommitment,
  disputeCommitment,
  type Json,
  type JsonObject,
  readPrivateOrganisation,
} from '@salus/contracts';
import {
  appointOf,
  batchOf,
  type Cast,
  commitBatch,
  createCast,
  createHistory,
  diceOf,
  type TestCall,
  testHash,
  testId,
} from '@salus/contracts/test-world';
import { hashTuple, utf8 } from '@salus/crypto';
import { scaled } from '@salus/testing';
import { describe, expect, it } from 'vitest';
import { createEndorser, type Endorser, endorse, gather } from '../../test/endorser.ts';
import { findFailure, OK_STATUS, parseOutcomes, REJECTED_STATUS } from '../wire.ts';

const STEPS = scaled(500, 4_000);
const SEED = 20_261_121;
const TIMEOUT_MS = scaled(60_000, 600_000);

type Seen = { readonly committed: Set<string>; privately: number; publicly: number };
type Scene = {
  readonly cast: Cast;
  readonly endorsers: ReadonlyMap<string, Endorser>;
  readonly bystander: Endorser;
};

describe('calls with private arguments, in a random history', () => {
  it(`read and write the same at every endorser, and leave no trace where they are refused, in ${STEPS} steps`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const cast = await createCast();
    const history = createHistory(cast);
    const clock = { network: cast.world.host.network, nowMs: cast.world.nowMs };
    const endorsers = new Map<string, Endorser>();
    for (const name of ['hospital-a', 'hospital-b']) endorsers.set(name, await createEndorser(clock, name));
    const scene: Scene = { cast, endorsers, bystander: await createEndorser(clock, 'hospital-c') };
    const seen: Seen = { committed: new Set(), privately: 0, publicly: 0 };
    for (let step = 0; step < STEPS; step++) {
      const dice = diceOf(SEED + step);
      const play = history.draw(dice);
      if (await compare(scene, play.call, seen)) history.note(play.move);
    }
    for (const call of await mergeCalls(cast)) await compare(scene, call, seen);
    for (const call of await actingCalls(cast)) await compare(scene, call, seen);
    const transactions = contracts.flatMap((one) => (one.private === undefined ? [] : [`${one.contract}.${one.name}`]));
    expect(transactions.filter((name) => !seen.committed.has(name))).toEqual([]);
    expect(seen.privately).toBeGreaterThan(STEPS / 50);
    expect(seen.publicly).toBeGreaterThan(STEPS / 50);
  });
});

/** Endorses the call at its own organisation and at a bystander's, runs it on the reference engine, and compares all three. */
async function compare(scene: Scene, test: TestCall, seen: Seen): Promise<boolean> {
  const { cast, endorsers, bystander } = scene;
  const { world } = cast;
  const { payload } = test.call;
  const name = `${payload.contract}.${payload.transaction}`;
  const state = new Map(world.state);
  const organisation = await readPrivateOrganisation((key) => state.get(key), payload);
  const creator = organisation ?? 'hospital-a';
  const own = endorsers.get(creator)!;
  const proposal = { creator, ...(await gather([test], own)) };
  const full = await endorse(own, state, proposal);
  const open = await endorse(bystander, state, proposal);
  if (organisation !== undefined) await demandOwnSubmitter(scene, state, { ...proposal, creator: 'hospital-c' });
  const outcome = await world.submit(test);
  expect([own.faults, bystander.faults], name).toEqual([[], []]);
  const failure = findFailure(full.answer.message, 1);
  expect(open.peer.reads, name).toEqual(full.peer.reads);
  expect(open.peer.ranges, name).toEqual(full.peer.ranges);
  switch (outcome.kind) {
    case 'committed':
      seen.committed.add(name);
      expect(open.answer, name).toEqual(full.answer);
      expect(full.answer.status, name).toBe(OK_STATUS);
      expect(parseOutcomes(utf8(full.text), 1), name).toMatchObject([{ kind: 'committed', result: outcome.result }]);
      for (const { peer } of [full, open])
        expect([...peer.writes], name).toEqual(
          outcome.writes.map(([key, value]): [string, Json | null] => [key, value]),
        );
      return true;
    case 'repeated':
    case 'refused': {
      // Refused or repeated alone, it is endorsed by its own organisation in no way, and nothing was written.
      expect(full.answer.status, name).toBe(REJECTED_STATUS);
      expect(full.answer.payload, name).toHaveLength(0);
      expect(full.peer.writes.size, name).toBe(0);
      expect(failure, name).toMatchObject({
        refusals: [{ index: 0, outcome: outcome.kind === 'repeated' ? outcome : { code: outcome.code } }],
      });
      if (open.answer.status === OK_STATUS) seen.privately += 1;
      else seen.publicly += 1;
      return false;
    }
  }
}

/** What no story of consent has: a second registration of one patient, with values that do not open the commitment and that do. */
async function mergeCalls({ world, bob }: Cast): Promise<readonly TestCall[]> {
  const { pid } = await world.register('hospital-a', 'somebody twice');
  const values = { survivor: bob.pid, salt: testHash('merge') };
  const commitment = hashTuple('merge', values.salt, world.host.network, pid, values.survivor);
  const by = world.organisation('hospital-a').feed;
  const merge = { transaction: 'patient.merge', args: { pid, commitment }, by };
  return [
    world.sign({ ...merge, values: { ...values, survivor: pid } }),
    world.sign({ ...merge, values }),
    world.sign({ ...merge, values }),
  ];
}

/** A guardian is appointed, an entry disputed and answered: each first with values that do not open the commitment. */
async function actingCalls({ world }: Cast): Promise<readonly TestCall[]> {
  const patient = await world.claim('hospital-a', 'somebody who disputes');
  const { pid, phone } = patient;
  const batch = batchOf('disputed', 'a version');
  const place = { ...world, alice: patient, owner: `pid:${pid}` };
  const leaf = batch.leaf(0, await commitBatch(place, batch, { keys: ['disputed'], table: true }));
  const salt = testHash('dispute');
  const named = { network: world.host.network, pid, dispute: testId('dispute') };
  const { leafHash } = leaf;
  const statement = { version: 'salus:dispute:v1', ...named, leafHash, text: 'I never smoked.' } as const;
  const outcome = 'declined';
  const answer = { version: 'salus:dispute-answer:v1', ...named, outcome, text: 'It was asked twice.' } as const;
  const { dispute } = named;
  const stated = { dispute, leaf, commitment: disputeCommitment({ hashTuple }, statement, salt) };
  const answered = { pid, dispute, outcome, commitment: disputeAnswerCommitment({ hashTuple }, answer, salt) };
  const disputing = { transaction: 'record.dispute', args: stated as unknown as JsonObject, by: phone };
  const by = world.organisation('hospital-a').clinician;
  const answering = { transaction: 'record.answerDispute', args: answered, by };
  const guardian = { pid, label: 'somebody’s guardian', by: phone };
  return [
    world.sign(appointOf(world, { ...guardian, commitment: testHash('another') })),
    world.sign(appointOf(world, guardian)),
    world.sign({ ...disputing, values: { statement: { ...statement, text: 'Another text.' }, salt } }),
    world.sign({ ...disputing, values: { statement, salt } }),
    world.sign({ ...answering, values: { answer: { ...answer, text: 'Another text.' }, salt } }),
    world.sign({ ...answering, values: { answer, salt } }),
  ];
}

/** Nobody endorses what another organisation submits, though it has all the values. */
async function demandOwnSubmitter(
  { endorsers, bystander }: Scene,
  state: ReadonlyMap<string, Json>,
  proposal: Parameters<typeof endorse>[2],
): Promise<void> {
  for (const endorser of [...endorsers.values(), bystander]) {
    const { answer, peer } = await endorse(endorser, state, proposal);
    const code = endorser === bystander ? ['foreign-submitter', 'private-not-opened'] : ['foreign-submitter'];
    const failure = findFailure(answer.message, 1);
    expect(code).toContain(failure?.kind === 'fault' ? failure.code : undefined);
    expect(peer.writes.size).toBe(0);
  }
}
