import { afterAll, beforeAll, describe } from 'vitest';
import { histories } from './conformance/histories.ts';
import { mixedTransactions } from './conformance/mixed-transactions.ts';
import { refusalsAndReads } from './conformance/refusals-and-reads.ts';
import { singleRequests } from './conformance/single-requests.ts';
import { transactions } from './conformance/transactions.ts';
import { type RepositoryUnderTest, trialOf } from './conformance/trial.ts';

export type { RepositoryUnderTest };

/**
 * What every `Repository` does, run unchanged by each engine inside its own test file. The repository is opened once;
 * each test brings resources of its own.
 */
export function repositoryConformance<Caller>(name: string, open: () => Promise<RepositoryUnderTest<Caller>>): void {
  describe(`${name} as a FHIR repository`, () => {
    let subject: RepositoryUnderTest<Caller>;
    beforeAll(async () => {
      subject = await open();
    });
    afterAll(async () => {
      await subject?.close();
    });
    const trial = trialOf(() => subject);
    transactions(trial);
    singleRequests(trial);
    mixedTransactions(trial);
    histories(trial);
    refusalsAndReads(trial);
  });
}
