import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { findProcessStart } from '../processes/process-identity.ts';

/** Does something that changes a network's processes or files while nobody else does. Throws NetworkError `busy`. */
export async function withNetworkLock<T>(layout: NetworkLayout, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(layout.lock), { recursive: true, mode: 0o700 });
  const holder = `${process.pid} ${findProcessStart(process.pid) ?? ''}`;
  try {
    take(layout.lock, holder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const [pid = '', start] = readFileSync(layout.lock, 'utf8').split(' ');
    if (start !== undefined && findProcessStart(Number(pid)) === start) {
      throw new NetworkError('busy', `Process ${pid} is at work on ${layout.directory}: wait until it is done.`);
    }
    // Whoever held it ended without giving it back.
    rmSync(layout.lock, { force: true });
    take(layout.lock, holder);
  }
  try {
    return await work();
  } finally {
    rmSync(layout.lock, { force: true });
  }
}

function take(file: string, holder: string): void {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    writeFileSync(descriptor, holder);
  } finally {
    closeSync(descriptor);
  }
}
