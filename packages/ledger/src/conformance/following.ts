import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Block } from '../block.ts';
import type { SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describeFollowing(suite: SuiteSource): void {
  describe('following', () => {
    it('gives all blocks from a number on, goes on live, and resumes without gap or repetition', async () => {
      const height = await suite().ledger.height();
      const first = new AbortController();
      const seen: number[] = [];
      const following = (async () => {
        for await (const { header } of suite().ledger.follow(height - 1, first.signal)) {
          seen.push(header.number);
          if (header.number === height + 2) first.abort();
        }
      })();
      for (let step = 0; step < 3; step += 1) await suite().register();
      await following;
      expect(seen).toEqual([height - 1, height, height + 1, height + 2]);
      const second = new AbortController();
      const resumed: Block[] = [];
      for await (const block of suite().ledger.follow(seen.at(-1)! + 1, second.signal)) {
        resumed.push(block);
        if (block.header.number === (await suite().ledger.height())) second.abort();
      }
      expect(resumed[0]?.header.number).toBe(height + 3);
      expect(resumed[0]).toEqual(await suite().ledger.block(height + 3));
    });

    it('ends when its signal is aborted, also while it waits, and serves several followers', async () => {
      const height = await suite().ledger.height();
      const controllers = [new AbortController(), new AbortController()];
      const counts = controllers.map(async ({ signal }) => {
        let count = 0;
        for await (const block of suite().ledger.follow(height + 1, signal)) count += block.transactions.length;
        return count;
      });
      await suite().register();
      await sleep(20);
      for (const controller of controllers) controller.abort();
      expect(await Promise.all(counts)).toEqual([1, 1]);
      const aborted = suite().ledger.follow(0, AbortSignal.abort())[Symbol.asyncIterator]();
      expect(await aborted.next()).toMatchObject({ done: true });
    });
  });
}
