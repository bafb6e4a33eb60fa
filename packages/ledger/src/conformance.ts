import { afterAll, beforeAll, describe } from 'vitest';
import { describeActing } from './conformance/acting.ts';
import { describeBlocks } from './conformance/blocks.ts';
import { describeConcurrency } from './conformance/concurrency.ts';
import { createConsortium } from './conformance/consortium.ts';
import { describeFollowing } from './conformance/following.ts';
import { describePrivateArguments } from './conformance/private-arguments.ts';
import { describeReading } from './conformance/reading.ts';
import { describeSubmitting } from './conformance/submitting.ts';
import { type LedgerEngine, Suite } from './conformance/suite.ts';

export type { LedgerEngine, StartedLedger } from './conformance/suite.ts';

/** The suite that every engine of the `Ledger` port runs unchanged. */
export function describeLedger(engine: LedgerEngine): void {
  describe(`the ledger port on ${engine.name}`, () => {
    let current: Suite;
    const suite = (): Suite => current;

    beforeAll(async () => {
      const started = await engine.start();
      const { network } = started.ledger;
      current = new Suite(started, await createConsortium({ network, nowMs: () => started.nowMs() }));
      for (const prepared of await current.consortium.founding()) await current.commit(prepared);
    });

    afterAll(() => current.started.end());

    describeSubmitting(suite);
    describeConcurrency(suite);
    describePrivateArguments(suite);
    describeActing(suite);
    describeReading(suite);
    describeBlocks(suite);
    describeFollowing(suite);
  });
}
