// Installs what is missing, in two phases (docs: SETUP in the README). Plain JavaScript, because it runs on any
// Node ≥ 18 before anything is installed; everything else in the repository runs on the Node that it brings.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const oldestOwnNodeMajor = 24;
const lockWaitMsMax = 15 * 60_000;
const lockPollMs = 500;
const stampName = '.salus-setup.json';

/** What stops an installation, in words for whoever typed the command. */
export class SetupError extends Error {}

/**
 * Makes `node_modules` of `root` match its lock files and links `node_modules/.bin/node` to the Node that Salus runs
 * on. A second call finds the stamp and does nothing.
 *
 * @param {{ root?: string, say?: (line: string) => void }} [options]
 * @returns {Promise<{ node: string, installed: boolean }>} the path of that Node, and whether anything was installed
 * @throws {SetupError} when the platform has no Node 24, npm cannot be found, or npm fails
 */
export async function setup({ root = repositoryRoot, say = toStderr } = {}) {
  const ready = installedNode(root);
  if (ready !== undefined) return { node: ready, installed: false };

  const unlock = await lockInstallation(root, say);
  try {
    const meanwhile = installedNode(root);
    if (meanwhile !== undefined) return { node: meanwhile, installed: false };
    return { node: await install(root, say), installed: true };
  } finally {
    unlock();
  }
}

/**
 * The Node of a finished installation, or undefined where `setup` has something to do.
 *
 * @param {string} [root]
 * @returns {string | undefined}
 */
export function installedNode(root = repositoryRoot) {
  const stamp = readJson(join(root, 'node_modules', stampName));
  if (stamp === undefined || stamp.key !== stampKey(root) || typeof stamp.node !== 'string') return undefined;
  const node = resolve(root, stamp.node);
  if (!existsSync(node)) return undefined;
  linkNode(root, node);
  return node;
}

async function install(root, say) {
  if (!existsSync(join(root, 'package-lock.json'))) throw new SetupError(`No package-lock.json in ${root}.`);
  const npm = findNpm();

  const bundled = bundledNode(root);
  if (bundled !== undefined && !runs(bundled)) {
    say('Installing Node 24 …');
    await runNpm(process.execPath, npm, join(root, 'runtime'), ['--include=optional', '--ignore-scripts']);
  }
  const node = bundled !== undefined && runs(bundled) ? bundled : ownNode();

  if (!matchesLock(root)) {
    say('Installing dependencies …');
    // Run by Node 24 itself: npm leaves out native packages whose `engines` exclude the Node that it runs on.
    await runNpm(node, npm, root, ['--include=dev', '--include=optional']);
  }
  linkNode(root, node);
  const stamp = { key: stampKey(root), node: relative(root, node) };
  writeFileSync(join(root, 'node_modules', stampName), `${JSON.stringify(stamp)}\n`);
  return node;
}

function stampKey(root) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const lock of ['package-lock.json', 'runtime/package-lock.json']) {
    const path = join(root, lock);
    hash.update(existsSync(path) ? readFileSync(path) : 'absent').update('\n');
  }
  return hash.digest('hex');
}

/** Where `runtime/` puts Node for this platform; undefined where its lock file has none. */
function bundledNode(root) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const lock = readJson(join(root, 'runtime', 'package-lock.json'));
  if (lock?.packages?.[`node_modules/${name}`] === undefined) return undefined;
  return join(root, 'runtime', 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

function runs(node) {
  return existsSync(node) && spawnSync(node, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0;
}

function ownNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= oldestOwnNodeMajor) return realpathSync(process.execPath);
  throw new SetupError(
    `No prebuilt Node 24 runs on ${process.platform} ${process.arch}, and this is Node ${process.versions.node}. ` +
      'Install Node 24 or newer (https://nodejs.org) and run the command again.',
  );
}

