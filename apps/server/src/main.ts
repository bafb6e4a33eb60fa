import { openLog } from './http/log.ts';
import { type RunningServer, startServer } from './server.ts';
import { ServerError } from './server-error.ts';
import { readSettings, type Settings } from './settings.ts';

/** A clean end that takes longer is given up: whatever was acknowledged is on the disk already. */
const SHUTDOWN_MS = 20_000;

if (import.meta.main) await main();

/** `npm start`: one line when the node is ready, exit code 0 after SIGTERM or SIGINT, 1 with a sentence when it cannot run. */
async function main(): Promise<void> {
  let settings: Settings | undefined;
  try {
    settings = readSettings(process.env, process.cwd());
    const server = await startServer(settings);
    endOnSignal(server, settings);
    console.log(welcome(server));
  } catch (error) {
    if (error instanceof Error && hasCode(error)) console.error(`Salus cannot start: ${error.message} (${error.code})`);
    else
      openLog(settings?.logLevel ?? 'error', (line) => process.stderr.write(line)).error(
        { err: error },
        'Salus cannot start',
      );
    process.exitCode = 1;
  }
}

function welcome({ url, demonstration, organisations, credentialsFile }: RunningServer): string {
  const count = `${organisations} organisation${organisations === 1 ? '' : 's'}`;
  const next = demonstration
    ? `Demonstration with ${count}; accounts and wallets are in ${credentialsFile}. Try: npx salus records --help`
    : `${count} hosted. Try: npx salus --help`;
  return `Salus is ready at ${url} · ${next}`;
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
