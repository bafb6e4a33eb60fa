import { describe, expect, it } from 'vitest';
import { OpeningProgress } from './opening-progress.ts';

describe('the progress of opening records', () => {
  it('adds up what runs at once, tells each change, and forgets when the last one is over', () => {
    const progress = new OpeningProgress();
    const seen: string[] = [];
    const leave = progress.subscribe(() => seen.push(`${progress.read().done}/${progress.read().total}`));
    const one = progress.begin(10);
    const two = progress.begin(5);
    one.at(4);
    two.at(5);
    one.at(10);
    one.end();
    two.end();
    expect(seen).toEqual(['0/10', '0/15', '4/15', '9/15', '15/15', '0/0']);
    leave();
    progress.begin(1);
    expect(seen).toHaveLength(6);
  });
});
