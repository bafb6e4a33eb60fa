import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BackupResult, type CheckpointSigner, type Ledger, openEmbeddedLedger } from '@salus/ledger';
import type { DataLayout } from './data-directory.ts';
import { openLedgerKey } from './ledger-key.ts';
import type { MasterKeys } from './master-keys.ts';
import type { Settings } from './settings.ts';

/** What a verifying engine found in a block that should not be there; whatever it wrote is released to nobody. */
export interface LedgerAlarm {
  readonly block: number;
  /** The engine's own id of the transaction; null where it is the block itself. */
  readonly txId: string | null;
  readonly code: string;
  /** Keys of the world state that are not to be relied on. */
  readonly keys: readonly string[];
  readonly detail: string;
}

/** The ledger of a node, whatever engine it is: the port, and what only some engines have. */
export interface NodeLedger extends Ledger {
  /** A consistent copy in one file, while it runs. */
  backup?(toFile: string): Promise<BackupResult>;
  /** Of an engine whose blocks others make and this one verifies. */
  alarms?(): readonly LedgerAlarm[];
}

export interface NodeLedgerOptions {
  readonly settings: Pick<Settings, 'ledger' | 'checkpointFile'>;
  readonly layout: DataLayout;
  readonly network: string;
  readonly masterKeys: MasterKeys;
  readonly checkpointSigners: () => readonly CheckpointSigner[];
  readonly nowMs: () => number;
  readonly onAlarm: (alarm: LedgerAlarm) => void;
}

/** Opens the engine that the settings name: a Fabric network's where SALUS_LEDGER does, else the embedded one. */
export async function openNodeLedger(options: NodeLedgerOptions): Promise<NodeLedger> {
  const { settings, layout, network, masterKeys, checkpointSigners, nowMs, onAlarm } = options;
  const common = {
    file: layout.ledgerFile,
    checkpointFile: settings.checkpointFile,
    checkpointSigners,
    clock: nowMs,
  };
  if (settings.ledger === null) {
    return openEmbeddedLedger({ ...common, signer: openLedgerKey(layout, masterKeys, network) });
  }
  mkdirSync(dirname(layout.ledgerFile), { recursive: true, mode: 0o700 });
  // Loaded where it is needed: most nodes are on one machine and need no gRPC.
  const { openFabricLedger, readFabricConnection } = await import('@salus/ledger-fabric');
  return openFabricLedger({ ...common, connection: readFabricConnection(settings.ledger), onAlarm });
}
