import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  describeProgram,
  diagnoseBinaries,
  downNetwork,
  installArchive,
  listProcesses,
  logFile,
  restartProcess,
  upNetwork,
} from '@salus/network';
import type { Command } from 'commander';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { bringNodes, nodesText } from '../network/bring-nodes.ts';
import {
  type DirectoryOption,
  directoryOption,
  ensureConsortiumFile,
  layoutOf,
  type OrganisationOption,
  openNetwork,
  organisationOption,
  startsProcesses,
  upInput,
} from '../network/network-directory.ts';
import { upText } from '../network/up-text.ts';
import { integer } from '../options.ts';
import type { Act } from '../program.ts';
import { addNetworkHostCommands } from './network-hosts.ts';
import { addNetworkMemberCommands } from './network-members.ts';
import { addMigrate } from './network-migrate.ts';
import { addStatus } from './network-status.ts';

const LOG_LINES = 40;
const LOG_LINES_MAX = 10_000;
/** Fabric's lines are short; a line longer than this is cut. */
const LOG_LINE_BYTES = 2_000;

/** `salus network …`: a consortium on Hyperledger Fabric as plain processes. */
export function addNetworkCommands(program: Command, act: Act): void {
  const network = program
    .command('network')
    .description('Run a consortium on Hyperledger Fabric: its peers, orderers, chaincode and channel, without Docker.');
  addDoctor(network, act);
  addInstall(network, act);
  addUp(network, act);
  addStatus(network, act);
  addDown(network, act);
  addLogs(network, act);
  addRestart(network, act);
  addNetworkMemberCommands(network, act);
  addNetworkHostCommands(network, act);
  addMigrate(network, act);
}

function addDoctor(network: Command, act: Act): void {
  const command = network
    .command('doctor')
    .description(
      'Look for Fabric’s peer and orderer in FABRIC_BIN, in the network’s directory and on PATH, ask them for their version, and say what to do when they are missing or do not serve.',
    )
    .addOption(directoryOption());
  act<DirectoryOption>(command, 'salus network doctor', async (context, options) => {
    const { programs, binaries, advice } = await diagnoseBinaries({
      layout: layoutOf(context, options),
      environment: context.environment,
    });
    const lines = [...programs.map(describeProgram), ...(advice === undefined ? [] : [advice])];
    context.terminal.result(lines.join('\n'), { programs, advice: advice ?? null });
    return binaries === undefined ? EXIT.refused : EXIT.ok;
  });
}

interface InstallOptions extends DirectoryOption {
  readonly archive: string;
  readonly sha256?: string;
}

function addInstall(network: Command, act: Act): void {
  const command = network
    .command('install')
    .description(
      'Unpack an official release archive of Hyperledger Fabric 3.1 into the network’s directory. A wrong checksum, a path that leaves the directory, a link and foreign content are refused, and then nothing is installed. Without --sha256 its programs are not run here, and what was not checked is said.',
    )
    .requiredOption('--archive <file>', 'hyperledger-fabric-<platform>-<version>.tar.gz from Fabric’s release page')
    .option('--sha256 <hex>', 'what the archive’s SHA-256 must be, from the release page')
    .addOption(directoryOption());
  const example = 'salus network install --archive hyperledger-fabric-linux-amd64-3.1.5.tar.gz --sha256 HEX';
  act<InstallOptions>(command, example, async (context, options) => {
    const layout = layoutOf(context, options);
    const archive = resolve(context.workingDirectory, options.archive);
    const { sha256 } = options;
    const installed = await installArchive({ layout, archive, ...(sha256 === undefined ? {} : { sha256 }) });
    if (!installed.checked) {
      context.terminal.say(
        `Not checked: the archive, whose SHA-256 is ${installed.sha256}, was compared with no checksum, and its programs were not asked for their version. Compare it with the release page before \`salus network doctor\` or \`up\` runs them.`,
      );
    }
    const text = `Installed ${installed.files.length} files of Fabric ${installed.version} into ${layout.directory}.`;
    context.terminal.result(text, { ...installed, directory: layout.directory });
    return EXIT.ok;
  });
}

