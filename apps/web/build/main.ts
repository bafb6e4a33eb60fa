import { buildWebApp } from './build.ts';

/** `node apps/web/build/main.ts`: builds the app where its sources changed; its words go to standard error. */
await buildWebApp((line) => process.stderr.write(`${line}\n`));