/** npm's own script: the npm that runs us, else the one beside this Node, else the one on the PATH. */
function findNpm() {
  const candidates = [];
  const running = process.env.npm_execpath;
  if (running !== undefined) candidates.push(join(dirname(running), 'npm-cli.js'));
  const nodeFolder = dirname(realpathSync(process.execPath));
  candidates.push(
    join(nodeFolder, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(nodeFolder, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  );
  for (const folder of (process.env.PATH ?? '').split(process.platform === 'win32' ? ';' : ':')) {
    const npm = join(folder, 'npm');
    if (folder === '' || !existsSync(npm)) continue;
    candidates.push(realpathSync(npm), join(folder, 'node_modules', 'npm', 'bin', 'npm-cli.js'));
  }
  const found = candidates.find((path) => path.endsWith('npm-cli.js') && existsSync(path));
  if (found === undefined) throw new SetupError('npm was not found. Install Node.js with npm (https://nodejs.org).');
  return found;
}

async function runNpm(node, npm, folder, options) {
  // No package may run code of its own at installation; none that is used here needs to.
  const args = [npm, 'ci', '--ignore-scripts', ...options, '--no-audit', '--no-fund', '--loglevel=error'];
  // npm's report goes to stderr, so that stdout of `npm start` and `npx salus --json` stays their own.
  const child = spawn(node, args, { cwd: folder, env: npmEnvironment(), stdio: ['ignore', 2, 2] });
  const { code, signal } = await new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code, signal) => done({ code, signal }));
  });
  if (code === 0) return;
  throw new SetupError(
    `\`npm ci\` in ${folder} failed (${signal ?? `exit code ${code}`}); npm's own words stand above. ` +
      'Check the network and registry settings, then run the command again.',
  );
}

/** The environment without what the calling npm decided for its own folder and call. */
function npmEnvironment() {
  const ownToCaller =
    /^npm_(package_|lifecycle_|command$|config_(local_prefix|prefix|workspaces?|global|location|dry_run|include_workspace_root|package_lock_only|omit|include|only|production|also|optional|dev)$)/i;
  const environment = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!ownToCaller.test(name)) environment[name] = value;
  }
  return environment;
}

/** Whether node_modules already holds what the lock says, as after `npm install` of one more package. */
function matchesLock(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) return true; // the root and the workspaces themselves
    if (entry.link === true) return existsSync(join(root, path));
    const found = present[path];
    if (found === undefined) return entry.optional === true && !isForThisPlatform(entry);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

/** Whether a native package names this platform; what such packages bring along (WebAssembly's) names none. */
function isForThisPlatform(entry) {
  const allows = (list, value) => list === undefined || [list].flat().includes(value);
  return (
    (entry.os !== undefined || entry.cpu !== undefined) &&
    allows(entry.os, process.platform) &&
    allows(entry.cpu, process.arch) &&
    allows(entry.libc, libc())
  );
}

function libc() {
  if (process.platform !== 'linux') return undefined;
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** npm puts node_modules/.bin first on the PATH of every script, so this link makes them all run on `node`. */
function linkNode(root, node) {
  const folder = join(root, 'node_modules', '.bin');
  if (process.platform === 'win32') {
    const shim = join(folder, 'node.cmd');
    const text = `@"${node}" %*\r\n`;
    if (existsSync(shim) && readFileSync(shim, 'utf8') === text) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(shim, text);
    return;
  }
  const link = join(folder, 'node');
  const inside = !relative(root, node).startsWith('..');
  const target = inside ? relative(folder, node) : node;
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(link) === target) return;
  mkdirSync(folder, { recursive: true });
  rmSync(link, { force: true });
  symlinkSync(target, link);
  if (inside) chmodSync(node, 0o755);
}

/** One installation at a time: `npm start` beside `npm test` waits instead of emptying the same folder. */
async function lockInstallation(root, say) {
  const path = join(root, 'runtime', '.setup-lock');
  const givesUpAtMs = Date.now() + lockWaitMsMax;
  let announced = false;
  while (!takeLock(path)) {
    const holder = Number(readText(path));
    if (holder > 0 ? !isAlive(holder) : ageMs(path) > lockPollMs) {
      rmSync(path, { force: true });
      continue;
    }
    if (Date.now() > givesUpAtMs) {
      throw new SetupError(`Process ${holder} has been installing for too long. End it or delete ${path}.`);
    }
    if (holder > 0 && !announced) {
      say(`Waiting for the installation by process ${holder} …`);
      announced = true;
    }
    await new Promise((done) => setTimeout(done, lockPollMs));
  }
  return () => rmSync(path, { force: true });
}

function takeLock(path) {
  try {
    const file = openSync(path, 'wx');
    writeSync(file, String(process.pid));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function ageMs(path) {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 0 : Date.now() - found.mtimeMs;
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
}

function readJson(path) {
  const text = readText(path);
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // A half-written stamp or lock means: install again.
  }
}

function toStderr(line) {
  process.stderr.write(`${line}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    const { node, installed } = await setup();
    toStderr(`${installed ? 'Installed' : 'Nothing to install'}; Node is ${node}`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    toStderr(error.message);
    process.exitCode = 1;
  }
}
