import { existsSync, readFileSync, statSync } from 'node:fs';
import { CliError } from './cli-error.ts';
import { EXIT } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

const SECRET_FILE_BYTES_MAX = 4_096;
const SECRET_LENGTH_MAX = 1_024;
export const PASSPHRASE_LENGTH_MIN = 12;

/**
 * A passphrase or password from the first line of a file of mode 0600, else typed without echo. Never from the command
 * line: other users of the machine see that.
 */
export async function readSecret(terminal: Terminal, question: string, file: string | undefined): Promise<string> {
  return file === undefined ? terminal.askSecret(question) : readSecretFile(file);
}

/** A new passphrase, typed twice. */
export async function chooseSecret(terminal: Terminal, question: string, file: string | undefined): Promise<string> {
  const secret = await readSecret(terminal, question, file);
  if (secret.length < PASSPHRASE_LENGTH_MIN) {
    throw new CliError('weak-passphrase', `A passphrase has at least ${PASSPHRASE_LENGTH_MIN} characters.`);
  }
  if (file === undefined && (await terminal.askSecret('Once more: ')) !== secret) {
    throw new CliError('passphrases-differ', 'The two passphrases differ.', { next: 'Run the command again.' });
  }
  return secret;
}

function readSecretFile(file: string): string {
  if (!existsSync(file)) throw new CliError('no-secret-file', `There is no file ${file}.`);
  const { mode, size } = statSync(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new CliError('secret-file-exposed', `Others than the owner may read ${file}.`, {
      exit: EXIT.denied,
      next: `chmod 600 ${file}`,
    });
  }
  const [line = ''] = size > SECRET_FILE_BYTES_MAX ? [''] : readFileSync(file, 'utf8').split(/\r?\n/, 1);
  if (line === '' || line.length > SECRET_LENGTH_MAX) {
    throw new CliError('no-secret-file', `The first line of ${file} is not a passphrase or password.`);
  }
  return line;
}
