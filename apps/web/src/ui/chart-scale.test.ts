import { describe, expect, it } from 'vitest';
import { paddedBounds, ticksOf } from './chart-scale.ts';

describe('the scale of a chart', () => {
  it('has round ticks inside its bounds', () => {
    expect(ticksOf(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(ticksOf(7.13, 9.42, 4)).toEqual([8, 9]);
    expect(ticksOf(0.11, 0.42, 4)).toEqual([0.2, 0.3, 0.4]);
    expect(ticksOf(-3, 3, 3)).toEqual([-2, 0, 2]);
  });

  it('has one tick where there is nothing between its bounds', () => {
    expect(ticksOf(5, 5, 4)).toEqual([5]);
  });

  it('leaves air around the values, and around a single one too', () => {
    expect(paddedBounds([10, 20])).toEqual([9, 21]);
    expect(paddedBounds([0])).toEqual([-0.5, 0.5]);
    expect(paddedBounds([-100])).toEqual([-110, -90]);
  });
});
