/** What a command's exit code says; the same for every command, and in its `--help`. */
export const EXIT = {
  /** Done as asked. */
  ok: 0,
  /** Refused by a rule, or found wrong: a refused grant, a broken chain. */
  refused: 1,
  /** The command line, a file or a setting is not what it should be. */
  usage: 2,
  /** The node does not answer, or not now; sending the command again is safe where its help says so. */
  unreachable: 3,
  /** Not logged in, wrong passphrase or password, or not permitted. */
  denied: 4,
  /** The node or this command failed in a way that it should not. */
  failed: 5,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_HELP =
  'Exit codes: 0 done · 1 refused or found wrong · 2 wrong usage · 3 node not reached · 4 not permitted · 5 failed';
