import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { renderErrors } from './error-catalogue.ts';

const PAGE = fileURLToPath(new URL('../../../docs/ERRORS.md', import.meta.url));

describe('docs/ERRORS.md', () => {
  it('lists every code of every package with its meaning and status, as `node apps/server/scripts/write-errors.ts` writes it', () => {
    const text = renderErrors();
    expect(text.match(/^\| `/gm)?.length).toBeGreaterThan(200);
    expect(readFileSync(PAGE, 'utf8')).toBe(text);
  });
});
