import { ClientError } from '@salus/client';
import { CryptoError } from '@salus/crypto';
import { FhirError } from '@salus/fhir';
import { LedgerError } from '@salus/ledger';
import { FabricError } from '@salus/ledger-fabric';
import { NetworkError, type NetworkErrorCode } from '@salus/network';
import { WalletError } from '@salus/wallet';
import { Command, CommanderError } from 'commander';
import { CliError } from './cli-error.ts';
import { fromClientError } from './client-errors.ts';
import { type CommandContext, commandContext, type GlobalOptions, type Surroundings } from './command-context.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addBackupCommands } from './commands/backup.ts';
import { addEmergencyCommands } from './commands/emergency.ts';
import { addGrantCommand } from './commands/grant.ts';
import { addGrantsCommands } from './commands/grants.ts';
import { addImportCommand } from './commands/import.ts';
import { addKeptCommand } from './commands/kept.ts';
import { addLedgerCommands } from './commands/ledger.ts';
import { addNetworkCommands } from './commands/network.ts';
import { addPatientCommands } from './commands/patient.ts';
import { addRecordsCommand } from './commands/records.ts';
import { addRequestCommands } from './commands/request.ts';
import { addDeskCommands } from './commands/slip.ts';
import { addStaffCommands } from './commands/staff.ts';
import { addStartCommand } from './commands/start.ts';
import { addVerifyCommand } from './commands/verify.ts';
import { addVerifyProofCommand } from './commands/verify-proof.ts';
import { EXIT, EXIT_HELP, type ExitCode } from './exit-codes.ts';
import { openTerminal, type Streams } from './terminal.ts';
import { markIds, unmark } from './words.ts';

/** A command's work: with its context, its options, and the words after its name. What it throws becomes an exit code. */
export type Work<Options> = (context: CommandContext, options: Options, words: readonly string[]) => Promise<ExitCode>;

/** Gives a command its work and its example. */
export type Act = <Options extends object>(command: Command, example: string, work: Work<Options>) => void;

/** Runs one command line and returns its exit code; touches nothing but its surroundings. */
export async function run(words: readonly string[], surroundings: Surroundings): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok;
  const program = buildProgram(surroundings.streams, async (command, work) => {
    const context = commandContext(command.optsWithGlobals<GlobalOptions>(), surroundings);
    exit = await work(context, unmark(command.opts<never>()), unmark(command.args));
  });
  try {
    await program.parseAsync(markIds(words, program), { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    const terminal = openTerminal(surroundings.streams, words.includes('--json'));
    if (error instanceof CommanderError) {
      // Commander has said on standard error what is wrong.
      const message = error.message.replace(/^error: /, '');
      if (terminal.json) terminal.result('', { error: { code: 'bad-usage', message } });
      return EXIT.usage;
    }
    const found = toCliError(error);
    if (found.code === 'internal' && surroundings.environment.SALUS_LOG_LEVEL === 'debug' && error instanceof Error) {
      terminal.say(error.stack ?? '');
    }
    terminal.fail(found);
    return found.exit;
  }
}

/** Every command of `salus`; `perform` runs the one that was called. */
export function buildProgram(
  streams: Pick<Streams, 'stdout' | 'stderr'>,
  perform: (command: Command, work: Work<never>) => Promise<void>,
): Command {
  const program = newProgram(streams);
  const act: Act = (command, example, work) => {
    command.addHelpText('after', `\nExample:\n  $ ${example}\n\n${EXIT_HELP}`);
    command.action(() => perform(command, work as Work<never>));
  };
  addStartCommand(program, act);
  addImportCommand(program, act);
  addDeskCommands(program, act);
  addPatientCommands(program, act);
  addStaffCommands(program, act);
  addRequestCommands(program, act);
  addGrantCommand(program, act);
  addGrantsCommands(program, act);
  addRecordsCommand(program, act);
  addKeptCommand(program, act);
  addEmergencyCommands(program, act);
  addAuditCommand(program, act);
  addLedgerCommands(program, act);
  addVerifyCommand(program, act);
  addVerifyProofCommand(program, act);
  addBackupCommands(program, act);
  addNetworkCommands(program, act);
  return program;
}

function newProgram(streams: Pick<Streams, 'stdout' | 'stderr'>): Command {
  return new Command('salus')
    .description('Exchange a patient’s record between organisations, with the patient’s consent.')
    .option('--json', 'one JSON document on standard output, messages on standard error')
    .option(
      '--node <url>',
      'address of the node (default: SALUS_PUBLIC_URL, else the organisation’s in nodes.json, else http://127.0.0.1:8470)',
    )
    .option('--passphrase-file <file>', 'its first line opens the wallet; mode 0600 (also SALUS_PASSPHRASE_FILE)')
    .option('--password-file <file>', 'its first line logs staff in; mode 0600 (also SALUS_PASSWORD_FILE)')
    .addHelpText('after', `\n${EXIT_HELP}`)
    .showHelpAfterError('Run it with --help to see how it is used.')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => streams.stdout.write(text),
      writeErr: (text) => streams.stderr.write(text),
    })
    .exitOverride();
}

/** A stack tells a user nothing; errors with a code of their own say what they are, the rest is `internal`. */
function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ClientError) return fromClientError(error);
  if (error instanceof NetworkError) return toNetworkError(error);
  const coded =
    error instanceof WalletError ||
    error instanceof CryptoError ||
    error instanceof FhirError ||
    error instanceof LedgerError ||
    error instanceof FabricError;
  if (coded) return new CliError({ relayed: error.code }, error.message, { exit: EXIT.refused, cause: error });
  return new CliError('internal', 'The command failed in a way that it should not.', {
    exit: EXIT.failed,
    next: 'Run it again with SALUS_LOG_LEVEL=debug and report what it prints.',
    cause: error,
  });
}

/** What was asked for wrongly, what does not answer now, and what was refused end with different exit codes. */
function toNetworkError(error: NetworkError): CliError {
  const exits: Partial<Record<NetworkErrorCode, ExitCode>> = {
    'bad-consortium': EXIT.usage,
    'bad-input': EXIT.usage,
    'not-found': EXIT.usage,
    busy: EXIT.unreachable,
    timeout: EXIT.unreachable,
    unavailable: EXIT.unreachable,
  };
  return new CliError({ relayed: error.code }, error.message, {
    exit: exits[error.code] ?? EXIT.refused,
    cause: error,
  });
}
