import { grantOf, newId, type PreparedCall } from '@salus/ledger/consortium';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlarmStory, expectAlarm, KEEPER, OTHER, THIRD } from '../../test/alarm-story.ts';
import { keysOf } from '../../test/doctored.ts';
import { createImpostor } from '../../test/machines.ts';

let story: AlarmStory;

beforeEach(async () => {
  story = await AlarmStory.open();
});

afterEach(() => story[Symbol.asyncDispose]());

/** The patient's grant, whose terms are private. */
function granting({ consortium, patient, channel }: AlarmStory, grant: string): Promise<PreparedCall> {
  return grantOf(consortium, { pid: patient.pid, grant, by: patient.device, nowMs: channel.clock.nowMs });
}

describe('endorsements', () => {
  it('are not enough from one organisation, however many peers it has', async () => {
    const second = await story.channel.organisations[KEEPER]!.newMachine('peer');
    await expectAlarm(story, 'endorsement', await story.register({ endorsers: [story.peerOf(KEEPER), second] }));
  });

  it('do not count when their signature is of something else', async () => {
    const proposed = await story.register({ endorsers: [story.peerOf(KEEPER), story.peerOf(OTHER)] });
    story.channel.add({ proposed, forged: [story.peerOf(OTHER)] });
    await story.caughtUp();
    expect(story.under.alarms).toMatchObject([{ code: 'endorsement', keys: keysOf(proposed) }]);
  });

  it('do not count from a machine that its organisation has not certified', async () => {
    await expectAlarm(
      story,
      'endorsement',
      await story.register({ endorsers: [story.peerOf(KEEPER), await createImpostor('hospital-b')] }),
    );
  });

  it('do not count from an organisation that is no member', async () => {
    await expectAlarm(
      story,
      'endorsement',
      await story.register({ endorsers: [story.peerOf(KEEPER), await createImpostor('hospital-z')] }),
    );
  });

  it('count until the certificate is revoked, and not from then on', async () => {
    story.channel.add({ proposed: await story.register({ endorsers: [story.peerOf(KEEPER), story.peerOf(THIRD)] }) });
    await story.channel.configure([story.peerOf(THIRD)]);
    await story.caughtUp();
    expect(story.under.alarms).toEqual([]);
    await expectAlarm(
      story,
      'endorsement',
      await story.register({ endorsers: [story.peerOf(KEEPER), story.peerOf(THIRD)] }),
    );
  });

  it('need the organisation that keeps the records where a call has private arguments', async () => {
    const grant = newId();
    const call = await granting(story, grant);
    const honest = await story.channel.propose([call]);
    // A third endorsement in its name, which peers drop in silence because the policy holds without it.
    story.channel.add({
      proposed: { ...honest, endorsers: [story.peerOf(OTHER), story.peerOf(THIRD), story.peerOf(KEEPER)] },
      forged: [story.peerOf(KEEPER)],
    });
    await story.caughtUp();
    expect(story.under.alarms).toMatchObject([{ code: 'private-endorsement', keys: keysOf(honest) }]);
    expect(keysOf(honest)).toContain(`grant/${story.patient.pid}/${grant}`);
    expect(() => story.under.follower.peek(`grant/${story.patient.pid}/${grant}`)).toThrow(
      expect.objectContaining({ code: 'distrusted' }),
    );
  });

  it('need it as the submitter, too', async () => {
    const call = await granting(story, newId());
    await expectAlarm(story, 'private-endorsement', {
      ...(await story.channel.propose([call])),
      creator: story.channel.organisations[OTHER]!.node,
    });
  });

  it('of the organisation that keeps the records and one other are enough', async () => {
    const grant = newId();
    const call = await granting(story, grant);
    story.channel.add({
      proposed: await story.channel.propose([call], { endorsers: [story.peerOf(KEEPER), story.peerOf(THIRD)] }),
    });
    await story.caughtUp();
    expect(story.under.alarms).toEqual([]);
    expect(story.under.follower.peek(`grant/${story.patient.pid}/${grant}`)).toMatchObject({ status: 'active' });
  });

  it('of one are enough while there is one organisation', async () => {
    const [only] = story.channel.organisations;
    await story.channel.configure([], [only!]);
    story.channel.add({ proposed: await story.register({ endorsers: [only!.peer] }) });
    await story.caughtUp();
    expect(story.under.alarms).toEqual([]);
  });
});
