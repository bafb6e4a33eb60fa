import { type ChildProcess, spawn } from 'node:child_process';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

export interface StepResult {
  readonly ok: boolean;
  /** What a collected command wrote, both streams in order; empty when streamed. */
  readonly output: string;
  readonly durationMs: number;
}

const outputCharsMax = 200_000;
const killAfterMs = 5_000;
const running = new Set<ChildProcess>();
let stopped = false;

/** Lets Ctrl-C and its like end what runs and refuse what would follow, so that no test outlives its command. */
export function stopOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      stopped = true;
      for (const child of running) end(child);
    });
  }
}

/** Runs a command without input: its output collected, or streamed to ours. A time-out ends it and fails the step. */
export async function runCommand(command: Command, output: 'collect' | 'stream'): Promise<StepResult> {
  if (stopped) return { ok: false, output: 'stopped by a signal', durationMs: 0 };
  const startedMs = performance.now();
  const stdio = output === 'stream' ? 'inherit' : 'pipe';
  const { file, args, cwd, env } = command;
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', stdio, stdio] });
  running.add(child);
  let text = '';
  const collect = (chunk: string) => {
    if (text.length < outputCharsMax) text += chunk;
  };
  child.stdout?.setEncoding('utf8').on('data', collect);
  child.stderr?.setEncoding('utf8').on('data', collect);

  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    end(child);
  }, command.timeoutMs);
  const ok = await new Promise<boolean>((done) => {
    child.once('error', (error) => {
      text += `${file} did not start: ${error.message}`;
      done(false);
    });
    child.once('close', (code) => done(code === 0 && !timedOut));
  });
  clearTimeout(timer);
  running.delete(child);
  if (timedOut) text += `\nended after ${seconds(command.timeoutMs)} without a result`;
  return { ok, output: text, durationMs: performance.now() - startedMs };
}

function end(child: ChildProcess): void {
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), killAfterMs).unref();
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
