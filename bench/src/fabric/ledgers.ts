import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FabricLedger, openFabricLedger, readFabricConnection } from '@salus/ledger-fabric';
import type { TestNetwork } from '@salus/network';

/** Calls of one Fabric transaction, and transactions under way. */
type Gathering = { readonly callsMax: number; readonly transactionsMax: number; readonly endorsingMax: number };

/** Opens and closes the organisation's ledger on one replica, gathering calls or each on its own. */
export type Ledgers = Disposable & {
  readonly open: (gathering?: Gathering) => Promise<FabricLedger>;
};

export function keepLedgers(network: TestNetwork, organisation: string): Ledgers {
  const folder = mkdtempSync(join(tmpdir(), 'salus-bench-fabric-'));
  const connection = readFabricConnection(network.connectionFile(organisation));
  return {
    open: (gathering) =>
      openFabricLedger({
        connection,
        file: join(folder, 'replica.db'),
        checkpointFile: join(folder, 'outside', 'checkpoint'),
        checkpointSigners: () => [],
        clock: Date.now,
        ...(gathering === undefined ? {} : { gathering }),
      }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
