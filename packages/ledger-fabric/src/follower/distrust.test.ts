import { canonical, fromBase64url, type Json, leafHash, utf8 } from '@salus/crypto';
import type { TransactionView } from '@salus/ledger';
import { newPatient } from '@salus/ledger/consortium';
import { rootOf } from '@salus/ledger/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlarmStory, expectDistrusted, KEEPER, LIMIT_MS } from '../../test/alarm-story.ts';
import { keysOf, withWrites } from '../../test/doctored.ts';

let story: AlarmStory;

beforeEach(async () => {
  story = await AlarmStory.open();
});

afterEach(() => story[Symbol.asyncDispose]());

describe('distrust', () => {
  it('spreads to what later calls write from it, and to nothing else', async () => {
    const forged = newPatient();
    const registration = await story.channel.propose([await story.consortium.register(forged)]);
    // One endorser alone: the state is what honest calls would have made, and still nothing may rest on it.
    story.channel.add({ proposed: { ...registration, endorsers: [story.peerOf(KEEPER)] } });
    const claim = await story.channel.propose([await story.consortium.claim(forged)]);
    const untouched = await story.channel.propose([await story.consortium.register(newPatient())]);
    const waiting = story.under.follower.awaitTransaction(claim.txId, AbortSignal.timeout(LIMIT_MS));
    story.channel.add({ proposed: claim }, { proposed: untouched });
    const { outcomes } = await waiting;
    expect(outcomes).toMatchObject([{ kind: 'distrusted' }]);
    await story.caughtUp();
    expect(story.under.alarms.length).toBe(1);
    for (const key of [...keysOf(registration), ...keysOf(claim)]) {
      expectDistrusted(story, key);
    }
    for (const key of keysOf(untouched)) expect(story.under.follower.peek(key), key).toBeDefined();
    expect(() => story.under.follower.findResult(outcomes[0]!.callId!)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
  });

  it('spreads inside a transaction and inside a block', async () => {
    const [forged, bystander] = [newPatient(), newPatient()];
    const registration = await story.channel.propose([await story.consortium.register(forged)], {
      endorsers: [story.peerOf(KEEPER)],
    });
    story.channel.add({ proposed: registration });
    const gathered = await story.channel.propose([
      await story.consortium.claim(forged),
      await story.consortium.register(bystander),
    ]);
    story.channel.add({ proposed: gathered });
    await story.caughtUp();
    expect(() => story.under.follower.peek(`patient/pid/${forged.pid}`)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
    expect(story.under.follower.peek(`patient/pid/${bystander.pid}`)).toMatchObject({ pid: bystander.pid });
  });

  it('shows a call that rests on an alarm as distrusted, without its values, and its neighbours as committed and proven', async () => {
    const forged = newPatient();
    const registration = await story.channel.propose([await story.consortium.register(forged)]);
    story.channel.add({ proposed: { ...registration, endorsers: [story.peerOf(KEEPER)] } });
    const claim = await story.channel.propose([await story.consortium.claim(forged)]);
    const untouched = await story.channel.propose([await story.consortium.register(newPatient())]);
    const { number } = story.channel.add({ proposed: claim }, { proposed: untouched });
    await story.caughtUp();
    const block = story.under.follower.block(number)!;
    const [tainted, honest] = block.transactions;
    expect(tainted!.outcome).toEqual({ kind: 'distrusted', keys: expect.any(Array), leafHash: expect.any(String) });
    expect(honest!.outcome).toMatchObject({ kind: 'committed' });
    const { outcome } = tainted!;
    expect([...(outcome.kind === 'distrusted' ? outcome.keys : [])].sort()).toEqual(keysOf(claim));
    expect(rootOf(block.transactions.map(leafOf))).toBe(block.header.transactionsRoot);
    await story.reopen();
    for await (const followed of story.under.follower.follow(number, AbortSignal.timeout(LIMIT_MS))) {
      expect(followed).toEqual(block);
      break;
    }
  });

  it('reaches a call of the block that was read last, when a later alarm writes its key', async () => {
    const proposed = await story.register();
    const { number } = story.channel.add({ proposed });
    await story.caughtUp();
    const [before] = story.under.follower.block(number)!.transactions;
    expect(before!.outcome.kind).toBe('committed');
    const key = `call/${before!.callId}`;
    story.channel.add({ proposed: withWrites(await story.register(), (writes) => writes.set(key, utf8('{}'))) });
    await story.caughtUp();
    expect(story.under.alarms.length).toBe(1);
    expect(story.under.follower.block(number)!.transactions).toMatchObject([{ outcome: { kind: 'distrusted' } }]);
    expect(() => story.under.follower.transaction(before!.callId)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
  });

  it('and alarms outlast a restart', async () => {
    const proposed = await story.register({ endorsers: [story.peerOf(KEEPER)] });
    story.channel.add({ proposed });
    await story.caughtUp();
    const alarms = [...story.under.follower.alarms];
    expect(alarms.length).toBe(1);
    await story.reopen();
    expect(story.under.follower.alarms).toEqual(alarms);
    // They were told before.
    expect(story.under.alarms).toEqual([]);
    for (const key of keysOf(proposed)) expectDistrusted(story, key);
  });

  it('holds of a value that is no JSON, and calls that break on it are told', async () => {
    const victim = newPatient();
    story.channel.add({ proposed: await story.channel.propose([await story.consortium.register(victim)]) });
    const claim = await story.channel.propose([await story.consortium.claim(victim)]);
    const spoiled = withWrites(await story.register(), (writes) => writes.set(`patient/pid/${victim.pid}`, utf8('"{')));
    story.channel.add({ proposed: spoiled });
    story.channel.add({ proposed: claim });
    await story.caughtUp();
    expect(story.under.alarms).toMatchObject([
      { code: 'writes', keys: keysOf(spoiled) },
      { code: 'outcome', keys: keysOf(claim) },
    ]);
    expect(story.under.follower.failure).toBeUndefined();
  });
});

/** As whoever proves a transaction of a block takes its leaves. */
function leafOf({ call, outcome, timestampMs }: TransactionView): Uint8Array {
  if (outcome.kind === 'distrusted') return fromBase64url(outcome.leafHash);
  return leafHash(utf8(canonical({ call, outcome, timestampMs } as unknown as Json)));
}
