import { createPure } from '@salus/ledger';
import { BlockBuilder } from '@salus/ledger/store';
import { describe, expect, it } from 'vitest';
import { BlockDistrust } from './distrust.ts';
import { Trial } from './trial.ts';

/** A state of three keys, of which `c` is distrusted. */
function newTrial(): Trial {
  const stored = new Map(['a', 'b', 'c'].map((key) => [key, JSON.stringify({ key })]));
  const state = {
    version: (key: string) => {
      const text = stored.get(key);
      return text === undefined ? undefined : { position: 1, text, value: JSON.parse(text) as never };
    },
    range: (start: string, end: string, limit: number) =>
      [...stored]
        .filter(([key]) => key >= start && key < end)
        .slice(0, limit)
        .map(([key, text]) => ({ key, value: JSON.parse(text) as never })),
  };
  const distrust = new BlockDistrust({ has: () => false, touches: () => false });
  distrust.add(['c']);
  return new Trial(new BlockBuilder(state as never, 2, 0), distrust);
}

const hostOf = (trial: Trial) => trial.host('A'.repeat(22), createPure());

describe('a trial of calls', () => {
  it('shows each call the writes of those before, in keys and ranges', () => {
    const trial = newTrial();
    trial.begin();
    trial.write([
      ['a', null],
      ['ab', 7],
    ]);
    trial.begin();
    expect(trial.get('a')).toBeUndefined();
    expect(hostOf(trial).range('a', 'c', 10)).toEqual([
      { key: 'ab', value: 7 },
      { key: 'b', value: { key: 'b' } },
    ]);
    expect(hostOf(trial).range('a', 'c', 1)).toEqual([{ key: 'ab', value: 7 }]);
    expect([...trial.written]).toEqual([
      ['a', { value: undefined, text: null }],
      ['ab', { value: 7, text: '7' }],
    ]);
  });

  it('runs contracts as on a channel, as the endorsers did', () => {
    expect(hostOf(newTrial()).onChannel).toBe(true);
  });

  it('notes that a call read a distrusted key, also where it is absent or in a range', () => {
    const reads: readonly [isDistrusted: boolean, read: (trial: Trial) => unknown][] = [
      [false, (trial) => trial.get('b')],
      [true, (trial) => trial.get('c')],
      [false, (trial) => hostOf(trial).range('a', 'c', 10)],
      [true, (trial) => hostOf(trial).range('b', 'd', 10)],
      // What lies behind the limit could have been shown had the limit's keys been fewer.
      [true, (trial) => hostOf(trial).range('a', 'd', 1)],
    ];
    for (const [isDistrusted, read] of reads) {
      const trial = newTrial();
      trial.begin();
      read(trial);
      expect(trial.readsDistrusted).toBe(isDistrusted);
      trial.begin();
      expect(trial.readsDistrusted).toBe(false);
    }
  });

  it('carries distrust on to calls that read what such a call wrote', () => {
    const trial = newTrial();
    trial.begin();
    trial.get('c');
    trial.write([['d', 1]]);
    trial.begin();
    trial.write([['e', 1]]);
    trial.get('e');
    expect(trial.readsDistrusted).toBe(false);
    trial.get('d');
    expect(trial.readsDistrusted).toBe(true);
    trial.begin();
    void hostOf(trial).range('d', 'e', 10);
    expect(trial.readsDistrusted).toBe(true);
  });
});
