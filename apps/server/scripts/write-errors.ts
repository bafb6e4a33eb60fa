import { writeFileSync } from 'node:fs';
import { renderErrors } from '../src/error-catalogue.ts';

/** Writes docs/ERRORS.md: `node apps/server/scripts/write-errors.ts`. */
writeFileSync(new URL('../../../docs/ERRORS.md', import.meta.url), renderErrors());
