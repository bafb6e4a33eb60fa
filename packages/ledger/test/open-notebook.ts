import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SyncSigner } from '@salus/crypto';
import type { CheckpointSigner } from '../src/checkpoint.ts';
import type { EmbeddedLedger } from '../src/embedded/embedded-ledger.ts';
import { createEmbeddedLedger, type EmbeddedLedgerOptions, openEmbeddedLedger } from '../src/embedded/open.ts';
import { NETWORK, newSigner, notebook } from './notebook.ts';

/** A folder with a data directory, a checkpoint file outside it and the keys; removed at the end. */
export type Place = {
  readonly folder: string;
  readonly file: string;
  readonly checkpointFile: string;
  readonly signer: SyncSigner;
  readonly clock: { nowMs: number };
  create(more?: Partial<EmbeddedLedgerOptions>): Promise<EmbeddedLedger>;
  open(more?: Partial<EmbeddedLedgerOptions>): Promise<EmbeddedLedger>;
  remove(): void;
};

export const START_MS = 1_700_000_000_000;

export function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'salus-ledger-'));
  const signer = newSigner();
  const witness: CheckpointSigner = { organisation: 'hospital-a', id: 'n'.repeat(22), signer: newSigner() };
  const clock = { nowMs: START_MS };
  const file = join(folder, 'ledger.db');
  const checkpointFile = join(folder, 'outside', 'checkpoint');
  const options = {
    file,
    checkpointFile,
    signer,
    checkpointSigners: () => [witness],
    clock: () => clock.nowMs,
    runtime: notebook,
  };
  return {
    folder,
    file,
    checkpointFile,
    signer,
    clock,
    create: (more = {}) => createEmbeddedLedger({ ...options, ...more, network: NETWORK }),
    open: (more = {}) => openEmbeddedLedger({ ...options, ...more }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
