import { describe, expect, it } from 'vitest';
import { runCommand } from './step.ts';

function node(script: string, timeoutMs = 10_000) {
  return { file: process.execPath, args: ['-e', script], cwd: import.meta.dirname, env: process.env, timeoutMs };
}

describe('a step', () => {
  it('collects both streams of a command that succeeds', async () => {
    const result = await runCommand(node(`console.log('to stdout'); console.error('to stderr')`), 'collect');
    expect(result.ok).toBe(true);
    expect(result.output.split('\n').sort()).toEqual(['', 'to stderr', 'to stdout']);
  });

  it('fails with the exit code of its command', async () => {
    expect((await runCommand(node('process.exit(3)'), 'collect')).ok).toBe(false);
  });

  it('fails when its command is killed', async () => {
    expect((await runCommand(node(`process.kill(process.pid, 'SIGKILL')`), 'collect')).ok).toBe(false);
  });

  it('ends a command that takes too long, and says so', async () => {
    const result = await runCommand(node('setInterval(() => {}, 1000)', 200), 'collect');
    expect(result.ok).toBe(false);
    expect(result.output).toContain('ended after 0.2 s without a result');
  });

  it('fails a command that does not exist', async () => {
    const result = await runCommand({ ...node(''), file: '/does/not/exist' }, 'collect');
    expect(result.ok).toBe(false);
    expect(result.output).toContain('did not start');
  });

  it('gives its command no input to wait for', async () => {
    const result = await runCommand(node(`process.stdin.on('end', () => console.log('no input')).resume()`), 'collect');
    expect(result.output).toBe('no input\n');
  });
});
