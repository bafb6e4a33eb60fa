import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Finding, type VerifyReport, verifyLedger } from '@salus/ledger';
import { findCheckpointSource } from './checkpoint-source.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { checkNodeFile, readNodeFile } from './node-file.ts';

/** One thing that is wrong, and where. */
export interface PlacedFinding {
  /** `ledger block 12 call 3`, `hospital-a audit event 5` … */
  readonly place: string;
  readonly code: string;
  readonly message: string;
}

export interface OrganisationReport {
  readonly organisation: string;
  readonly records: number;
  readonly auditEvents: number;
  readonly rows: number;
}

export interface Verification {
  readonly directory: string;
  readonly ledger: Omit<VerifyReport, 'findings'>;
  readonly organisations: readonly OrganisationReport[];
  readonly findings: readonly PlacedFinding[];
}

/**
 * Checks a whole data directory without changing it and without any secret: the ledger first, then every organisation's
 * records and audit log against it.
 *
 * @throws CliError `no-data-directory`, `no-checkpoint`
 */
export async function verifyData(
  context: CommandContext,
  options: { readonly data?: string; readonly checkpoint?: string; readonly reexecute?: boolean },
): Promise<Verification> {
  const { terminal, environment, workingDirectory } = context;
  const directory = resolve(workingDirectory, options.data ?? (environment.SALUS_DATA || 'data'));
  const file = join(directory, 'ledger', 'ledger.sqlite');
  if (!existsSync(file)) {
    throw new CliError('no-data-directory', `${directory} holds no ledger.`, {
      next: 'Name the data directory with --data DIR, or set SALUS_DATA.',
    });
  }
  const nodeFile = readNodeFile(directory);
  const source = findCheckpointSource(context, options.checkpoint, nodeFile?.network);
  let progress: ReturnType<typeof terminal.progress> | undefined;
  const { findings, ...ledger } = await verifyLedger(file, {
    reexecute: options.reexecute === true,
    ...(source.kind === 'file' ? { checkpointFile: source.file } : {}),
    ...(source.kind === 'saved' ? { checkpoints: source.checkpoints } : {}),
    onProgress: ({ block, head, transactions }) => {
      progress ??= terminal.progress('ledger: blocks', head);
      progress.at(block, `${transactions} calls`);
    },
  });
  progress?.end();
  return {
    directory,
    ledger,
    organisations: [],
    findings: [...checkNodeFile(nodeFile, ledger.head), ...findings.map(placeOfLedger)],
  };
}

function placeOfLedger({ code, message, table, block, index, key }: Finding): PlacedFinding {
  const parts = [
    'ledger',
    ...(table === undefined ? [] : [`table ${table}`]),
    ...(block === undefined ? [] : [`block ${block}`]),
    ...(index === undefined ? [] : [`call ${index}`]),
    ...(key === undefined ? [] : [`key ${key}`]),
  ];
  return { place: parts.join(' '), code, message };
}
