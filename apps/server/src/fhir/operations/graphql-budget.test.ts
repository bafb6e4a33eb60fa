import { describe, expect, it } from 'vitest';
import { GraphqlBudget } from './graphql-budget.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the budget of a query', () => {
  it('starts eight at once, and the next when one of them is done', async () => {
    const budget = new GraphqlBudget(100);
    const ends: (() => void)[] = [];
    const all = Array.from({ length: 20 }, () => budget.run(() => new Promise<void>((resolve) => ends.push(resolve))));
    await turn();
    expect(ends).toHaveLength(8);
    ends[0]?.();
    await turn();
    expect(ends).toHaveLength(9);
    for (let at = 1; at < all.length; at += 1) {
      ends[at]?.();
      await turn();
    }
    await Promise.all(all);
    expect([ends.length, budget.isSpent]).toEqual([20, false]);
  });

  it('starts none that was not paid for, and of those that wait none once more was asked than there is', async () => {
    const budget = new GraphqlBudget(50);
    let started = 0;
    const work = async (): Promise<void> => {
      started += 1;
      await turn();
    };
    const settled = await Promise.allSettled(Array.from({ length: 4_000 }, () => budget.run(work)));
    expect(started).toBe(8);
    expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(3_992);
    expect(budget.isSpent).toBe(true);
    await expect(budget.run(work)).rejects.toMatchObject({ code: 'too-large' });
    expect(started).toBe(8);
  });

  it('gives the place of one that failed to the next', async () => {
    const budget = new GraphqlBudget(100);
    const failing = Array.from({ length: 20 }, () => budget.run(() => Promise.reject(new Error('no'))));
    expect((await Promise.allSettled(failing)).every(({ status }) => status === 'rejected')).toBe(true);
    expect(await budget.run(async () => 'done')).toBe('done');
  });
});
