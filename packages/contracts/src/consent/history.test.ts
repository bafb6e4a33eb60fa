import { scaled } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cast, createCast } from '../../test/consent-cast.ts';
import { createHistory, type Play } from '../../test/consent-history.ts';
import { type ConsentModel, createModel } from '../../test/consent-model.ts';
import type { Move } from '../../test/consent-moves.ts';
import { type Dice, diceOf } from '../../test/dice.ts';
import type { CallOptions } from '../../test/host.ts';
import { RUNTIME_CODES } from '../codes.ts';
import { type EpochFact, epochKey } from '../epoch.ts';
import { type EmergencyFact, emergencyKey } from './emergency.ts';
import { type GrantFact, grantKey } from './grant-fact.ts';
import { sessionKey } from './reader-request.ts';
import { type RequestFact, requestKey } from './request.ts';
import { consentTransactions } from './transactions.ts';

const STEPS = scaled(2_000, 10_000);
const STEPS_PER_HISTORY = 200;
/** Far more than it takes: other packages' tests may run beside it. */
const TIMEOUT_MS = scaled(60_000, 600_000);
const SEED = 20_261_121;

/** What the runtime and the reader's request add to the codes of the contract itself. */
const BORROWED_CODES = [
  ...['wrong-network', 'not-after-passed', 'unknown-transaction', 'signer-not-allowed', 'signer-unknown'],
  ...['signer-revoked', 'signature-invalid', 'certificate-invalid', 'member-kind-not-allowed', 'role-missing'],
];

describe('the consent contract, beside a small independent model', () => {
  it(`agrees on every acceptance, refusal and state in ${STEPS} steps of random histories`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const seen: Seen = { steps: 0, names: new Set() };
    const seeds = fc.array(fc.noBias(fc.nat(2 ** 31 - 1)), {
      minLength: STEPS_PER_HISTORY,
      maxLength: STEPS_PER_HISTORY,
    });
    await fc.assert(
      fc.asyncProperty(seeds, (drawn) => compareHistory(drawn, seen)),
      { numRuns: STEPS / STEPS_PER_HISTORY, seed: SEED, endOnFailure: true },
    );
    expect(seen.steps).toBeGreaterThanOrEqual(STEPS);
    const codes = new Set(consentTransactions.flatMap(({ errors }) => errors));
    expect(codes.size).toBeGreaterThan(30);
    const accepted = consentTransactions.map(({ name }) => `committed ${name}`);
    const unseen = [...codes, ...BORROWED_CODES, ...accepted, 'repeated'].filter((name) => !seen.names.has(name));
    expect(unseen).toEqual([]);
  });
});

type Seen = { steps: number; readonly names: Set<string> };
type Scene = {
  readonly cast: Cast;
  readonly model: ConsentModel;
  readonly history: ReturnType<typeof createHistory>;
  readonly sent: Play[];
  readonly committed: Set<Play>;
  /** Signed and held back. */
  readonly withheld: Play[];
};

async function compareHistory(seeds: readonly number[], seen: Seen): Promise<void> {
  const cast = await createCast();
  const model = createModel(cast.setting);
  const scene: Scene = { cast, model, history: createHistory(cast), sent: [], committed: new Set(), withheld: [] };
  for (const [index, seed] of seeds.entries()) {
    const dice = diceOf(seed);
    if (dice.below(200) === 0) await changeCast(scene, dice);
    const play = nextPlay(scene, dice);
    await compareStep(scene, play, seen, `step ${index}, ${play.move.do}`);
    if (index % 20 === 0) compareGrants(scene);
  }
  compareGrants(scene);
}

/** A new play, one that was sent before, as it was or signed once more, or one that was held back. */
function nextPlay({ history, sent, withheld, committed }: Scene, dice: Dice): Play {
  const fate = dice.below(100);
  if (fate < 4 && sent.length > 0) {
    history.arrive(dice);
    return dice.pick(sent);
  }
  if (fate < 11 && committed.size > 0) {
    history.arrive(dice);
    const requests = [...committed].filter(({ move }) => 'asked' in move);
    return history.again(dice.pick([...requests.slice(-4), ...[...committed].slice(-1)]));
  }
  if (fate < 20 && withheld.length > 0) {
    history.arrive(dice);
    return withheld.splice(dice.below(withheld.length), 1)[0]!;
  }
  if (fate < 28) withheld.push(history.draw(dice));
  return history.draw(dice);
}

