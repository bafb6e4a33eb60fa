import { Writable } from 'node:stream';
import { CLIENT_CODES } from '@salus/client';
import { NETWORK_CODES } from '@salus/network';
import type { Command } from 'commander';
import { CLI_CODES } from './cli-error.ts';
import { EXIT_HELP } from './exit-codes.ts';
import { buildProgram } from './program.ts';

const TITLE = `# The command \`salus\`

\`npx salus <command> --help\` says the same. \`--json\` gives one JSON document on standard output, messages go to standard
error. ${EXIT_HELP}.

A wallet is named with \`--as\`: a name in \`\${XDG_CONFIG_HOME:-~/.config}/salus/wallets\` (or among those of a demonstration or
founding beside it), or a file. Passphrases and passwords are typed without echo or come from a file of mode 0600
(\`--passphrase-file\`, \`--password-file\`), never from the command line. This page is generated from the program.
`;

/** docs/CLI.md: every command with its help, and the codes that the command itself gives. */
export function renderManual(): string {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const program = buildProgram({ stdout: nowhere, stderr: nowhere }, async () => undefined);
  program.configureHelp({ showGlobalOptions: false, helpWidth: 120 });
  const commands = leavesOf(program, []).map(({ path, command }) => {
    command.configureHelp({ showGlobalOptions: false, helpWidth: 120 });
    return `## \`salus ${path.join(' ')}\`\n\n\`\`\`\n${helpOf(command)}\n\`\`\`\n`;
  });
  const rest = 'Every other code is the node’s or a contract’s: [ERRORS.md](ERRORS.md).';
  return [
    TITLE,
    ...commands,
    `## Codes of the command itself\n\n${tableOf(CLI_CODES)}\n`,
    `## Codes of whoever asks a node\n\n${tableOf(CLIENT_CODES)}\n`,
    `## Codes of \`salus network\`\n\n${tableOf(NETWORK_CODES)}\n\n${rest}\n`,
  ].join('\n');
}

function tableOf(codes: Readonly<Record<string, string>>): string {
  const rows = Object.entries(codes).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`);
  return ['| code | meaning |', '| --- | --- |', ...rows].join('\n');
}

/** The help with its example, without the exit codes, which the page says once. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text.replace(EXIT_HELP, '').trimEnd();
}

function leavesOf(
  command: Command,
  path: readonly string[],
): readonly { readonly path: readonly string[]; readonly command: Command }[] {
  if (command.commands.length === 0) return [{ path, command }];
  return command.commands.flatMap((child) => leavesOf(child, [...path, child.name()]));
}
