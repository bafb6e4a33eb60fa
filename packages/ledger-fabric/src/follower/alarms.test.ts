import { canonical, utf8 } from '@salus/crypto';
import { type Consortium, createConsortium, newId, newPatient, type Patient } from '@salus/ledger/consortium';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf, claimedPatient, grantOf, keysOf, withArgument, withWrites } from '../../test/doctored.ts';
import type { Proposed } from '../../test/envelopes.ts';
import { createImpostor } from '../../test/machines.ts';
import {
  CHAINCODE,
  createTestChannel,
  type FollowerUnderTest,
  newPlace,
  type Place,
  type TestChannel,
  VERSION,
} from '../../test/test-channel.ts';
import type { AlarmCode } from './alarm.ts';

const LIMIT_MS = 5_000;

let channel: TestChannel;
let consortium: Consortium;
let patient: Patient;
let place: Place;
let under: FollowerUnderTest;

beforeEach(async () => {
  channel = await createTestChannel(['hospital-a', 'hospital-b', 'laboratory']);
  consortium = await createConsortium({ network: channel.network, nowMs: () => channel.clock.nowMs });
  for (const call of await consortium.founding()) channel.add({ proposed: await channel.propose([call]) });
  patient = await claimedPatient(channel, consortium);
  place = newPlace();
  under = await channel.openFollower(place);
});

