import { existsSync, readFileSync } from 'node:fs';
import { writePrivateFile } from '@salus/wallet/node';
import { NetworkError } from '../network-error.ts';

const VERSION = 'salus:processes:v1';

/** How one process of a network is started, and by what it is known to be ready. */
export interface ProcessSpec {
  /** `hospital-a-peer0`: unique in the network; its log has the same name. */
  readonly name: string;
  readonly organisation: string;
  readonly kind: 'orderer' | 'peer' | 'chaincode' | 'node';
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment but PATH and HOME. No secrets: names of files that hold them. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  /** The ports, on this machine, on which it listens once it is ready. */
  readonly ports: readonly number[];
}

/** A process that was started, as run/processes.json keeps it. */
export interface ProcessRecord extends ProcessSpec {
  readonly pid: number;
  /** Tells it from a later process with the same pid. */
  readonly start: string;
}

/** The processes that were started and not stopped since; they may have died. */
export function readProcessTable(file: string): readonly ProcessRecord[] {
  if (!existsSync(file)) return [];
  let parsed: { readonly version?: unknown; readonly processes?: unknown };
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8')) as typeof parsed;
  } catch (cause) {
    throw new NetworkError('malformed', `${file} is no JSON.`, { cause });
  }
  if (parsed.version !== VERSION || !Array.isArray(parsed.processes)) {
    throw new NetworkError('malformed', `${file} is no table of processes of version ${VERSION}.`);
  }
  return parsed.processes as readonly ProcessRecord[];
}

/** Puts a record in the place of that of the same name. */
export function recordProcess(file: string, record: ProcessRecord): void {
  writeTable(file, [...readProcessTable(file).filter(({ name }) => name !== record.name), record]);
}

/** Takes a process out of the table: it was stopped on purpose. */
export function forgetProcess(file: string, name: string): void {
  writeTable(
    file,
    readProcessTable(file).filter((record) => record.name !== name),
  );
}

function writeTable(file: string, processes: readonly ProcessRecord[]): void {
  writePrivateFile(file, `${JSON.stringify({ version: VERSION, processes }, null, 2)}\n`);
}
