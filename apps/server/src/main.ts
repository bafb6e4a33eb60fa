import { dirname, join } from 'node:path';
import { openLog } from './http/log.ts';
import { type RunningServer, startServer } from './server.ts';
import { ServerError } from './server-error.ts';
import { type LogLevel, readSettings, type Settings } from './settings.ts';

/** A clean end that takes longer is given up: whatever was acknowledged is on the disk already. */
const SHUTDOWN_MS = 20_000;

if (import.meta.main) await runServer(process.env, process.cwd());

/**
 * `npm start` and `salus start`: one line when the node is ready, exit code 0 after SIGTERM or SIGINT, 1 with a sentence
 * when it cannot run.
 */
export async function runServer(environment: NodeJS.ProcessEnv, workingDirectory: string): Promise<void> {
  let settings: Settings | undefined;
  // Databases and backups are for the node's own account alone, wherever they are moved.
  process.umask(0o077);
  // A broken invariant stops the node: what was acknowledged is durable, and the next start settles the rest. Node's own
  // report would quote the error's message.
  process.once('uncaughtException', (error) => {
    tell(error, 'error');
    process.exit(1);
  });
  try {
    settings = readSettings(environment, workingDirectory);
    const server = await startServer(settings, undefined, (message) => console.log(message));
    endOnSignal(server, settings);
    console.log(welcome(server));
  } catch (error) {
    tell(error, settings?.logLevel ?? 'error');
    process.exitCode = 1;
  }
}

function tell(error: unknown, level: LogLevel): void {
  // What went wrong first, where closing what was open went wrong as well.
  const first: unknown = error instanceof SuppressedError ? error.suppressed : error;
  if (first instanceof Error && hasCode(first)) console.error(`Salus cannot go on: ${first.message} (${first.code})`);
  else openLog(level, (line) => process.stderr.write(line)).error({ err: first }, 'Salus cannot go on');
}

function welcome({ url, demonstration, organisations, credentialsFile }: RunningServer): string {
  const count = `${organisations} organisation${organisations === 1 ? '' : 's'}`;
  const next = demonstration
    ? `Demonstration with ${count}; accounts and wallets are in ${credentialsFile}. Try: npx salus records --help`
    : `${count} hosted. Try: npx salus --help`;
  const ready = `Salus is ready at ${url} · ${next}`;
  if (!demonstration) return ready;
  const people = join(dirname(credentialsFile), 'people.txt');
  return `${ready}\nIn a browser: open ${url}, choose “Sign in”, and paste a line from ${people}`;
}

function endOnSignal(server: RunningServer, { logLevel }: Settings): void {
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    const timer = setTimeout(() => process.exit(1), SHUTDOWN_MS);
    timer.unref();
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        openLog(logLevel, (line) => process.stderr.write(line)).error({ err: error }, 'Salus did not end cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

function hasCode(error: Error): error is Error & { readonly code: string } {
  return (
    error instanceof ServerError ||
    (error.name.endsWith('Error') && typeof (error as { code?: unknown }).code === 'string')
  );
}
