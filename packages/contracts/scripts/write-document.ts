import { writeFileSync } from 'node:fs';
import { contracts } from '../src/catalogue.ts';
import { renderContracts } from '../src/document.ts';

/** Writes docs/CONTRACTS.md; `document.test.ts` fails while it is not current. */
writeFileSync(new URL('../../../docs/CONTRACTS.md', import.meta.url), renderContracts(contracts));
