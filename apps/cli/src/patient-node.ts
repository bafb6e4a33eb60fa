import { asPatient, ClientError, compareCheckpoint, type NodeSession, putBackup, type SeenLedger } from '@salus/client';
import type { PatientWallet, PidEntry } from '@salus/wallet';
import { patientWalletOf } from '@salus/wallet/node';
import { CliError } from './cli-error.ts';
import type { CommandContext } from './command-context.ts';
import { type OpenWallet, openPatient, type PatientStored } from './wallet-files.ts';

/** A patient's wallet at hand, with the file that it is kept in. */
export interface PatientAtHome {
  readonly opened: OpenWallet<PatientStored>;
  readonly wallet: PatientWallet;
  /** The pids that a command is about. */
  readonly pids: readonly PidEntry[];
}

export interface PatientOptions {
  readonly wallet?: string;
  /** Only the pid at this organisation. */
  readonly at?: string;
}

/** Opens a patient's wallet and chooses its pids. @throws CliError `no-pid` where the wallet has none there. */
export async function openPatientAtHome(context: CommandContext, options: PatientOptions): Promise<PatientAtHome> {
  const opened = await openPatient(context, options.wallet);
  const { at } = options;
  const all = opened.stored.content.pids;
  const pids = at === undefined ? all : all.filter(({ organisation }) => organisation === at);
  if (pids.length === 0) {
    const known = all.map(({ organisation }) => organisation).join(', ');
    const next = known === '' ? 'Claim a slip first: `salus patient claim`.' : `It has pids at: ${known}.`;
    throw new CliError('no-pid', `The wallet has no pid${at === undefined ? '' : ` at ${at}`}.`, { next });
  }
  return { opened, wallet: patientWalletOf(opened.stored), pids };
}

/** The one pid that a command needs. @throws CliError `pid-not-named` where there are several. */
export function onlyPid({ pids }: PatientAtHome): PidEntry {
  const [only] = pids;
  if (only === undefined || pids.length > 1) {
    const known = pids.map(({ organisation }) => organisation).join(', ');
    throw new CliError('pid-not-named', 'The wallet has several pids.', { next: `Name one with --at: ${known}.` });
  }
  return only;
}

/** Runs `work` once for each pid, each in a session of its own. */
export async function forEachPid<T>(
  { api }: CommandContext,
  { wallet, pids }: PatientAtHome,
  work: (session: NodeSession, entry: PidEntry) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  for (const entry of pids) {
    results.push(await asPatient(api, wallet, entry.pid, (session) => work(session, entry)));
  }
  return results;
}

/** Keeps a changed wallet in its file, then its backup with the node; that the latter failed is said, not thrown. */
export async function keepWallet(
  { terminal }: CommandContext,
  opened: OpenWallet<PatientStored>,
  { wallet, session }: { readonly wallet: PatientWallet; readonly session: NodeSession },
): Promise<void> {
  await opened.save({ ...opened.stored, content: wallet.content });
  try {
    await putBackup(session, wallet);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    terminal.say(
      `The wallet is saved here, but its backup at the node is not: run \`salus patient backup\` (${error.code}).`,
    );
  }
}

/**
 * Compares the newest checkpoint with the wallet's last one and keeps it in the wallet's file.
 *
 * @throws ClientError `proof-invalid` and WalletError `checkpoint-went-back` where the ledger was cut back or replaced.
 */
export async function keepCheckpoint(session: NodeSession, opened: OpenWallet<PatientStored>): Promise<SeenLedger> {
  const { content } = opened.stored;
  const seen = await compareCheckpoint(session, content);
  if (content.checkpoint?.hash !== seen.checkpoint.hash) await opened.save({ ...opened.stored, content: seen.content });
  return seen;
}
