import { describe, expect, it } from 'vitest';
import { type Committed, newHash, type SuiteSource } from './suite.ts';

/** Part of the suite that every engine runs. */
export function describeReading(suite: SuiteSource): void {
  describe('reading', () => {
    it('gives the versions of a key, newest first, by pages', async () => {
      const base = 1_000;
      const results: Committed[] = [];
      for (const step of [1, 2, 3, 4]) {
        const args = { number: base + step, hash: newHash() };
        const { node, sign } = suite().consortium;
        results.push(await suite().commit(await sign({ transaction: 'access.checkpoint', args, by: node })));
      }
      const key = `access/checkpoint/${suite().consortium.organisation}`;
      const versions = await suite().ledger.history(key, { limit: 4 });
      expect(versions.map(({ value }) => (value as { number: number }).number)).toEqual([1_004, 1_003, 1_002, 1_001]);
      results.reverse().forEach(({ callId, block, index, timestampMs }, at) => {
        expect(versions[at]).toMatchObject({ callId, block, index, timestampMs });
      });
      const { block, index } = versions[1]!;
      expect(await suite().ledger.history(key, { limit: 1, before: { block, index } })).toEqual([versions[2]]);
      expect(await suite().ledger.history('access/checkpoint/nobody', { limit: 10 })).toEqual([]);
    });

    it('gives ranges in byte order, half open and bounded', async () => {
      await Promise.all(Array.from({ length: 20 }, () => suite().register()));
      const [start, end] = ['patient/pid/', 'patient/pid0'];
      const all = await suite().ledger.range(start, end, 10_000);
      const keys = all.map(({ key }) => key);
      expect(keys.length).toBeGreaterThanOrEqual(20);
      expect(keys).toEqual([...keys].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right))));
      expect(await suite().ledger.range(start, end, 5)).toEqual(all.slice(0, 5));
      expect(await suite().ledger.range(keys[3]!, keys[6]!, 100)).toEqual(all.slice(3, 6));
      expect(await suite().ledger.range(end, start, 5)).toEqual([]);
      await expect(suite().ledger.range(start, end, 0)).rejects.toMatchObject({ code: 'bad-argument' });
      await expect(suite().ledger.range(start, end, 10_001)).rejects.toMatchObject({ code: 'bad-argument' });
    });

    it('knows no transaction and no block that there is not', async () => {
      expect(await suite().ledger.transaction(newHash())).toBeUndefined();
      expect(await suite().ledger.block((await suite().ledger.height()) + 1)).toBeUndefined();
      expect(await suite().ledger.get('patient/pid/nobody')).toBeUndefined();
    });
  });
}
