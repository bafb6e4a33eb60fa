import type { DatabaseSync } from 'node:sqlite';
import { type IdentityFact, identityKey } from '@salus/contracts';
import { hashHeaderText } from '../block.ts';
import { type Checkpoint, verifyCheckpointSignature } from '../checkpoint.ts';
import type { ContractRuntime } from '../contract-runtime.ts';
import { type CheckpointEntry, readCheckpointFile } from '../embedded/checkpoint-file.ts';
import { positionOf } from '../embedded/schema.ts';
import type { LostRange } from '../ledger.ts';
import { LedgerError } from '../ledger-error.ts';
import type { Finding } from './finding.ts';
import { Timeline } from './timeline.ts';

/** `absent`: nobody can tell whether the newest blocks were cut off. */
export type CheckpointReport =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'compared';
      /** Checkpoints looked at, and the newest block that one of them vouches for. */
      readonly compared: number;
      readonly newest: number;
      /** Signatures that verified under keys which the ledger lists. */
      readonly signatures: number;
    };

export type CheckpointSources = {
  readonly checkpointFile?: string | undefined;
  /** Those that wallets or other organisations kept. */
  readonly checkpoints?: readonly Checkpoint[] | undefined;
};

type Ledger = {
  readonly database: DatabaseSync;
  readonly runtime: ContractRuntime;
  readonly network: string;
  readonly rollbacks: readonly LostRange[];
};

export function checkCheckpoints(
  ledger: Ledger,
  sources: CheckpointSources,
): { readonly report: CheckpointReport; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const entries = [...readFile(sources.checkpointFile, findings)];
  const lost = entries.at(-1)?.lost;
  if (lost !== undefined && !isNamed(ledger, lost)) {
    const message = `blocks ${lost.from} to ${lost.to} were lost and no rollback names them`;
    findings.push({ code: 'rollback-unnamed', message, table: 'block', block: lost.from });
  }
  const checkpoints: Vouched[] = [
    ...entries.map((entry, at) => ({ ...entry.checkpoint, named: () => namedAfter(ledger, entries, at) })),
    ...(sources.checkpoints ?? []).map((kept) => ({ ...kept, named: () => namedFor(ledger, kept) })),
  ];
  const timeline = new Timeline(ledger.database);
  let signatures = 0;
  for (const checkpoint of checkpoints) {
    const isBlock = compare(ledger, checkpoint, findings);
    // Signatures are judged by the members as of the checkpoint's own block.
    if (isBlock) signatures += checkSignatures(ledger.runtime, timeline, checkpoint, findings);
  }
  if (checkpoints.length === 0) return { report: { kind: 'absent' }, findings };
  const newest = Math.max(...checkpoints.map(({ number }) => number));
  return { report: { kind: 'compared', compared: checkpoints.length, newest, signatures }, findings };
}

function readFile(file: string | undefined, findings: Finding[]): readonly CheckpointEntry[] {
  if (file === undefined) return [];
  try {
    return readCheckpointFile(file);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    findings.push({ code: 'checkpoint', message: error.message });
    return [];
  }
}

/** A checkpoint with the lost ranges that may explain why the ledger does not have its block. */
type Vouched = Checkpoint & { readonly named: () => readonly LostRange[] };

/**
 * What the file says was lost after its entry `at` was written, where rollbacks have named it. What was written later vouches for
 * the ledger that went on: a rollback of the same numbers, made before or in advance, explains nothing of it.
 */
function namedAfter(ledger: Ledger, entries: readonly CheckpointEntry[], at: number): readonly LostRange[] {
  return entries.slice(at + 1).flatMap(({ lost }) => (lost !== undefined && isNamed(ledger, lost) ? [lost] : []));
}

/** Nobody can tell when a single checkpoint was kept: any rollback may explain it, but for the block whose hash it gives. */
function namedFor({ rollbacks }: Ledger, { number, hash }: Checkpoint): readonly LostRange[] {
  return rollbacks.filter((range) => number !== range.to || hash === range.hash);
}

function compare({ database, network }: Ledger, checkpoint: Vouched, findings: Finding[]): boolean {
  const { number, hash } = checkpoint;
  const place = { table: 'block', block: number } as const;
  if (checkpoint.network !== network) {
    findings.push({ code: 'checkpoint', message: 'the checkpoint is of another network', ...place });
    return false;
  }
  const row = database.prepare('SELECT header FROM block WHERE number = ?').get(number) as unknown as
    | [string]
    | undefined;
  if (row !== undefined && hashHeaderText(row[0]) === hash) return true;
  if (checkpoint.named().some((range) => range.from <= number && number <= range.to)) return false;
  const message =
    row === undefined
      ? 'the ledger was cut back: a checkpoint vouches for this block, which is missing'
      : 'the ledger was replaced: a checkpoint vouches for another block of this number';
  findings.push({ code: 'checkpoint', message, ...place });
  return false;
}

function checkSignatures(
  runtime: ContractRuntime,
  timeline: Timeline,
  checkpoint: Checkpoint,
  findings: Finding[],
): number {
  const before = positionOf(checkpoint.number + 1, 0);
  let valid = 0;
  checkpoint.signatures.forEach(({ organisation, id }, at) => {
    const call = { payload: { signer: `id:${id}` } };
    const publicKey = runtime.signerKeyHint((key) => timeline.get(key, before), call);
    // The first checkpoints are older than the enrolment of those who sign them.
    if (publicKey === undefined) return;
    const identity = timeline.get(identityKey(id), before) as IdentityFact | undefined;
    const isOwn = identity === undefined || identity.organisation === organisation;
    if (isOwn && verifyCheckpointSignature(checkpoint, at, publicKey)) valid += 1;
    else {
      const message = `the checkpoint's signature of ${organisation} is not valid`;
      findings.push({ code: 'checkpoint-signature', message, table: 'block', block: checkpoint.number });
    }
  });
  return valid;
}

function isNamed({ rollbacks }: Ledger, lost: LostRange): boolean {
  return rollbacks.some(({ from, to, hash }) => from === lost.from && to === lost.to && hash === lost.hash);
}
