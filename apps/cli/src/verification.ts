import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import {
  type Finding,
  LedgerError,
  type LedgerState,
  openLedgerState,
  type VerifyOptions,
  type VerifyReport,
  verifyLedger,
} from '@salus/ledger';
import { findElsewhere, type RecordsVerification, verifyRecords } from '@salus/records';
import { findCheckpointSource } from './checkpoint-source.ts';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { checkNodeFile, type NodeFile, readNodeFile } from './node-file.ts';

/** One thing that is wrong, and where. */
export interface PlacedFinding {
  /** `ledger block 12 call 3`, `hospital-a audit event 5` … */
  readonly place: string;
  readonly code: string;
  readonly message: string;
}

export type OrganisationReport = Pick<RecordsVerification, 'organisation' | 'seen' | 'notes'>;

/** What was checked of the ledger; only the embedded engine has a key of its own. */
export type VerifiedLedger = Omit<VerifyReport, 'findings' | 'head'> & { readonly head: VerifiedHead | undefined };
export interface VerifiedHead {
  readonly network: string;
  readonly number: number;
  readonly hash: string;
  readonly ledgerKey?: string;
}

export interface Verification {
  readonly directory: string;
  readonly ledger: VerifiedLedger;
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
  const { findings, ...ledger } = await verifyEngine(file, nodeFile, {
    reexecute: options.reexecute === true,
    ...(source.kind === 'file' ? { checkpointFile: source.file } : {}),
    ...(source.kind === 'saved' ? { checkpoints: source.checkpoints } : {}),
    onProgress: ({ block, head, transactions }) => {
      progress ??= terminal.progress('ledger: blocks', head);
      progress.at(block, `${transactions} calls`);
    },
  });
  progress?.end();
  const organisations = await verifyOrganisations(context, { directory, file, nodeFile });
  return {
    directory,
    ledger,
    organisations: organisations.map(({ organisation, seen, notes }) => ({ organisation, seen, notes })),
    findings: [
      ...checkNodeFile(nodeFile, ledger.head),
      ...findings.map(placeOfLedger),
      ...organisations.flatMap(({ placed }) => placed),
    ],
  };
}

/** An organisation's verified records, its findings with their places. */
export type VerifiedRecords = RecordsVerification & { readonly placed: readonly PlacedFinding[] };

/**
 * A ledger that this node keeps alone, or its copy of a channel that a consortium orders. Whether the copy is the channel's,
 * a peer's block files tell: `verifyFabric`.
 */
async function verifyEngine(
  file: string,
  nodeFile: NodeFile | undefined,
  options: VerifyOptions,
): Promise<VerifiedLedger & Pick<VerifyReport, 'findings'>> {
  if (nodeFile?.ledgerKey !== null) return verifyLedger(file, options);
  const { verifyReplica } = await import('@salus/ledger-fabric');
  return verifyReplica(file, options);
}

/** Every organisation that has a directory here or should have one, against the state in the ledger file. */
export async function verifyOrganisations(
  { terminal }: CommandContext,
  {
    directory,
    file,
    nodeFile,
  }: { readonly directory: string; readonly file: string; readonly nodeFile: NodeFile | undefined },
): Promise<readonly VerifiedRecords[]> {
  const parent = join(directory, 'orgs');
  const present = existsSync(parent) ? readdirSync(parent) : [];
  const slugs = [...new Set([...present, ...(nodeFile?.organisations ?? [])])].sort();
  for (const organisation of slugs) demandHere(join(parent, organisation), organisation);
  const verified: VerifiedRecords[] = [];
  const progress = terminal.progress('records: organisations', slugs.length);
  using ledger = openState(file);
  for (const organisation of ledger === undefined ? [] : slugs) {
    const records = await verifyRecords({ directory: join(parent, organisation), organisation, ledger: ledger! });
    verified.push({ ...records, placed: records.findings.map((finding) => placeOfRecords(records, finding)) });
    progress.at(verified.length, organisation);
  }
  progress.end();
  return verified;
}

/** A part that lies elsewhere must not pass for one that is missing, nor be left out in silence. */
function demandHere(directory: string, organisation: string): void {
  const elsewhere = findElsewhere(directory);
  if (elsewhere.length === 0) return;
  throw new CliError(
    'no-data-directory',
    `${organisation} has its ${elsewhere.join(' and its ')}, not in this directory.`,
    {
      next: 'Make a backup of the running node with salus backup NAME: it holds everything as files. Verify that with --data.',
    },
  );
}

/** A ledger that cannot be read at all is a finding of its own verification; nothing can be compared with it. */
function openState(file: string): LedgerState | undefined {
  try {
    return openLedgerState(file);
  } catch (error) {
    if (error instanceof LedgerError || isSqliteError(error)) return undefined;
    throw error;
  }
}

function isSqliteError(error: unknown): boolean {
  return error instanceof Error && (error as { readonly code?: unknown }).code === 'ERR_SQLITE_ERROR';
}

function placeOfRecords(
  { organisation }: RecordsVerification,
  { code, place }: RecordsVerification['findings'][number],
): PlacedFinding {
  return { place: `${organisation} ${place}`, code, message: code.replaceAll('-', ' ') };
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
