import { describe, expect, it } from 'vitest';
import { slowestFiles } from './slowest-files.ts';

describe('the slowest files of a run', () => {
  it('are named slowest first, with what all took', () => {
    const times = [
      { file: 'a.test.ts', durationMs: 40 },
      { file: 'b.test.ts', durationMs: 401_234 },
      { file: 'c.test.ts', durationMs: 9_960 },
    ];
    expect(slowestFiles(times)).toEqual([
      'Slowest of 3 files, which took 411.2 s one by one:',
      '   401.2 s  b.test.ts',
      '    10.0 s  c.test.ts',
      '     0.0 s  a.test.ts',
    ]);
  });

  it('are at most fifteen, of however many', () => {
    const times = Array.from({ length: 40 }, (_, at) => ({ file: `${at}.test.ts`, durationMs: at * 1_000 }));
    const [, first, ...others] = slowestFiles(times);
    expect(first).toContain('39.test.ts');
    expect(others).toHaveLength(14);
    expect(others.at(-1)).toContain('25.test.ts');
  });

  it('are none where none ran', () => {
    expect(slowestFiles([])).toEqual([]);
  });
});
