import { describe, expect, it } from 'vitest';
import { Turns } from './turns.ts';

/** Tasks that end when they are told to, and what began, in order. */
function tasks() {
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const task = (name: string) => (): Promise<void> => {
    began.push(name);
    return new Promise((resolve) => ends.set(name, resolve));
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)!();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { began, task, end };
}

describe('turns', () => {
  it('lets a group that hangs hold up no other group', () => {
    const turns = new Turns(1);
    const { began, task } = tasks();
    turns.take({ group: 'slow', key: '1' }, task('slow 1'));
    turns.take({ group: 'slow', key: '2' }, task('slow 2'));
    turns.take({ group: 'other', key: '3' }, task('other 3'));
    expect(began).toEqual(['slow 1', 'other 3']);
  });

  it('runs no more of a group at once than it may, and the rest in order', async () => {
    const turns = new Turns(2);
    const { began, task, end } = tasks();
    for (const key of ['1', '2', '3', '4']) turns.take({ group: 'one', key }, task(key));
    expect(began).toEqual(['1', '2']);
    await end('2');
    expect(began).toEqual(['1', '2', '3']);
    await end('1');
    expect(began).toEqual(['1', '2', '3', '4']);
  });

  it('never runs two of a key at once, and keeps the latest that waits', async () => {
    const turns = new Turns(2);
    const { began, task, end } = tasks();
    for (const name of ['first', 'second', 'third']) turns.take({ group: 'one', key: 'same' }, task(name));
    expect(began).toEqual(['first']);
    await end('first');
    expect(began).toEqual(['first', 'third']);
  });

  it('begins nothing more once it ends, and waits for what runs', async () => {
    const turns = new Turns(1);
    const { began, task, end } = tasks();
    turns.take({ group: 'one', key: '1' }, task('1'));
    turns.take({ group: 'one', key: '2' }, task('2'));
    let isEnded = false;
    const ended = turns.end().then(() => {
      isEnded = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isEnded).toBe(false);
    await end('1');
    await ended;
    expect(began).toEqual(['1']);
  });
});
