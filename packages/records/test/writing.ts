import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { testWriter } from './network.ts';
import type { Place } from './place.ts';

const PROCESS = fileURLToPath(new URL('./writing-process.ts', import.meta.url));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Starts the writer, or another program, on the place's files; resolves with it once its first write is acknowledged. */
export async function startWriting(
  place: Place,
  run: number,
  program = PROCESS,
): Promise<{ readonly child: ChildProcess; readonly acknowledged: string[] }> {
  const { organisation, consortium } = place;
  const { submitter: _submitter, ...writer } = await testWriter(consortium, organisation);
  const instructions = {
    directory: place.directory,
    ledgerKey: text(consortium.ledgerKey),
    masterKey: text(place.masterKey),
    database: place.database,
    node: { id: organisation.node.id, key: text(organisation.node.privateKey) },
    writer,
    run,
  };
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin?.end(JSON.stringify(instructions));
  const acknowledged: string[] = [];
  const lines = createInterface({ input: child.stdout! });
  await new Promise<void>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the writing process ended by itself')));
    lines.on('line', (line) => {
      acknowledged.push(line);
      resolve();
    });
  });
  child.removeAllListeners('exit');
  return { child, acknowledged };
}
