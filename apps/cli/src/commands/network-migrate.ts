import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { JsonObject } from '@salus/contracts';
import {
  type EndedLedger,
  type FabricLedger,
  migrateLedger,
  openEndedLedger,
  openFabricLedger,
  readFabricConnection,
  TAKE_OVER_FILE,
  takeOverBytes,
} from '@salus/ledger-fabric';
import { type Organisation, organisationsHere } from '@salus/network';
import { dataLayout, partData } from '@salus/server';
import { staffCall } from '@salus/wallet';
import { staffWalletOf, writePrivateFile } from '@salus/wallet/node';
import type { Command } from 'commander';
import { findCheckpointSource } from '../checkpoint-source.ts';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { EXIT } from '../exit-codes.ts';
import {
  type DirectoryOption,
  directoryOption,
  type OpenNetwork,
  type OrganisationOption,
  openNetwork,
  organisationOption,
} from '../network/network-directory.ts';
import { readNodeFile } from '../node-file.ts';
import { walletOption } from '../options.ts';
import type { Act } from '../program.ts';
import { openStaff } from '../wallet-files.ts';

interface MigrateOptions extends DirectoryOption, OrganisationOption {
  readonly data?: string;
  readonly checkpoint?: string;
  readonly wallet?: string;
  readonly agree?: boolean;
  readonly into?: string;
}

/** `salus network migrate`: the embedded ledger of a data directory goes on as the network's channel. */
export function addMigrate(network: Command, act: Act): void {
  const command = network
    .command('migrate')
    .description(
      'Take the embedded ledger of a data directory over to the channel, after its members have decided it with `salus staff move` and its node has ended: the organisations on this host agree to this very ledger, its blocks go to the channel, every member checks each call again, and a last call names the state that was reached and opens the channel. Interrupted, it goes on where it was; run again, nothing happens twice.',
    )
    .option('--data <directory>', 'the data directory of the ledger that moves (default: SALUS_DATA, else ./data)')
    .option('--checkpoint <file>', 'the node’s checkpoint file (default: SALUS_CHECKPOINT_FILE, else its usual place)')
    .option('--agree', 'only agree, for the organisations on this host; another host sends the blocks')
    .option('--into <directory>', 'then give each organisation on this host a data directory of its own in there')
    .addOption(walletOption('staff'))
    .addOption(organisationOption())
    .addOption(directoryOption());
  act<MigrateOptions>(
    command,
    'salus network migrate --data ./data --as hospital-a.admin',
    async (context, options) => {
      const place = openNetwork(context, options);
      const members = organisationsHere({ ...place, only: options.org });
      const directory = resolve(context.workingDirectory, options.data ?? (context.environment.SALUS_DATA || 'data'));
      using ended = openEnded(context, directory, options.checkpoint);
      agree(place, members, ended);
      const slugs = members.map(({ slug }) => slug);
      const { network: id, number, hash, stateCommitment } = ended;
      const agreed = { network: id, number, hash, stateCommitment, agreed: slugs };
      if (options.agree === true) {
        const text = `${slugs.join(', ')} agreed to take over the ledger that ends with block ${number}, hash ${hash}.`;
        context.terminal.result(text, agreed);
        return EXIT.ok;
      }
      const report = await migrate(context, { place, member: members[0], ended, wallet: options.wallet });
      const into = options.into === undefined ? undefined : resolve(context.workingDirectory, options.into);
      const parted = into === undefined ? new Map<string, string>() : partData(directory, into, slugs);
      const lines = [
        `Block ${number} of ${id} is on the channel ${ended.channel}, with the state ${stateCommitment}: ${report.calls} calls in ${report.transactions} transactions of this run.`,
        'Start each organisation’s node with SALUS_LEDGER on its connection.json and a checkpoint file of its own.',
        ...[...parted].map(([slug, own]) => `${slug}: SALUS_DATA=${own}`),
      ];
      context.terminal.result(lines.join('\n'), { ...agreed, ...report, directories: Object.fromEntries(parted) });
      return EXIT.ok;
    },
  );
}

/** @throws CliError `no-data-directory`, `no-checkpoint`; FabricError `not-ended`, LedgerError `in-use` */
function openEnded(context: CommandContext, directory: string, checkpoint: string | undefined): EndedLedger {
  const nodeFile = readNodeFile(directory);
  if (nodeFile === undefined) throw new CliError('no-data-directory', `${directory} is no data directory of Salus.`);
  const source = findCheckpointSource(context, checkpoint, nodeFile.network);
  if (source.kind !== 'file') {
    throw new CliError('no-checkpoint', 'The node’s checkpoint file is not where it usually is.', {
      next: 'Name it with --checkpoint FILE: it holds what every organisation’s node signed of the last block.',
    });
  }
  return openEndedLedger(dataLayout(directory).ledgerFile, source.file);
}

/** Each organisation's own chaincode takes over the ledger that its administrator names, and no other. */
function agree({ layout }: OpenNetwork, members: readonly Organisation[], ended: EndedLedger): void {
  for (const { slug } of members) {
    writePrivateFile(join(layout.organisation(slug).chaincode.folder, TAKE_OVER_FILE), takeOverBytes(ended));
  }
}

interface Migrating {
  readonly place: OpenNetwork;
  readonly member: Organisation | undefined;
  readonly ended: EndedLedger;
  readonly wallet: string | undefined;
}

/** As one organisation's node would do it, with a replica that is thrown away. */
async function migrate(context: CommandContext, { place, member, ended, wallet }: Migrating) {
  if (member === undefined) throw new CliError('organisation-unknown', 'No organisation of the network runs here.');
  const connection = readFabricConnection(place.layout.organisation(member.slug).connection);
  const clock = (): number => context.nowMs();
  const folder = mkdtempSync(join(tmpdir(), 'salus-migrate-'));
  const progress = context.terminal.progress('ledger: blocks', ended.number);
  try {
    await using ledger = await openFabricLedger({
      connection,
      file: join(folder, 'replica.sqlite'),
      checkpointFile: join(folder, 'outside', 'checkpoint.jsonl'),
      checkpointSigners: () => [],
      clock,
    });
    return await migrateLedger({
      connection,
      follower: ledger.follower,
      ended,
      clock,
      submitEnd: (args) => submitEnd(context, { ledger, wallet, args }),
      onProgress: ({ block, calls }) => progress.at(block, `${calls} calls`),
    });
  } finally {
    progress.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface End {
  readonly ledger: FabricLedger;
  readonly wallet: string | undefined;
  readonly args: JsonObject;
}

async function submitEnd(context: CommandContext, { ledger, wallet: name, args }: End): Promise<void> {
  const { stored } = await openStaff(context, name);
  const wallet = staffWalletOf(stored);
  const content = { contract: 'access', transaction: 'migrated', args };
  const { call } = await staffCall(wallet, { network: wallet.network, nowMs: context.nowMs() }, content);
  const result = await ledger.submit(call);
  if (result.kind === 'committed') return;
  const next = 'The blocks are on the channel; run it again when the cause is removed.';
  throw new CliError({ relayed: result.code }, `The end of the import is refused: ${result.detail ?? result.code}.`, {
    exit: EXIT.refused,
    next,
  });
}
