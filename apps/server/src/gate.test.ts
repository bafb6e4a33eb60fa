import { describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';

describe('gate', () => {
  it('runs as many as it may, lets some wait, refuses the rest, and recovers from failures', async () => {
    const gate = new Gate({ running: 2, waiting: 1 });
    const release: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const task = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => release.push(resolve));
      running -= 1;
      throw new Error('failed');
    };
    const tasks = [gate.run(task), gate.run(task), gate.run(task)].map((promise) =>
      promise.catch((error: unknown) => (error as Error).message),
    );
    await expect(gate.run(task)).rejects.toMatchObject({ code: 'overloaded' });
    for (let done = 0; done < 3; done += 1) {
      while (release.length === 0) await new Promise((resolve) => setImmediate(resolve));
      release.shift()!();
    }
    expect(await Promise.all(tasks)).toEqual(['failed', 'failed', 'failed']);
    expect(most).toBe(2);
    expect(await gate.run(async () => 'free')).toBe('free');
  });
});
