import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderManual } from './manual.ts';

describe('docs/CLI.md', () => {
  it('is what the program says: after a change run `node apps/cli/scripts/write-manual.ts`', () => {
    const manual = renderManual();
    expect(readFileSync(new URL('../../../docs/CLI.md', import.meta.url), 'utf8')).toBe(manual);
    for (const command of ['import', 'patient claim', 'grant', 'verify', 'rollback']) {
      expect(manual).toContain(`## \`salus ${command}\``);
    }
  });
});
