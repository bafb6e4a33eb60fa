import { runServer } from '@salus/server';
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
    await runServer(environment, workingDirectory);
    // It listens on, or has said why it cannot and set the process's exit code to 1.
    return process.exitCode === undefined ? EXIT.ok : EXIT.refused;
  });
}
