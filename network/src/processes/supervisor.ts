import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { findProcessStart } from './process-identity.ts';
import {
  forgetProcess,
  type ProcessRecord,
  type ProcessSpec,
  readProcessTable,
  recordProcess,
} from './process-table.ts';

export const READY_TIMEOUT_MS = 30_000;
/** Fabric's peers flush their databases when they are asked to end. */
export const STOP_TIMEOUT_MS = 10_000;
export const LOG_BYTES_MAX = 64 * 1024 * 1024;
const LOG_TAIL_BYTES = 4096;
const LOG_TAIL_LINES = 8;
const POLL_MS = 15;
/** How long a port may stay taken by a process that is ending. */
const PORT_FREE_MAX_MS = 5_000;

export interface ProcessStatus extends ProcessRecord {
  readonly running: boolean;
}

/** Every process that was started and not stopped since. */
export function listProcesses(layout: NetworkLayout): readonly ProcessStatus[] {
  return readProcessTable(layout.processTable).map((record) => ({ ...record, running: isRunning(record) }));
}

/** Starts a process, detached and with its own log, unless it runs already: `started` or `running`. */
export async function startProcess(layout: NetworkLayout, spec: ProcessSpec): Promise<'started' | 'running'> {
  const known = readProcessTable(layout.processTable).find(({ name }) => name === spec.name);
  if (known !== undefined && isRunning(known)) return 'running';
  for (const port of spec.ports) await requireFreePort(spec, port);
  mkdirSync(layout.logs, { recursive: true, mode: 0o700 });
  const log = openLog(logFile(layout, spec.name));
  try {
    const { PATH = '', HOME = '/' } = process.env;
    const child = spawn(spec.command, spec.args, {
      cwd: spec.workingDirectory,
      env: { PATH, HOME, ...spec.environment },
      stdio: ['ignore', log, log],
      detached: true,
    });
    // A command that cannot be started has no pid; the event says why and must not end this process.
    const failed = new Promise<Error>((resolve) => child.once('error', resolve));
    if (child.pid === undefined) {
      throw new NetworkError('process-ended', `${spec.name} could not be started.`, { cause: await failed });
    }
    child.unref();
    recordProcess(layout.processTable, { ...spec, pid: child.pid, start: findProcessStart(child.pid) ?? 'ended' });
    return 'started';
  } finally {
    closeSync(log);
  }
}

/** Waits until the process listens on all its ports. Throws `process-ended` with the end of its log, or `timeout`. */
export async function awaitReady(layout: NetworkLayout, name: string, timeoutMs = READY_TIMEOUT_MS): Promise<void> {
  const record = requireProcess(layout, name);
  const endMs = performance.now() + timeoutMs;
  for (const port of record.ports) {
    while (!(await isListening(layout, name, port))) {
      if (performance.now() > endMs) {
        throw new NetworkError('timeout', `${name} does not listen on port ${port} after ${timeoutMs} ms.`);
      }
      await delay(POLL_MS);
    }
  }
}

/** Waits until a process that somebody else starts listens on all its ports. Throws `timeout`. */
export async function awaitElsewhere({ name, ports }: ProcessSpec): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS;
  for (const port of ports) {
    while (!(await listens(port))) {
      if (performance.now() > endMs) {
        throw new NetworkError('timeout', `${name} does not listen on port ${port}: start its service.`);
      }
      await delay(POLL_MS);
    }
  }
}

/** Whether something listens on the port. Throws `process-ended` with the end of the log when the process is gone. */
export async function isListening(layout: NetworkLayout, name: string, port: number): Promise<boolean> {
  if (await listens(port)) return true;
  if (isRunning(requireProcess(layout, name))) return false;
  throw new NetworkError('process-ended', `${name} ended before it was ready.${logTail(layout, name)}`);
}

/**
 * Ends one process and takes it out of the table: SIGTERM, and SIGKILL when it is still there after 10 s. A pid that meanwhile
 * belongs to another process is left alone.
 */
export async function stopProcess(layout: NetworkLayout, name: string): Promise<void> {
  const record = requireProcess(layout, name);
  signal(record, 'SIGTERM');
  if (!(await ended(record, STOP_TIMEOUT_MS))) {
    signal(record, 'SIGKILL');
    if (!(await ended(record, STOP_TIMEOUT_MS))) {
      throw new NetworkError('timeout', `${name} (pid ${record.pid}) does not end.`);
    }
  }
  forgetProcess(layout.processTable, name);
}

/** Ends one process at once, as a power cut would; it stays in the table, so that `restartProcess` knows it. */
export async function killProcess(layout: NetworkLayout, name: string): Promise<void> {
  const record = requireProcess(layout, name);
  signal(record, 'SIGKILL');
  if (!(await ended(record, STOP_TIMEOUT_MS))) throw new NetworkError('timeout', `${name} does not end.`);
}

/** Starts a process of the table again, as it was started before, and waits until it is ready. */
export async function restartProcess(layout: NetworkLayout, name: string): Promise<void> {
  const record = requireProcess(layout, name);
  if (isRunning(record)) await stopProcess(layout, name);
  const { pid: _pid, start: _start, ...spec } = record;
  await startProcess(layout, spec);
  await awaitReady(layout, name);
}

/** Freezes a process or lets it go on (SIGSTOP, SIGCONT): for tests of a machine that hangs. */
export function signalProcess(layout: NetworkLayout, name: string, what: 'SIGSTOP' | 'SIGCONT'): void {
  signal(requireProcess(layout, name), what);
}

export function logFile(layout: NetworkLayout, name: string): string {
  return join(layout.logs, `${name}.log`);
}

function requireProcess(layout: NetworkLayout, name: string): ProcessRecord {
  const table = readProcessTable(layout.processTable);
  const record = table.find((one) => one.name === name);
  if (record !== undefined) return record;
  const names = table.map((one) => one.name).join(', ');
  throw new NetworkError('not-found', `No process ${name} was started; there are: ${names === '' ? 'none' : names}.`);
}

function isRunning({ pid, start }: ProcessRecord): boolean {
  return findProcessStart(pid) === start;
}

function signal(record: ProcessRecord, name: NodeJS.Signals): void {
  if (!isRunning(record)) return;
  try {
    process.kill(record.pid, name);
  } catch (error) {
    // It ended by itself between the look and the signal.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function ended(record: ProcessRecord, timeoutMs: number): Promise<boolean> {
  const endMs = performance.now() + timeoutMs;
  while (isRunning(record)) {
    if (performance.now() > endMs) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** A log grows over restarts up to its bound, then the one before it is replaced. */
function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

function logTail(layout: NetworkLayout, name: string): string {
  const file = logFile(layout, name);
  const text = readFileSync(file).subarray(-LOG_TAIL_BYTES).toString('utf8').trimEnd();
  return ` The end of ${file}:\n${text.split('\n').slice(-LOG_TAIL_LINES).join('\n')}`;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * Says which port is taken, before the process would end with words of its own. What was killed a moment ago may hold its port
 * until the last of its threads has ended.
 */
async function requireFreePort({ name }: ProcessSpec, port: number): Promise<void> {
  const endMs = performance.now() + PORT_FREE_MAX_MS;
  for (;;) {
    const cause = await findPortFault(port);
    if (cause === undefined) return;
    if (cause.code !== 'EADDRINUSE' || performance.now() > endMs) {
      const why = cause.code === 'EADDRINUSE' ? 'another program listens there' : cause.message;
      throw new NetworkError('port-taken', `${name} cannot listen on port ${port}: ${why}.`, { cause });
    }
    await delay(POLL_MS);
  }
}

function findPortFault(port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