async function compareStep(scene: Scene, play: Play, seen: Seen, label: string): Promise<void> {
  const { cast, model, history, sent, committed } = scene;
  const { move, call } = play;
  const atMs = cast.world.nowMs();
  const objections = model.objections(move, atMs);
  const outcome = await cast.world.submit(call);
  const said = JSON.stringify({ label, outcome, objections: [...objections], move });
  seen.steps++;
  sent.push(play);
  if (committed.has(play)) {
    expect(outcome.kind, said).toBe('repeated');
    seen.names.add('repeated');
  } else if (outcome.kind === 'refused') {
    expect(objections.has(outcome.code), said).toBe(true);
    const documented = consentTransactions.find(({ name }) => name === move.do)?.errors ?? [];
    expect([...documented, ...Object.keys(RUNTIME_CODES)], said).toContain(outcome.code);
    seen.names.add(outcome.code);
  } else {
    expect(outcome.kind, said).toBe('committed');
    expect([...objections], said).toEqual([]);
    seen.names.add(`committed ${move.do}`);
    committed.add(play);
    model.accept(move, atMs);
    history.note(move);
  }
  compareTouched(scene, move, said);
}

/** The state that a move names, whether it was accepted or not. */
function compareTouched({ cast, model }: Scene, move: Move, said: string): void {
  const { state } = cast.world;
  if ('asked' in move && move.asked !== null) {
    expect(state.has(sessionKey(move.asked.id)), said).toBe(model.isSpent(move.asked.id));
  }
  if (move.do === 'request' || (move.do === 'answer' && move.by.as === 'device')) {
    const pid = move.do === 'request' ? move.pid : move.by.as === 'device' ? move.by.pid : '';
    const fact = state.get(requestKey(pid, move.request)) as RequestFact | undefined;
    expect(fact?.status, said).toBe(model.requestStatus(pid, move.request));
  }
  if (move.do === 'emergency' || move.do === 'review') {
    const id = move.do === 'emergency' ? move.asked.id : move.emergency;
    const fact = state.get(emergencyKey(move.pid, id)) as EmergencyFact | undefined;
    expect(fact === undefined ? undefined : [fact.untilMs, fact.outcome ?? null], said).toEqual(
      model.emergency(move.pid, id),
    );
  }
}

/** All grants and epochs, and that the state holds no grant that the model does not know. */
function compareGrants({ cast, model, history }: Scene): void {
  const { state } = cast.world;
  const keys = [...state.keys()].filter((key) => key.startsWith('grant/'));
  const grants = model.grants();
  expect(new Set(keys)).toEqual(new Set(grants.map(([pid, grant]) => grantKey(pid, grant))));
  for (const [pid, grant] of grants) {
    const { commits, parent, cardKey, ...expected } = model.expected(pid, grant);
    const { commitment, ...fact } = state.get(grantKey(pid, grant)) as GrantFact;
    expect(fact).toEqual({
      ...expected,
      ...(parent === null ? {} : { parent }),
      ...(cardKey === null ? {} : { cardKey }),
    });
    expect(commitment).toBe(commits === null ? null : history.commitments.get(commits));
  }
  for (const pid of cast.setting.patients.keys()) {
    const fact = state.get(epochKey(`pid:${pid}`)) as EpochFact | undefined;
    expect(fact?.epoch ?? 1).toBe(model.epoch(pid));
  }
}

/** Somebody loses a device, or is dismissed. */
async function changeCast({ cast, model }: Scene, dice: Dice): Promise<void> {
  const { world, alice } = cast;
  const network = world.host.network;
  const known = { network, notAfterMs: null };
  const tablet = cast.devices.get('alice tablet')!;
  const reader = dice.pick(cast.temporary);
  const by = { as: 'device', pid: alice.pid, device: 'alice phone' } as const;
  const moves: readonly (readonly [Move, CallOptions])[] = [
    [
      { ...known, by, do: 'removeDevice', device: 'alice tablet' },
      {
        transaction: 'patient.removeDevice',
        args: { sequence: 3, kid: tablet.by.key.kid },
        by: alice.phone,
      },
    ],
    [
      { ...known, by, do: 'dismiss', id: reader.id },
      {
        transaction: 'membership.revoke',
        args: { id: reader.id, reason: 'cessationOfOperation' },
        by: world.organisation('hospital-b').administrator,
      },
    ],
  ];
  const [move, options] = dice.pick(moves);
  const outcome = await world.submit(world.sign(options));
  if (outcome.kind === 'committed') model.accept(move, world.nowMs());
}
