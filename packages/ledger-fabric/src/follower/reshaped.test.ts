import { peer } from '@hyperledger/fabric-protos';
import { canonical } from '@salus/crypto';
import { newPatient } from '@salus/ledger/consortium';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlarmStory, KEEPER, LIMIT_MS } from '../../test/alarm-story.ts';
import { bytesOf, keysOf, withWrites } from '../../test/doctored.ts';
import { endorsedEnvelope, type Proposed } from '../../test/envelopes.ts';
import { identityOf } from '../../test/machines.ts';
import { withEndorsements, withoutTime, withSplitHeader, withSplitInput } from '../../test/reshaped.ts';
import { CHAINCODE } from '../../test/test-channel.ts';

let story: AlarmStory;

beforeEach(async () => {
  story = await AlarmStory.open();
});

afterEach(() => story[Symbol.asyncDispose]());

/** One member sends an honestly endorsed registration in another shape. */
async function send(
  shape: (envelope: Uint8Array) => Uint8Array,
): Promise<{ readonly key: string; readonly proposed: Proposed }> {
  const patient = newPatient();
  const proposed = await story.channel.propose([await story.consortium.register(patient)]);
  await give(shape(endorsedEnvelope(proposed)));
  return { key: `patient/pid/${patient.pid}`, proposed };
}

async function give(envelope: Uint8Array): Promise<void> {
  const { channel } = story;
  channel.give(channel.makeOf([envelope]));
  await story.caughtUp();
}

/** The call counts as any other, and the follower goes on. */
async function expectHonest(shape: (envelope: Uint8Array) => Uint8Array): Promise<void> {
  const { key, proposed } = await send(shape);
  const { follower, alarms } = story.under;
  expect(alarms).toEqual([]);
  expect(follower.peek(key)).toBeDefined();
  for (const [written, value] of proposed.writes[CHAINCODE]!) {
    expect(canonical(follower.peek(written)!)).toBe(Buffer.from(value!).toString('utf8'));
  }
}

function endorsementOf(identity: Uint8Array, signature: Uint8Array = Buffer.alloc(64, 1)): peer.Endorsement {
  const endorsement = new peer.Endorsement();
  endorsement.setEndorser(identity);
  endorsement.setSignature(signature);
  return endorsement;
}

const keeperWith = (certificate: string): Uint8Array => identityOf(story.peerOf(KEEPER).mspId, certificate);

describe('a valid transaction that its creator has written in another form than Go does', () => {
  it('is what peers read when its header stands there in two parts', async () => {
    await expectHonest(withSplitHeader);
  });

  it('is what the chaincode was given when its input stands there in two parts', async () => {
    await expectHonest(withSplitInput);
  });

  it('stops no follower without a time where it leaves the namespace alone', async () => {
    const proposed = await story.register();
    const away = { ...proposed, chaincode: 'other', writes: { other: new Map([['key', bytesOf('value')]]) } };
    await give(withoutTime(endorsedEnvelope(away)));
    expect(story.under.alarms).toEqual([]);
    expect(story.under.follower.failure).toBeUndefined();
  });

  it('is told without a time where it wrote to the namespace, and nothing else is distrusted', async () => {
    const { proposed } = await send(withoutTime);
    expect(story.under.alarms).toMatchObject([{ code: 'argument', txId: proposed.txId, keys: keysOf(proposed) }]);
    expect(story.under.follower.peek('membership/network')).toBeDefined();
  });
});

describe('a further endorsement', () => {
  it.each([
    ['no identity', () => Uint8Array.of(0xff)],
    ['of an identity without certificate', () => keeperWith('')],
    ['of what is no certificate', () => keeperWith('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')],
  ])('does not count that is %s', async (_what, identity) => {
    await expectHonest((envelope) => withEndorsements(envelope, [endorsementOf(identity())]));
  });

  it.each(['ed25519', 'rsa', 'secp384r1', 'broken'] as const)('does not count with a key of kind %s', async (kind) => {
    const identity = await story.channel.organisations[KEEPER]!.foreignPeer(kind);
    await expectHonest((envelope) => withEndorsements(envelope, [endorsementOf(identity)]));
  });

  it('does not count from a machine of its organisation that is no peer', async () => {
    const { node } = story.channel.organisations[KEEPER]!;
    const proposed = await story.register({ endorsers: [story.peerOf(1), node] });
    story.channel.add({ proposed });
    await story.caughtUp();
    expect(story.under.alarms).toMatchObject([{ code: 'endorsement' }]);
  });
});

describe('who writes the metadata of a key', () => {
  it('does not switch the check of the commit hash off', async () => {
    const proposed: Proposed = { ...(await story.register()), policies: ['membership/network'] };
    const honest = story.channel.makeOf([endorsedEnvelope(proposed)]);
    const waiting = story.under.follower.awaitTransaction(proposed.txId, AbortSignal.timeout(LIMIT_MS));
    waiting.catch(() => undefined);
    story.channel.give({ ...honest, commitHash: Buffer.alloc(32, 7) });
    await expect.poll(() => story.under.alarms.length, { timeout: LIMIT_MS }).toBe(1);
    expect(story.under.alarms).toMatchObject([{ code: 'commit-hash' }]);
    story.channel.blocks[honest.number] = honest;
    expect(await waiting).toMatchObject({ alarm: 'writes' });
    expect(story.under.follower.height).toBe(honest.number);
  });
});

describe('a configuration in which a member’s certificates cannot be read', () => {
  it('is told, and all others stay members', async () => {
    const [own, other, third] = story.channel.organisations;
    const broken = {
      ...third!,
      group: () => third!.group([], ['-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n']),
    };
    await story.channel.configure([], [own!, other!, broken]);
    await story.caughtUp();
    expect(story.under.alarms).toMatchObject([{ code: 'configuration', keys: [] }]);
    expect(story.under.follower.organisations).toEqual(['hospital-a', 'hospital-b', 'laboratory']);
    story.channel.add({ proposed: await story.register({ endorsers: [own!.peer, third!.peer] }) });
    await story.caughtUp();
    expect(story.under.alarms.length).toBe(1);
    await story.reopen();
    expect(story.under.follower.height).toBe(story.channel.blocks.length - 1);
  });

  it('is no such one where a list of revoked certificates has header lines', async () => {
    const { channel } = story;
    const revoked = story.peerOf(2);
    const [own, other, third] = channel.organisations;
    const headed = {
      ...third!,
      group: () => third!.group([revoked], [], (list) => list.replace('-----\n', '-----\nX-By: some-body\n\n')),
    };
    await channel.configure([], [own!, other!, headed]);
    await story.caughtUp();
    expect(story.under.alarms).toEqual([]);
    channel.add({ proposed: await story.register({ endorsers: [own!.peer, revoked] }) });
    await story.caughtUp();
    expect(story.under.alarms).toMatchObject([{ code: 'endorsement' }]);
  });
});

describe('an alarm', () => {
  it('shows a bounded number of keys and counts the others, which are distrusted as well', async () => {
    const more = Array.from({ length: 150 }, (_, at) => `zone/${String(at).padStart(3, '0')}`);
    const proposed = withWrites(await story.register(), (writes) => {
      for (const key of more) writes.set(key, bytesOf(1));
    });
    story.channel.add({ proposed });
    await story.caughtUp();
    const [alarm] = story.under.alarms;
    expect(alarm?.keys.length).toBe(100);
    expect(alarm?.detail).toContain(`${keysOf(proposed).length - 100} further keys`);
    expect(() => story.under.follower.peek(more.at(-1)!)).toThrow(expect.objectContaining({ code: 'distrusted' }));
  });
});
