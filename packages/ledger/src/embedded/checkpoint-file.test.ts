import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NETWORK } from '../../test/notebook.ts';
import type { Checkpoint } from '../checkpoint.ts';
import { CHECKPOINT_FILE_BYTES_MAX, CHECKPOINTS_KEPT, CheckpointFile, readCheckpointFile } from './checkpoint-file.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-checkpoint-'));
  path = join(folder, 'deep', 'checkpoint');
});

afterEach(() => rmSync(folder, { recursive: true }));

function checkpoint(number: number): Checkpoint {
  const hash = String(number).padStart(43, 'h');
  return { version: 'salus:checkpoint:v1', alg: 'ES256', network: NETWORK, number, hash, signatures: [] };
}

function write(...numbers: number[]): void {
  const { file } = CheckpointFile.open(path);
  for (const number of numbers) file.append({ checkpoint: checkpoint(number) });
  file[Symbol.dispose]();
}

const numbers = (): number[] => readCheckpointFile(path).map((entry) => entry.checkpoint.number);

describe('the checkpoint file', () => {
  it('gives back what was appended, in order, over several openings', () => {
    expect(readCheckpointFile(path)).toEqual([]);
    write(1, 2);
    write(3);
    expect(numbers()).toEqual([1, 2, 3]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('forgets a last line torn at any byte and goes on after the line before', () => {
    write(1, 2);
    const whole = readFileSync(path);
    const lineBytes = whole.length / 2;
    for (let cut = 1; cut <= lineBytes; cut += 1) {
      writeFileSync(path, whole);
      truncateSync(path, whole.length - cut);
      expect(numbers()).toEqual([1]);
    }
    write(3);
    expect(numbers()).toEqual([1, 3]);
  });

  it('forgets a last line whose bytes never reached the disk', () => {
    write(1);
    appendFileSync(path, Buffer.alloc(300));
    expect(numbers()).toEqual([1]);
    write(2);
    expect(numbers()).toEqual([1, 2]);
  });

  it('refuses a damaged line before the last one', () => {
    write(1, 2, 3);
    const bytes = readFileSync(path);
    bytes[20] = bytes[20]! ^ 1;
    writeFileSync(path, bytes);
    expect(() => numbers()).toThrow(expect.objectContaining({ code: 'bad-checkpoint-file' }));
    expect(() => CheckpointFile.open(path)).toThrow(expect.objectContaining({ code: 'bad-checkpoint-file' }));
  });

  it('stays within its bound and keeps its newest entries', () => {
    const { file } = CheckpointFile.open(path);
    let number = 0;
    let largest = 0;
    // Entries of about 1.7 kB: several hosted organisations.
    const signatures = Array.from({ length: 10 }, (_, index) => ({
      organisation: `hospital-${index}`,
      id: 'i'.repeat(22),
      signature: 's'.repeat(86),
    }));
    for (let total = 0; total < 2.5 * CHECKPOINT_FILE_BYTES_MAX; total += 1_700) {
      number += 1;
      file.append({ checkpoint: { ...checkpoint(number), signatures } });
      largest = Math.max(largest, statSync(path).size);
    }
    file[Symbol.dispose]();
    expect(largest).toBeLessThanOrEqual(CHECKPOINT_FILE_BYTES_MAX);
    const kept = numbers();
    expect(kept.at(-1)).toBe(number);
    expect(kept.length).toBeGreaterThanOrEqual(CHECKPOINTS_KEPT);
    expect(kept).toEqual(kept.map((_, index) => number - kept.length + 1 + index));
  });
});
