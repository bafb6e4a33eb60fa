import { EXIT, type ExitCode } from './exit-codes.ts';

/** What this command itself finds wrong; public, listed in docs/CLI.md. Other codes are the node's and the contracts'. */
export const CLI_CODES = {
  'bad-file': 'A file is missing, too large, or not what the command needs.',
  'bad-usage': 'The command line is not as --help says.',
  cancelled: 'The question was not answered with yes: nothing was done.',
  'emergency-unknown': 'The organisation’s log holds no such emergency access.',
  'grant-not-named': 'Several grants fit: name one.',
  'grant-unknown': 'Wallet or reader knows no such active grant.',
  internal: 'The command failed in a way that it should not.',
  'network-exists': 'The directory holds a network already.',
  'no-checkpoint': 'The named file holds no checkpoint.',
  'no-data-directory': 'The directory holds no ledger.',
  'no-network': 'The directory holds no network.',
  'no-pid': 'The wallet has no pid where one is needed.',
  'no-secret-file': 'The named file holds no passphrase or password.',
  'no-terminal': 'A question must be asked and there is no terminal.',
  'not-found': 'There is no such record.',
  'not-permitted': 'The wallet’s roles do not allow this.',
  'organisation-unknown': 'No active member of the network has this name.',
  'passphrases-differ': 'The two passphrases that were typed differ.',
  'pid-not-named': 'The wallet has several pids: name one with --at.',
  'proof-invalid': 'A block, call, checkpoint or audit line is not what its proof must show.',
  'request-answered': 'The request was answered before.',
  'request-unknown': 'None of the wallet’s pids was asked this.',
  'secret-file-exposed': 'Others than the owner may read the file of a passphrase or password.',
  'wallet-exists': 'There is a wallet at that place already.',
  'wallet-missing': 'There is no wallet at that place.',
  'wallet-not-named': 'Several wallets are there, or none: name one with --as.',
  'weak-passphrase': 'The passphrase is too short.',
  'wrong-organisation': 'The wallet is of another organisation than --org.',
  'wrong-wallet': 'The wallet is of another kind or person than is needed.',
} as const satisfies { readonly [code: string]: string };

export type CliErrorCode = keyof typeof CLI_CODES;

export interface CliErrorOptions {
  readonly exit?: ExitCode;
  readonly next?: string;
  readonly cause?: unknown;
}

/** What a command tells instead of doing what was asked: what is wrong, and what to do next. */
export class CliError extends Error {
  readonly code: string;
  readonly exit: ExitCode;
  readonly next: string | undefined;

  constructor(code: CliErrorCode | RelayedCode, message: string, options: CliErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'CliError';
    this.code = typeof code === 'string' ? code : code.relayed;
    this.exit = options.exit ?? EXIT.usage;
    this.next = options.next;
  }
}

/** A code that the node, a contract or the wallet gave: passed on as it came. */
export interface RelayedCode {
  readonly relayed: string;
}
