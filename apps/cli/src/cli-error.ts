import { EXIT, type ExitCode } from './exit-codes.ts';

/** What a command tells instead of doing what was asked: what is wrong, and what to do next. */
export class CliError extends Error {
  /** One of this package's own codes (docs/ERRORS.md), or the code that the node or the contract gave. */
  readonly code: string;
  readonly exit: ExitCode;
  readonly next: string | undefined;

  constructor(
    code: string,
    message: string,
    {
      exit = EXIT.usage,
      next,
      cause,
    }: { readonly exit?: ExitCode; readonly next?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause });
    this.name = 'CliError';
    this.code = code;
    this.exit = exit;
    this.next = next;
  }
}