afterEach(async () => {
  await under[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** The follower has applied all blocks of the channel. */
async function caughtUp(): Promise<void> {
  await under.follower.reach(channel.blocks.length - 1, AbortSignal.timeout(LIMIT_MS));
}

const [A, B, L] = [0, 1, 2];
const peerOf = (at: number) => channel.organisations[at]!.peer;
const register = async (more: Partial<Proposed> = {}) =>
  channel.propose([await consortium.register(newPatient())], more);

/** Adds the doctored transaction and expects this alarm over it, distrust of exactly these keys, and the state of the peers. */
async function expectAlarm(
  code: AlarmCode,
  proposed: Proposed,
  expected: {
    readonly keys?: readonly string[];
    readonly forged?: readonly Parameters<TestChannel['add']>[0]['forged'][];
  } = {},
): Promise<void> {
  const keys = expected.keys ?? keysOf(proposed);
  expect(keys.length).toBeGreaterThan(0);
  const waiting = under.follower.awaitTransaction(proposed.txId, AbortSignal.timeout(LIMIT_MS));
  const { number } = channel.add({ proposed });
  expect(await waiting).toEqual({ txId: proposed.txId, block: number, code: 0, alarm: code, outcomes: [] });
  expect(under.alarms).toEqual([{ block: number, txId: proposed.txId, code, keys, detail: expect.any(String) }]);
  expect(under.follower.alarms).toEqual(under.alarms);
  for (const key of keys) {
    expect(() => under.follower.peek(key)).toThrow(expect.objectContaining({ code: 'distrusted' }));
    expect(() => under.follower.history(key, { limit: 1 })).toThrow(expect.objectContaining({ code: 'distrusted' }));
    expect(() => under.follower.range(key, `${key}!`, 1)).toThrow(expect.objectContaining({ code: 'distrusted' }));
  }
  let others = 0;
  for (const [key, value] of channel.state) {
    if (keys.includes(key)) continue;
    expect(canonical(under.follower.peek(key)!)).toBe(canonical(value));
    others += 1;
  }
  expect(others).toBeGreaterThan(5);
  // Nothing of it stands among the block's transactions, and the block says why.
  expect(under.follower.block(number)).toMatchObject({
    header: { count: 0, fabricTransactions: [{ txId: proposed.txId, alarm: code, calls: 0 }] },
    transactions: [],
  });
}

describe('a transaction that peers took and that should not be', () => {
  it('is told when a call’s signature is not its signer’s', async () => {
    const other = await register();
    const [, argument] = other.args;
    const [signature] = /"signature":"[^"]+"/.exec(Buffer.from(argument!).toString('utf8'))!;
    const forged = withArgument(await register(), (text) => text.replace(/"signature":"[^"]+"/, signature));
    await expectAlarm('outcome', forged);
  });

  it('is told when it writes a grant that nobody signed', async () => {
    const honest = await register();
    const key = `grant/${patient.pid}/${newId()}`;
    const fact = { kind: 'access', commitment: 'A'.repeat(43), status: 'active', uses: 0, firstMs: 0, lastMs: 0 };
    await expectAlarm(
      'writes',
      withWrites(honest, (writes) => writes.set(key, bytesOf(fact))),
    );
  });

  it('is told when it writes another value, leaves a write out, or deletes instead', async () => {
    const [first, second, third] = [await register(), await register(), await register()];
    const key = (proposed: Proposed) => keysOf(proposed).find((name) => name.startsWith('patient/'))!;
    channel.add({ proposed: withWrites(first, (writes) => writes.set(key(first), bytesOf({ pid: 'other' }))) });
    channel.add({ proposed: withWrites(second, (writes) => writes.delete(key(second))) });
    channel.add({ proposed: withWrites(third, (writes) => writes.set(key(third), null)) });
    await caughtUp();
    expect(under.alarms.map(({ code, keys }) => [code, keys])).toEqual([
      ['writes', keysOf(first)],
      // The key that its call would have written, too.
      ['writes', keysOf(second)],
      ['writes', keysOf(third)],
    ]);
  });

  it('is told when it sets who must endorse a key', async () => {
    const proposed = await register();
    await expectAlarm('writes', { ...proposed, policies: [keysOf(proposed)[0]!] });
  });

  it('is told when an outcome is not the one that the contract gives', async () => {
    const proposed = await register();
    const payload = utf8(Buffer.from(proposed.response.payload).toString('utf8').replace('"pid":"', '"pid":"x'));
    await expectAlarm('outcome', { ...proposed, response: { ...proposed.response, payload } });
  });

  it('is told when its argument is no canonical list of calls', async () => {
    await expectAlarm(
      'argument',
      withArgument(await register(), (text) => ` ${text}`),
    );
  });

  it('is told when another function, or another chaincode, wrote to the namespace', async () => {
    const proposed = await register();
    await expectAlarm('foreign-write', { ...proposed, args: [utf8('put'), proposed.args[1]!] });
  });

  it('is told when another chaincode wrote to the namespace', async () => {
    const proposed = await register();
    await expectAlarm('foreign-write', {
      ...proposed,
      chaincode: 'other',
      writes: { [CHAINCODE]: proposed.writes[CHAINCODE]! },
    });
  });

  it('is told when other contracts ran than the channel has agreed on', async () => {
    await expectAlarm('contracts', { ...(await register()), version: VERSION.replace('1.0.0', '1.0.1') });
  });

  it('is told when a refusal stands in it that no block may hold', async () => {
    const late = await consortium.register(newPatient());
    const bare = await consortium.sign({
      transaction: 'patient.register',
      args: { name: 'Somebody' },
      by: consortium.feed,
    });
    const proposed = await channel.propose([late]);
    const [fine, refused] = [await channel.propose([late]), canonical({ code: 'args-invalid', kind: 'refused' })];
    const doctored = withArgument(fine, (text) => {
      const call = canonical({ payload: bare.call.payload, signature: bare.call.signature } as never);
      return text.replace('],"version"', `,${call}],"version"`);
    });
    const payload = utf8(
      Buffer.from(proposed.response.payload).toString('utf8').replace('],"version"', `,${refused}],"version"`),
    );
    await expectAlarm('refusal', { ...doctored, response: { ...doctored.response, payload } });
  });
});

describe('endorsements', () => {
  it('are not enough from one organisation, however many peers it has', async () => {
    const second = await channel.organisations[A]!.newMachine('peer');
    await expectAlarm('endorsement', await register({ endorsers: [peerOf(A), second] }));
  });

  it('do not count when their signature is of something else', async () => {
    const proposed = await register({ endorsers: [peerOf(A), peerOf(B)] });
    channel.add({ proposed, forged: [peerOf(B)] });
    await caughtUp();
    expect(under.alarms).toMatchObject([{ code: 'endorsement', keys: keysOf(proposed) }]);
  });

  it('do not count from a machine that its organisation has not certified', async () => {
    await expectAlarm('endorsement', await register({ endorsers: [peerOf(A), await createImpostor('hospital-b')] }));
  });

  it('do not count from an organisation that is no member', async () => {
    await expectAlarm('endorsement', await register({ endorsers: [peerOf(A), await createImpostor('hospital-z')] }));
  });

  it('count until the certificate is revoked, and not from then on', async () => {
    channel.add({ proposed: await register({ endorsers: [peerOf(A), peerOf(L)] }) });
    await channel.configure([peerOf(L)]);
    await caughtUp();
    expect(under.alarms).toEqual([]);
    await expectAlarm('endorsement', await register({ endorsers: [peerOf(A), peerOf(L)] }));
  });

  it('need the organisation that keeps the records where a call has private arguments', async () => {
    const grant = newId();
    const call = await grantOf(consortium, patient, grant, channel.clock.nowMs);
    const honest = await channel.propose([call]);
    // A third endorsement in its name, which peers drop in silence because the policy holds without it.
    channel.add({ proposed: { ...honest, endorsers: [peerOf(B), peerOf(L), peerOf(A)] }, forged: [peerOf(A)] });
    await caughtUp();
    expect(under.alarms).toMatchObject([{ code: 'private-endorsement', keys: keysOf(honest) }]);
    expect(keysOf(honest)).toContain(`grant/${patient.pid}/${grant}`);
    expect(() => under.follower.peek(`grant/${patient.pid}/${grant}`)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
  });

  it('need it as the submitter, too', async () => {
    const call = await grantOf(consortium, patient, newId(), channel.clock.nowMs);
    await expectAlarm('private-endorsement', {
      ...(await channel.propose([call])),
      creator: channel.organisations[B]!.node,
    });
  });

  it('of the organisation that keeps the records and one other are enough', async () => {
    const grant = newId();
    const call = await grantOf(consortium, patient, grant, channel.clock.nowMs);
    channel.add({ proposed: await channel.propose([call], { endorsers: [peerOf(A), peerOf(L)] }) });
    await caughtUp();
    expect(under.alarms).toEqual([]);
    expect(under.follower.peek(`grant/${patient.pid}/${grant}`)).toMatchObject({ status: 'active' });
  });

  it('of one are enough while there is one organisation', async () => {
    const [only] = channel.organisations;
    await channel.configure([], [only!]);
    channel.add({ proposed: await register({ endorsers: [only!.peer] }) });
    await caughtUp();
    expect(under.alarms).toEqual([]);
  });
});

describe('distrust', () => {
  it('spreads to what later calls write from it, and to nothing else', async () => {
    const forged = newPatient();
    const registration = await channel.propose([await consortium.register(forged)]);
    // One endorser alone: the state is what honest calls would have made, and still nothing may rest on it.
    channel.add({ proposed: { ...registration, endorsers: [peerOf(A)] } });
    const claim = await channel.propose([await consortium.claim(forged)]);
    const untouched = await channel.propose([await consortium.register(newPatient())]);
    const waiting = under.follower.awaitTransaction(claim.txId, AbortSignal.timeout(LIMIT_MS));
    channel.add({ proposed: claim }, { proposed: untouched });
    const { outcomes } = await waiting;
    expect(outcomes).toMatchObject([{ kind: 'distrusted' }]);
    await caughtUp();
    expect(under.alarms.length).toBe(1);
    for (const key of [...keysOf(registration), ...keysOf(claim)]) {
      expect(() => under.follower.peek(key), key).toThrow(expect.objectContaining({ code: 'distrusted' }));
    }
    for (const key of keysOf(untouched)) expect(under.follower.peek(key), key).toBeDefined();
    expect(() => under.follower.findResult(outcomes[0]!.callId!)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
  });

  it('spreads inside a transaction and inside a block', async () => {
    const [forged, bystander] = [newPatient(), newPatient()];
    const registration = await channel.propose([await consortium.register(forged)], { endorsers: [peerOf(A)] });
    const honest = withWrites(registration, () => {});
    channel.add({ proposed: honest });
    const gathered = await channel.propose([await consortium.claim(forged), await consortium.register(bystander)]);
    channel.add({ proposed: gathered });
    await caughtUp();
    expect(() => under.follower.peek(`patient/pid/${forged.pid}`)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
    expect(under.follower.peek(`patient/pid/${bystander.pid}`)).toMatchObject({ pid: bystander.pid });
  });

  it('and alarms outlast a restart', async () => {
    const proposed = await register({ endorsers: [peerOf(A)] });
    channel.add({ proposed });
    await caughtUp();
    const alarms = [...under.follower.alarms];
    expect(alarms.length).toBe(1);
    await under[Symbol.asyncDispose]();
    under = await channel.openFollower(place);
    expect(under.follower.alarms).toEqual(alarms);
    // They were told before.
    expect(under.alarms).toEqual([]);
    for (const key of keysOf(proposed))
      expect(() => under.follower.peek(key)).toThrow(expect.objectContaining({ code: 'distrusted' }));
  });

  it('holds of a value that is no JSON, and calls that break on it are told', async () => {
    const victim = newPatient();
    channel.add({ proposed: await channel.propose([await consortium.register(victim)]) });
    const claim = await channel.propose([await consortium.claim(victim)]);
    const spoiled = withWrites(await register(), (writes) => writes.set(`patient/pid/${victim.pid}`, utf8('"{')));
    channel.add({ proposed: spoiled });
    channel.add({ proposed: claim });
    await caughtUp();
    expect(under.alarms).toMatchObject([
      { code: 'writes', keys: keysOf(spoiled) },
      { code: 'outcome', keys: keysOf(claim) },
    ]);
    expect(under.follower.failure).toBeUndefined();
  });
});
