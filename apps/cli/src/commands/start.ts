import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import type { Act } from '../program.ts';

/** `salus start`: runs the node, as `npm start` does. */
export function addStartCommand(program: Command, act: Act): void {
  const command = program
    .command('start')
    .description(
      'Run the node: an empty data directory becomes a demonstration. Settings come from the environment or the file that SALUS_CONFIG names; the README lists them. Ends cleanly on Ctrl-C.',
    );
  act(command, 'salus start', async ({ environment, workingDirectory }) => {
    const main = fileURLToPath(new URL('./main.ts', import.meta.resolve('@salus/server')));
    const child = spawn(process.execPath, [main], { stdio: 'inherit', env: environment, cwd: workingDirectory });
    const forward = (signal: NodeJS.Signals): void => {
      // A terminal sends Ctrl-C to the whole group: passing it on would count it twice.
      if (signal !== 'SIGINT' || process.stdin.isTTY !== true) child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const signal of signals) process.on(signal, forward);
    const [code] = (await once(child, 'exit')) as [number | null];
    for (const name of signals) process.off(name, forward);
    return code === 0 ? EXIT.ok : EXIT.failed;
  });
}
