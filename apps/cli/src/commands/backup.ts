import { resolve } from 'node:path';
import { submitCall } from '@salus/client';
import { RecordsError, restoreData } from '@salus/records';
import { staffCall } from '@salus/wallet';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { asStaff } from '../node-session.ts';
import { accountOption, walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { openStaff } from '../wallet-files.ts';

interface StaffOptions {
  readonly wallet?: string;
  readonly account?: string;
}

/** Blocks that an older backup lost, as a checkpoint from outside knows them. */
interface LostRange {
  readonly from: number;
  readonly to: number;
  readonly hash: string;
}

/** `salus backup` of a running node, `salus restore` into an empty data directory, `salus rollback` afterwards. */
export function addBackupCommands(program: Command, act: Act): void {
  addBackup(program, act);
  addRestore(program, act);
  addRollback(program, act);
}

function addBackup(program: Command, act: Act): void {
  const command = program
    .command('backup')
    .argument(
      '<name>',
      'a word of small letters, digits and dashes; the node keeps backups where its operator set it to',
    )
    .description(
      'As administrator: a consistent, verified copy of ledger, records and objects while the node runs. Nothing in it opens without the master keys: keep those apart, they are not in it.',
    )
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  act<StaffOptions>(command, 'salus backup monday --as hospital-a.admin', async (context, options, [name = '']) => {
    const made = await asStaff(context, options, ({ session: { api, organisation, token } }) =>
      api.send<{
        readonly directory: string;
        readonly number: number;
        readonly hash: string;
        readonly files: number;
        readonly bytes: number;
      }>({
        method: 'POST',
        path: `/api/v1/orgs/${organisation}/backups`,
        body: { name },
        token,
      }),
    );
    const megabytes = (made.bytes / 1_000_000).toFixed(1);
    const text = `Backup at ${made.directory}: block ${made.number}, ${made.files} files, ${megabytes} MB, verified.`;
    context.terminal.result(text, made);
    return EXIT.ok;
  });
}

interface RestoreOptions {
  readonly data?: string;
}

function addRestore(program: Command, act: Act): void {
  const command = program
    .command('restore')
    .argument('<directory>', 'the backup')
    .description(
      'Offline: put a backup into an empty data directory, every file compared with the backup’s list and the whole verified. When the ledger had gone on since, the node releases nothing until an administrator has named the lost blocks with `salus rollback`.',
    )
    .option('--data <directory>', 'where to (default: SALUS_DATA, else ./data); empty or missing');
  act<RestoreOptions>(command, 'salus restore backups/monday --data ./data', async (context, options, [from = '']) => {
    const { environment, workingDirectory } = context;
    const to = resolve(workingDirectory, options.data ?? (environment.SALUS_DATA || 'data'));
    const { manifest } = await restore({ from: resolve(workingDirectory, from), to });
    const { ledger, files, organisations, network } = manifest;
    const text = [
      `Restored ${files.length} files of ${organisations.join(', ')} into ${to}, up to block ${ledger.number}; all verified.`,
      'Start the node. If it was ahead of this backup it says `rollback-unnamed`: then `salus rollback --as ADMINISTRATOR`.',
    ].join('\n');
    context.terminal.result(text, {
      directory: to,
      network,
      block: ledger.number,
      hash: ledger.hash,
      files: files.length,
      organisations,
    });
    return EXIT.ok;
  });
}

async function restore(places: { readonly from: string; readonly to: string }): ReturnType<typeof restoreData> {
  try {
    return await restoreData(places);
  } catch (cause) {
    if (!(cause instanceof RecordsError)) throw cause;
    throw new CliError({ relayed: cause.code }, `${cause.message[0]?.toUpperCase()}${cause.message.slice(1)}.`, {
      exit: EXIT.refused,
      next: 'Restore an undamaged backup into an empty directory.',
      cause,
    });
  }
}

function addRollback(program: Command, act: Act): void {
  const command = program
    .command('rollback')
    .description(
      'As administrator, after an older backup was restored: sign that the blocks which a checkpoint knows and the ledger no longer has are lost. Only then does the node release records again. Revocations that it remembers are replayed.',
    )
    .option('--yes', 'sign without being asked')
    .addOption(walletOption('staff'))
    .addOption(accountOption());
  interface Options extends StaffOptions {
    readonly yes?: boolean;
  }
  act<Options>(command, 'salus rollback --as hospital-a.admin', async (context, options) => {
    const { stored } = await openStaff(context, options.wallet);
    const { rollbackNeeded: lost } = await context.api
      .at(stored.organisation)
      .send<{ readonly rollbackNeeded?: LostRange | null }>({
        method: 'GET',
        path: '/health',
      });
    if (lost === undefined || lost === null) {
      context.terminal.result('No block is lost: nothing to name.', { lost: null });
      return EXIT.ok;
    }
    const question = `Blocks ${lost.from} to ${lost.to} are lost for good. Name them?`;
    context.terminal.say(`The newest lost block had the hash ${lost.hash}.`);
    if (options.yes !== true && !(await context.terminal.confirm(question))) {
      throw new CliError('cancelled', 'Nothing was signed; the node releases nothing.', { exit: EXIT.refused });
    }
    const { block } = await asStaff(context, options, async ({ session, wallet, occasion }) => {
      const call = { contract: 'access', transaction: 'rollback', args: { ...lost } };
      return submitCall(session.api, session.organisation, await staffCall(wallet, occasion, call));
    });
    const text = `Named: blocks ${lost.from} to ${lost.to} (block ${block}). Patients and staff repeat what they did in them.`;
    context.terminal.result(text, { lost, block });
    return EXIT.ok;
  });
}
