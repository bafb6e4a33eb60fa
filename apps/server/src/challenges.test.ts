import { describe, expect, it } from 'vitest';
import { CHALLENGE_MS, CHALLENGES_MAX, Challenges } from './challenges.ts';

describe('challenges', () => {
  it('serve once, for whom they were drawn, within a minute', () => {
    let now = 0;
    const challenges = new Challenges(() => now);
    const draw = () => challenges.draw('hospital-a', 'pid', 'kid').challenge;
    const first = draw();
    expect(challenges.spend(first, 'hospital-a', 'pid', 'kid')).toBe(true);
    expect(challenges.spend(first, 'hospital-a', 'pid', 'kid')).toBe(false);
    const second = draw();
    expect(challenges.spend(second, 'hospital-b', 'pid', 'kid')).toBe(false);
    expect(challenges.spend(second, 'hospital-a', 'pid', 'kid')).toBe(false);
    const third = draw();
    now += CHALLENGE_MS;
    expect(challenges.spend(third, 'hospital-a', 'pid', 'kid')).toBe(false);
    expect(challenges.spend('never drawn', 'hospital-a', 'pid', 'kid')).toBe(false);
  });

  it('are bounded: the oldest gives way', () => {
    const challenges = new Challenges(() => 0);
    const first = challenges.draw('a').challenge;
    const second = challenges.draw('a').challenge;
    for (let drawn = 2; drawn <= CHALLENGES_MAX; drawn += 1) challenges.draw('a');
    expect(challenges.spend(first, 'a')).toBe(false);
    expect(challenges.spend(second, 'a')).toBe(true);
  });
});
