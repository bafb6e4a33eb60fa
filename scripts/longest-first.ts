import { relative, resolve } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const root = resolve(import.meta.dirname, '..');

/** What takes longest at full scale, as a run tells at its end: begun last, one of them would keep a single core busy for minutes. */
export const LONGEST: readonly string[] = [
  'apps/server/src/acceptance/kill.test.ts',
  'apps/web/e2e/every-page.e2e.test.ts',
  'apps/server/src/acceptance/hl7.test.ts',
  'packages/records/src/kill.test.ts',
  'packages/records/src/store/postgres/vault-on-postgres.test.ts',
  'packages/ledger/src/embedded/kill.test.ts',
  'packages/records/src/store/postgres/kill-on-postgres.test.ts',
  'packages/records/src/kill-transaction.test.ts',
  'apps/server/src/acceptance/bystander-fabric.test.ts',
  'apps/cli/src/acceptance/exchange.test.ts',
  'apps/server/src/acceptance/verify.test.ts',
  'apps/web/e2e/onboarding.e2e.test.ts',
  'apps/server/src/acceptance/bystander.test.ts',
  'packages/ledger-fabric/src/differential.test.ts',
  'apps/server/src/acceptance/synthea.test.ts',
  'packages/ledger-fabric/src/soak/bft-faults.test.ts',
  'apps/cli/src/acceptance/apart.test.ts',
  'apps/web/e2e/clinician.e2e.test.ts',
  'apps/cli/src/acceptance/moving.test.ts',
  'apps/server/src/acceptance/stolen-data.test.ts',
  'network/src/channel/fail-over.test.ts',
  'apps/web/e2e/consent.e2e.test.ts',
  'apps/web/e2e/visit.e2e.test.ts',
  'apps/web/e2e/steward.e2e.test.ts',
  'packages/ledger-fabric/src/soak/partition.test.ts',
  'packages/records/src/search/search-table.test.ts',
  'apps/cli/src/acceptance/network.test.ts',
  'apps/server/src/acceptance/late-use-fabric.test.ts',
  'apps/web/e2e/record.e2e.test.ts',
  'apps/web/e2e/installed.e2e.test.ts',
  'packages/ledger-fabric/src/migration/migration.test.ts',
  'packages/ledger-fabric/src/histories.test.ts',
];

/** The longest files first, then the others in vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = new Map(LONGEST.map((path, at) => [path, at]));
    const rankOf = ({ moduleId }: TestSpecification): number =>
      rank.get(relative(root, moduleId).replaceAll('\\', '/')) ?? LONGEST.length;
    // A stable sort: equals keep the order that they come in.
    return (await super.sort(files)).toSorted((left, right) => rankOf(left) - rankOf(right));
  }
}
