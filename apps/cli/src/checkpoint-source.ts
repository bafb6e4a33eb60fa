import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CryptoError, type Json, parseJson } from '@salus/crypto';
import { type Checkpoint, findCheckpoint } from '@salus/ledger';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';

const CHECKPOINT_BYTES_MAX = 1024 * 1024;
const LOG_BYTES_MAX = 64 * 1024 * 1024;

/** Checkpoints to compare a ledger with: a node's own file, or what somebody saved of `salus ledger checkpoint`. */
export type CheckpointSource =
  | { readonly kind: 'none' }
  | { readonly kind: 'file'; readonly file: string }
  | { readonly kind: 'saved'; readonly file: string; readonly checkpoints: readonly Checkpoint[] };

/**
 * What --checkpoint names, else the node's own file where it belongs to this network: an older network's file beside it
 * says nothing of this one.
 *
 * @throws CliError `no-checkpoint` where the named file holds none.
 */
export function findCheckpointSource(
  context: Pick<CommandContext, 'environment' | 'configDirectory' | 'workingDirectory'>,
  named: string | undefined,
  network: string | undefined,
): CheckpointSource {
  if (named !== undefined) return readNamed(resolve(context.workingDirectory, named));
  const setting = context.environment.SALUS_CHECKPOINT_FILE || undefined;
  const file = resolve(context.workingDirectory, setting ?? join(context.configDirectory, 'checkpoint.jsonl'));
  if (setting === undefined && (network === undefined || !isOfNetwork(file, network))) return { kind: 'none' };
  return existsSync(file) ? { kind: 'file', file } : { kind: 'none' };
}

function readNamed(file: string): CheckpointSource {
  if (!existsSync(file)) throw new CliError('no-checkpoint', `There is no file ${file}.`);
  if (statSync(file).size > LOG_BYTES_MAX) throw new CliError('no-checkpoint', `${file} is too large for checkpoints.`);
  const saved = findSaved(file);
  return saved === undefined ? { kind: 'file', file } : { kind: 'saved', file, checkpoints: [saved] };
}

/** `{checkpoint}` as `salus --json ledger checkpoint` prints it, or the bare checkpoint. */
function findSaved(file: string): Checkpoint | undefined {
  if (statSync(file).size > CHECKPOINT_BYTES_MAX) return undefined;
  try {
    const value = parseJson(readFileSync(file), { sizeMax: CHECKPOINT_BYTES_MAX, depthMax: 8 });
    const inner = (value as { readonly checkpoint?: Json } | null)?.checkpoint;
    return findCheckpoint(inner ?? value);
  } catch (error) {
    // A node's own file is one entry a line: no JSON document as a whole.
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

function isOfNetwork(file: string, network: string): boolean {
  if (!existsSync(file) || statSync(file).size > LOG_BYTES_MAX) return false;
  return readFileSync(file, 'latin1').includes(`"network":${JSON.stringify(network)}`);
}
