import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2), {
  environment: process.env,
  workingDirectory: process.cwd(),
  streams: process,
  fetch: globalThis.fetch,
  nowMs: Date.now,
});
