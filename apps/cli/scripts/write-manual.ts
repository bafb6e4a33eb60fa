import { writeFileSync } from 'node:fs';
import { renderManual } from '../src/manual.ts';

/** Writes docs/CLI.md: `node apps/cli/scripts/write-manual.ts`. */
writeFileSync(new URL('../../../docs/CLI.md', import.meta.url), renderManual());
