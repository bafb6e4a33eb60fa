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

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.exitCode = 1;
    setTimeout(() => process.exit(1), killAfterMs).unref();
  });
}

/** Runs a command without input: its output collected, or streamed to ours. A time-out ends it and fails the step. */
export async function runCommand(command: Command, output: 'collect' | 'stream'): Promise<StepResult> {
  const startedMs = performance.now();
  const stdio = output === 'stream' ? 'inherit' : 'pipe';
  const child = spawn(command.file, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: ['ignore', stdio, stdio],
  });
  running.add(child);
  let text = '';
  const collect = (chunk: Buffer) => {
    if (text.length < outputCharsMax) text += chunk.toString('utf8');
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);

  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), killAfterMs).unref();
  }, command.timeoutMs);

  const ok = await new Promise<boolean>((done) => {
    child.once('error', (error) => {
      text += `${command.file} did not start: ${error.message}\n`;
      done(false);
    });
    child.once('close', (code) => done(code === 0 && !timedOut));
  });
  clearTimeout(timer);
  running.delete(child);
  if (timedOut) text += `\nended after ${seconds(command.timeoutMs)} without a result\n`;
  return { ok, output: text, durationMs: performance.now() - startedMs };
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}
