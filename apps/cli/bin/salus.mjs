#!/usr/bin/env node
// `salus`, on whatever Node the caller has: the command itself runs on the Node of this repository.
import { fileURLToPath } from 'node:url';
import { handOver } from '../../../scripts/run.mjs';
import { installedNode } from '../../../scripts/setup.mjs';

const node = installedNode();
if (node === undefined) {
  process.stderr.write('Salus is not installed, or not since its dependencies changed: run `npm run setup` first.\n');
  process.exitCode = 1;
} else {
  handOver(node, fileURLToPath(new URL('../src/main.ts', import.meta.url)), process.argv.slice(2));
}
