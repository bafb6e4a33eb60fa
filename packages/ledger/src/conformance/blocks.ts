import { describe, expect, it } from 'vitest';
import type { Block } from '../block.ts';
import type { Ledger } from '../ledger.ts';
import type { SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describeBlocks(suite: SuiteSource): void {
  describe('blocks', () => {
    it('are numbered without gaps, chained, in order of time and hashed over their header', async () => {
      const blocks = await allBlocks(suite().ledger);
      expect(blocks.length).toBeGreaterThan(5);
      blocks.forEach(({ header, hash, signature, transactions }, number) => {
        expect(header.number).toBe(number);
        expect(header.network).toBe(suite().ledger.network);
        expect(hash).toBe(suite().started.hashOf({ header, hash, signature, transactions }));
        expect(transactions.length).toBe(header.count);
        const previous = blocks[number - 1];
        if (previous === undefined) return;
        expect(header.previousHash).toBe(previous.hash);
        expect(header.timestampMs).toBeGreaterThanOrEqual(previous.header.timestampMs);
      });
      const last = blocks.at(-1)!;
      expect(await suite().ledger.checkpoint()).toMatchObject({
        network: suite().ledger.network,
        number: last.header.number,
        hash: last.hash,
      });
    });

    it('carry write sets that give the state when they are applied in order', async () => {
      const state = new Map<string, unknown>();
      let committedCalls = 0;
      for (const { transactions } of await allBlocks(suite().ledger)) {
        for (const { callId, outcome, block, index } of transactions) {
          if (outcome.kind !== 'committed') continue;
          committedCalls += 1;
          expect(await suite().ledger.transaction(callId)).toMatchObject({ callId, block, index });
          expect(outcome.writes.map(([key]) => key)).toContain(`call/${callId}`);
          for (const [key, value] of outcome.writes) state.set(key, value ?? undefined);
        }
      }
      expect(committedCalls).toBeGreaterThan(50);
      const stored = await suite().ledger.range('!', '~', 10_000);
      expect(stored).toEqual(
        [...state]
          .filter(([, value]) => value !== undefined)
          .sort(([left], [right]) => (left < right ? -1 : 1))
          .map(([key, value]) => ({ key, value })),
      );
    });
  });
}

async function allBlocks(ledger: Ledger): Promise<readonly Block[]> {
  const height = await ledger.height();
  const controller = new AbortController();
  const blocks: Block[] = [];
  for await (const block of ledger.follow(0, controller.signal)) {
    blocks.push(block);
    if (block.header.number === height) controller.abort();
  }
  return blocks;
}
