import { type ErasureFact, erasureKey, type Json, leafKey } from '@salus/contracts';
import { newId } from '@salus/ledger/consortium';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AlarmStory, expectDistrusted, LIMIT_MS } from '../../test/alarm-story.ts';
import { bytesOf, keysOf, withWrites } from '../../test/doctored.ts';

let story: AlarmStory;

beforeEach(async () => {
  story = await AlarmStory.open();
});

afterEach(() => story[Symbol.asyncDispose]());

const HASH = 'A'.repeat(43);
const LEAF = { keyId: newId(), leafHash: 'B'.repeat(43) };

/** What two colluding members would have an administrator approve: an erasure that nobody proposed. */
function forgedProposal(patient: string): ErasureFact {
  return {
    owner: `pid:${patient}`,
    reason: 'legal',
    leaves: [LEAF],
    organisation: 'laboratory',
    proposer: newId(),
    proposedMs: story.channel.clock.nowMs,
    status: 'open',
  };
}

it('shows a genuine approval of a forged erasure as distrusted, and no leaf of it as erased', async () => {
  const { channel, consortium, patient } = story;
  const forged = bytesOf(forgedProposal(patient.pid) as unknown as Json);
  channel.add({
    proposed: withWrites(await story.register(), (writes) => writes.set(erasureKey(HASH), forged)),
  });
  const approval = await consortium.sign({
    transaction: 'record.approveErasure',
    args: { erasure: HASH },
    by: consortium.administrator,
  });
  const proposed = await channel.propose([approval]);
  const leaf = leafKey(LEAF.keyId, LEAF.leafHash);
  expect(keysOf(proposed)).toContain(leaf);
  const { number } = channel.add({ proposed });
  await story.caughtUp();
  // The peers take it for an erasure like any other.
  expect(channel.state.get(leaf)).toMatchObject({ status: 'erased' });
  const { follower } = story.under;
  expect(follower.block(number)!.transactions).toMatchObject([
    { outcome: { kind: 'distrusted', keys: expect.arrayContaining([leaf]) } },
  ]);
  for await (const { transactions } of follower.follow(number, AbortSignal.timeout(LIMIT_MS))) {
    expect(transactions.map(({ outcome }) => outcome.kind)).toEqual(['distrusted']);
    break;
  }
  for (const key of keysOf(proposed)) expectDistrusted(story, key);
});
