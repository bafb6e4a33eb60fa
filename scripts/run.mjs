// `node scripts/run.mjs [--web] FILE [ARGUMENT…]`: installs what is missing, with `--web` builds the web app where its
// sources changed, then runs FILE on the Node of this repository.
// Plain JavaScript for Node ≥ 18, like setup.mjs.
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, setup } from './setup.mjs';

const webBuildMsMax = 5 * 60_000;
const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/**
 * Gives this process to `entry` under `node`: the same process where the platform can, so that signals and exit codes
 * need no middleman; else a child that gets every signal and whose end becomes ours.
 *
 * @param {string} node
 * @param {string} entry absolute path of the module
 * @param {readonly string[]} args
 */
export function handOver(node, entry, args) {
  // Sources are stripped of their types and compiled once, not by every process and thread: half the time of a start.
  process.env.NODE_COMPILE_CACHE ??= resolve(repositoryRoot, 'node_modules/.cache/salus-compiled');
  if (process.platform !== 'win32' && typeof process.execve === 'function') {
    process.execve(node, [node, entry, ...args], process.env);
  }
  const child = spawn(node, [entry, ...args], { stdio: 'inherit' });
  const forward = (signal) => {
    // A terminal sends Ctrl-C to the whole group: passing it on would count it twice.
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  child.once('error', (error) => {
    process.stderr.write(`${node} did not start: ${error.message}\n`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}

/** In a process of its own: what builds the app should not stay in the memory of the node that serves it. */
function buildWeb(node) {
  const build = resolve(repositoryRoot, 'apps/web/build/main.ts');
  const { status } = spawnSync(node, [build], { stdio: ['ignore', 'ignore', 2], timeout: webBuildMsMax });
  if (status !== 0) throw new SetupError('The web app was not built; the reason stands above.');
}

async function main() {
  const given = process.argv.slice(2);
  const web = given[0] === '--web';
  const [entry, ...args] = web ? given.slice(1) : given;
  if (entry === undefined) throw new SetupError('Usage: node scripts/run.mjs [--web] FILE [ARGUMENT…]');
  const { node } = await setup();
  if (web) buildWeb(node);
  handOver(node, resolve(repositoryRoot, entry), args);
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
