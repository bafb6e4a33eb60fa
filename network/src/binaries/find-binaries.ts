import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import type { Binaries } from '../up/process-specs.ts';
import {
  installAdvice,
  type Program,
  type ProgramVersion,
  parseVersionOutput,
  platformName,
  versionProblem,
} from './fabric-version.ts';

const VERSION_TIMEOUT_MS = 15_000;
const VERSION_OUTPUT_BYTES_MAX = 64 * 1024;
const PROGRAMS: readonly Program[] = ['peer', 'orderer'];

const run = promisify(execFile);

export interface SearchInput {
  readonly layout: NetworkLayout;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** One of Fabric's programs as it was found, or why it does not serve. */
export type FoundProgram = { readonly program: Program; readonly searched: readonly string[] } & (
  | { readonly state: 'good'; readonly path: string; readonly found: ProgramVersion }
  | { readonly state: 'absent' }
  | { readonly state: 'unfit'; readonly path: string; readonly problem: string }
);

export interface Diagnosis {
  readonly programs: readonly FoundProgram[];
  /** Both, where both serve. */
  readonly binaries: Binaries | undefined;
  /** What to do, where they do not. */
  readonly advice: string | undefined;
}

/**
 * Looks for Fabric's programs in `FABRIC_BIN`, in the network's own `bin`, then on PATH, and asks each that it finds first for
 * its version: a program of the name `peer` need not be Fabric's.
 */
export async function diagnoseBinaries(input: SearchInput): Promise<Diagnosis> {
  const programs = await Promise.all(PROGRAMS.map((program) => examine(program, foldersOf(input))));
  const [peer, orderer] = programs;
  const good = peer?.state === 'good' && orderer?.state === 'good';
  return {
    programs,
    binaries: good ? { peer: peer.path, orderer: orderer.path } : undefined,
    advice: good ? undefined : installAdvice(platformName()),
  };
}

/** Both programs. Throws NetworkError `no-fabric`, whose message says what was found, where, and what to do. */
export async function requireBinaries(input: SearchInput): Promise<Binaries> {
  const { programs, binaries, advice } = await diagnoseBinaries(input);
  if (binaries !== undefined) return binaries;
  const lines = programs.map(describeProgram);
  throw new NetworkError(
    'no-fabric',
    `Hyperledger Fabric's programs are needed.\n${lines.join('\n')}\n${advice ?? ''}`,
  );
}

/** One line on one program. */
export function describeProgram(found: FoundProgram): string {
  switch (found.state) {
    case 'good':
      return `${found.program}: ${found.path}, version ${found.found.version}, ${found.found.platform}`;
    case 'absent':
      return `${found.program}: not in FABRIC_BIN, the network's bin folder or PATH`;
    case 'unfit':
      return `${found.program}: ${found.path} does not serve: ${found.problem}`;
  }
}

function foldersOf({ layout, environment }: SearchInput): readonly string[] {
  const { FABRIC_BIN = '', PATH = '' } = environment;
  return [FABRIC_BIN, layout.binaries, ...PATH.split(delimiter)]
    .filter((folder) => folder !== '')
    .map((folder) => resolve(folder));
}

async function examine(program: Program, searched: readonly string[]): Promise<FoundProgram> {
  const path = searched.map((folder) => join(folder, program)).find(isProgram);
  if (path === undefined) return { program, searched, state: 'absent' };
  const answer = await askVersion(path, program);
  const problem = typeof answer === 'string' ? answer : versionProblem(answer.version);
  if (typeof answer === 'string' || problem !== undefined) {
    return { program, searched, state: 'unfit', path, problem: problem ?? '' };
  }
  return { program, searched, state: 'good', path, found: answer };
}

/** The version that a program names, or why it is not Fabric's. */
export async function askVersion(path: string, program: Program): Promise<ProgramVersion | string> {
  try {
    const { stdout } = await run(path, ['version'], {
      timeout: VERSION_TIMEOUT_MS,
      maxBuffer: VERSION_OUTPUT_BYTES_MAX,
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' },
    });
    return parseVersionOutput(program, stdout) ?? `it does not answer \`${program} version\` as Fabric's does`;
  } catch (error) {
    const { code, killed } = error as { readonly code?: unknown; readonly killed?: boolean };
    return killed === true ? 'it does not end when asked for its version' : `it cannot be run (${String(code)})`;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    // Absent or not executable: the search goes on.
    return false;
  }
}