interface UpOptions extends DirectoryOption, OrganisationOption {
  readonly consortium?: string;
  readonly nodes: boolean;
}

function addUp(network: Command, act: Act): void {
  const command = network
    .command('up')
    .description(
      'Bring the network of consortium.yaml up: keys and certificates, configuration, processes, channel, chaincode, and each organisation’s Salus node. What is there stays; run twice, nothing changes. An empty directory gets the demonstration’s consortium. With --org only that organisation’s part, on its own host.',
    )
    .option('--consortium <file>', 'consortium.yaml for an empty directory (default: the demonstration’s)')
    .option('--no-nodes', 'Fabric’s part only: start no Salus node')
    .addOption(organisationOption())
    .addOption(directoryOption());
  act<UpOptions>(command, 'salus network up', async (context, options) => {
    const startedMs = performance.now();
    const layout = layoutOf(context, options);
    ensureConsortiumFile(context, layout, options.consortium);
    const input = await upInput(context, openNetwork(context, options), options);
    const report = await upNetwork(input);
    context.terminal.say(upText(report));
    const elapsed = (): string => `after ${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
    context.terminal.say(`${layout.directory}, ${elapsed()}`);
    // Nodes reach the ledger through committed chaincode only.
    const committed = report.deployment?.committed === true;
    const nodes =
      options.nodes && committed && startsProcesses(context)
        ? await bringNodes(context, openNetwork(context, options), { ...options, elapsed })
        : undefined;
    const text = nodes === undefined ? '' : nodesText(nodes, layout.nodes);
    context.terminal.result(`${text}Up ${elapsed()}.`, {
      ...report,
      nodes: nodes ?? null,
      directory: layout.directory,
    });
    return EXIT.ok;
  });
}

function addDown(network: Command, act: Act): void {
  const command = network
    .command('down')
    .description('End the network’s processes on this host, each by its own pid. Data and keys stay.')
    .addOption(organisationOption())
    .addOption(directoryOption());
  act<DirectoryOption & OrganisationOption>(command, 'salus network down', async (context, options) => {
    const layout = layoutOf(context, options);
    const ended = existsSync(layout.directory) ? await downNetwork(layout, options.org) : [];
    const text = ended.length === 0 ? 'Nothing ran.' : `Ended: ${ended.join(', ')}`;
    context.terminal.result(text, { ended });
    return EXIT.ok;
  });
}

interface LogOptions extends DirectoryOption {
  readonly lines: number;
}

function addLogs(network: Command, act: Act): void {
  const command = network
    .command('logs')
    .argument('[process]', 'as `salus network status` names it; all of them when absent')
    .description('Show the end of the logs of the network’s processes.')
    .option('--lines <count>', 'lines of each log', integer(1, LOG_LINES_MAX), LOG_LINES)
    .addOption(directoryOption());
  act<LogOptions>(command, 'salus network logs hospital-a-peer0', async (context, options, [name]) => {
    const layout = layoutOf(context, options);
    const names = name === undefined ? listProcesses(layout).map((one) => one.name) : [name];
    const logs = names.map((one) => ({ process: one, lines: tailOf(logFile(layout, one), options.lines) }));
    const text = logs.map(({ process: one, lines }) => [`== ${one}`, ...lines].join('\n')).join('\n');
    context.terminal.result(text === '' ? 'Nothing was started.' : text, { logs });
    return EXIT.ok;
  });
}

function tailOf(file: string, lines: number): readonly string[] {
  if (!existsSync(file)) throw new CliError('bad-file', `There is no log ${file}.`);
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, lines * LOG_LINE_BYTES));
    const read = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, read).toString('utf8').trimEnd().split('\n').slice(-lines);
  } finally {
    closeSync(descriptor);
  }
}

function addRestart(network: Command, act: Act): void {
  const command = network
    .command('restart')
    .argument('<process>', 'as `salus network status` names it')
    .description('End one process and start it again as it was started before.')
    .addOption(directoryOption());
  act<DirectoryOption>(command, 'salus network restart hospital-a-peer0', async (context, options, [name = '']) => {
    await restartProcess(layoutOf(context, options), name);
    context.terminal.result(`${name} runs again.`, { process: name });
    return EXIT.ok;
  });
}
