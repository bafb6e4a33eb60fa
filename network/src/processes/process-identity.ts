import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const PS_TIMEOUT_MS = 5_000;
/** Fields of /proc/<pid>/stat after the command's name, counted from 0 (proc(5)): state, and start in ticks since boot. */
const STATE_FIELD = 0;
const START_FIELD = 19;

/**
 * What tells a process from a later one with the same pid: its start as the system knows it, and which boot that was.
 * Undefined where no such process runs (a zombie does not run, once the last of its threads has ended: until then it holds
 * its ports).
 */
export function findProcessStart(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxStart(pid) : portableStart(pid);
}

function linuxStart(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
  // The name stands in parentheses and may hold any character.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[STATE_FIELD] === 'X' || (fields[STATE_FIELD] === 'Z' && countThreads(pid) <= 1)) return undefined;
  return `${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()}:${fields[START_FIELD]}`;
}

function countThreads(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch (error) {
    if (isAbsence(error)) return 0;
    throw error;
  }
}

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}

function portableStart(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: PS_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return text === '' || text.startsWith('Z') ? undefined : text.replace(/^\S+\s+/, '');
  } catch (error) {
    // ps answers 1 for a pid that no process has.
    if ((error as { readonly status?: unknown }).status === 1) return undefined;
    throw error;
  }
}
