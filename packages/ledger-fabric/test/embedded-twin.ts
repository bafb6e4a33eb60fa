import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from '@salus/contracts';
import { createEmbeddedLedger, createPure, type EmbeddedLedger, installedContracts } from '@salus/ledger';
import { newKey, type PreparedCall } from '@salus/ledger/consortium';

/** The embedded engine for the same network, at whatever time it is told. */
export type EmbeddedTwin = AsyncDisposable & {
  readonly ledger: EmbeddedLedger;
  /** What the call would do now; does nothing. */
  dryRun(prepared: PreparedCall): Promise<Outcome>;
};

export async function openEmbeddedTwin(network: string, clock: () => number): Promise<EmbeddedTwin> {
  const folder = mkdtempSync(join(tmpdir(), 'salus-embedded-twin-'));
  const ledger = await createEmbeddedLedger({
    network,
    file: join(folder, 'ledger.db'),
    checkpointFile: join(folder, 'outside', 'checkpoint'),
    checkpointSigners: () => [],
    signer: newKey(),
    clock,
  });
  const host = {
    network,
    pure: createPure(),
    get: (key: string) => ledger.get(key),
    range: (start: string, end: string, limit: number) => ledger.range(start, end, limit),
  };
  return {
    ledger,
    dryRun: ({ call, privateArgs }) =>
      installedContracts().execute(host, { call, privateArgs, timestampMs: clock(), mode: 'full' }),
    [Symbol.asyncDispose]: async () => {
      await ledger[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}
