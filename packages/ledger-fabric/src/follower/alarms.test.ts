import { canonical, utf8 } from '@salus/crypto';
import { newId, newPatient } from '@salus/ledger/consortium';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlarmStory, expectAlarm } from '../../test/alarm-story.ts';
import { bytesOf, keysOf, withArgument, withWrites } from '../../test/doctored.ts';
import type { Proposed } from '../../test/envelopes.ts';
import { CHAINCODE, VERSION } from '../../test/test-channel.ts';

let story: AlarmStory;

beforeEach(async () => {
  story = await AlarmStory.open();
});

afterEach(() => story[Symbol.asyncDispose]());

describe('a transaction that peers took and that should not be', () => {
  it('is told when a call’s signature is not its signer’s', async () => {
    const other = await story.register();
    const [, argument] = other.args;
    const [signature] = /"signature":"[^"]+"/.exec(Buffer.from(argument!).toString('utf8'))!;
    const forged = withArgument(await story.register(), (text) => text.replace(/"signature":"[^"]+"/, signature));
    await expectAlarm(story, 'outcome', forged);
  });

  it('is told when it writes a grant that nobody signed', async () => {
    const honest = await story.register();
    const key = `grant/${story.patient.pid}/${newId()}`;
    const fact = { kind: 'access', commitment: 'A'.repeat(43), status: 'active', uses: 0, firstMs: 0, lastMs: 0 };
    await expectAlarm(
      story,
      'writes',
      withWrites(honest, (writes) => writes.set(key, bytesOf(fact))),
    );
  });

  it('is told when it writes another value, leaves a write out, or deletes instead', async () => {
    const [first, second, third] = [await story.register(), await story.register(), await story.register()];
    const key = (proposed: Proposed) => keysOf(proposed).find((name) => name.startsWith('patient/'))!;
    story.channel.add({ proposed: withWrites(first, (writes) => writes.set(key(first), bytesOf({ pid: 'other' }))) });
    story.channel.add({ proposed: withWrites(second, (writes) => writes.delete(key(second))) });
    story.channel.add({ proposed: withWrites(third, (writes) => writes.set(key(third), null)) });
    await story.caughtUp();
    expect(story.under.alarms.map(({ code, keys }) => [code, keys])).toEqual([
      ['writes', keysOf(first)],
      // The key that its call would have written, too.
      ['writes', keysOf(second)],
      ['writes', keysOf(third)],
    ]);
  });

  it('is told when it sets who must endorse a key', async () => {
    const proposed = await story.register();
    await expectAlarm(story, 'writes', { ...proposed, policies: [keysOf(proposed)[0]!] });
  });

  it('is told when an outcome is not the one that the contract gives', async () => {
    const proposed = await story.register();
    const payload = utf8(Buffer.from(proposed.response.payload).toString('utf8').replace('"pid":"', '"pid":"x'));
    await expectAlarm(story, 'outcome', { ...proposed, response: { ...proposed.response, payload } });
  });

  it('is told when its argument is no canonical list of calls', async () => {
    await expectAlarm(
      story,
      'argument',
      withArgument(await story.register(), (text) => ` ${text}`),
    );
  });

  it('is told when another function, or another chaincode, wrote to the namespace', async () => {
    const proposed = await story.register();
    await expectAlarm(story, 'foreign-write', { ...proposed, args: [utf8('put'), proposed.args[1]!] });
  });

  it('is told when another chaincode wrote to the namespace', async () => {
    const proposed = await story.register();
    await expectAlarm(story, 'foreign-write', {
      ...proposed,
      chaincode: 'other',
      writes: { [CHAINCODE]: proposed.writes[CHAINCODE]! },
    });
  });

  it('is told when other contracts ran than the channel has agreed on', async () => {
    await expectAlarm(story, 'contracts', { ...(await story.register()), version: VERSION.replace('1.0.0', '1.0.1') });
  });

  it('is told when a refusal stands in it that no block may hold', async () => {
    const late = await story.consortium.register(newPatient());
    const bare = await story.consortium.sign({
      transaction: 'patient.register',
      args: { name: 'Somebody' },
      by: story.consortium.feed,
    });
    const proposed = await story.channel.propose([late]);
    const [fine, refused] = [await story.channel.propose([late]), canonical({ code: 'args-invalid', kind: 'refused' })];
    const doctored = withArgument(fine, (text) => {
      const call = canonical({ payload: bare.call.payload, signature: bare.call.signature } as never);
      return text.replace('],"version"', `,${call}],"version"`);
    });
    const payload = utf8(
      Buffer.from(proposed.response.payload).toString('utf8').replace('],"version"', `,${refused}],"version"`),
    );
    await expectAlarm(story, 'refusal', { ...doctored, response: { ...doctored.response, payload } });
  });
});
