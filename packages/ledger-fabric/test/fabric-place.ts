import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestNetwork } from '@salus/network';
import { readFabricConnection } from '../src/connection-file.ts';
import { type FabricLedger, openFabricLedger } from '../src/fabric-ledger.ts';
import type { Gathering } from '../src/gateway/gateway.ts';

/** One organisation's `Ledger` on a test network, with a replica of its own that survives `reopen`. */
export type FabricPlace = AsyncDisposable & {
  readonly network: string;
  ledger(): FabricLedger;
  reopen(): Promise<FabricLedger>;
};

export async function openFabricPlace(
  network: TestNetwork,
  organisation: string,
  options: { readonly clock?: () => number; readonly gathering?: Gathering } = {},
): Promise<FabricPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'salus-fabric-place-'));
  const connection = readFabricConnection(network.connectionFile(organisation));
  const open = () =>
    openFabricLedger({
      connection,
      file: join(folder, 'replica.db'),
      checkpointFile: join(folder, 'outside', 'checkpoint'),
      checkpointSigners: () => [],
      clock: options.clock ?? Date.now,
      ...(options.gathering === undefined ? {} : { gathering: options.gathering }),
    });
  let ledger = await open();
  return {
    network: connection.network,
    ledger: () => ledger,
    reopen: async () => {
      await ledger[Symbol.asyncDispose]();
      ledger = await open();
      return ledger;
    },
    [Symbol.asyncDispose]: async () => {
      await ledger[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}
