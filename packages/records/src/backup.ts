import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CryptoError, canonical, type Json, parseJson } from '@salus/crypto';
import { type BackupResult, openLedgerState } from '@salus/ledger';
import { makeDurableDirectory, syncDirectory } from './packs.ts';
import { RecordsError } from './records-error.ts';
import type { Vault } from './vault.ts';
import type { Clock } from './vault-types.ts';
import { type RecordsVerification, verifyRecords } from './verify/verify-records.ts';

export const BACKUP_VERSION = 'salus:backup:v1';
export const BACKUP_MANIFEST = 'backup.json';
/** Files of one backup. */
export const BACKUP_FILES_MAX = 10_000_000;
const MANIFEST_BYTES_MAX = 1024 * 1024 * 1024;
const LEDGER_FILE = 'ledger/ledger.sqlite';

export interface BackupFile {
  /** Relative, with slashes. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256, base64url. */
  readonly hash: string;
}

export interface BackupManifest {
  readonly version: typeof BACKUP_VERSION;
  readonly network: string;
  readonly atMs: number;
  /** The newest block in it. */
  readonly ledger: { readonly number: number; readonly hash: string; readonly stateCommitment: string };
  readonly organisations: readonly string[];
  readonly files: readonly BackupFile[];
}

export interface BackupOptions {
  readonly vaults: readonly Vault[];
  readonly ledger: { readonly network: string; backup(toFile: string): Promise<BackupResult> };
  /** Made; must be empty or missing. Laid out as a data directory is. */
  readonly directory: string;
  /** Other files of the data directory, without secrets in plain: from where, and under which relative path. */
  readonly extraFiles?: readonly { readonly from: string; readonly path: string }[];
  readonly clock: Clock;
}

/**
 * A consistent copy of databases, objects and ledger while the node runs. Databases and ledger are copied while no
 * store can write, so that the copy is a state in which a crash could have left them; writes wait that long. The copy
 * is verified before this resolves: `corrupt` when it does not verify. Nothing in it opens without the master keys.
 */
export async function backupData(options: BackupOptions): Promise<BackupManifest> {
  const { vaults, ledger, directory, clock } = options;
  await demandEmpty(directory);
  for (const vault of vaults) await makeDurableDirectory(objectsOf(directory, vault));
  // Objects never change, so most are copied before anybody has to wait.
  for (const vault of vaults) await vault.objects.copyMissing(objectsOf(directory, vault));
  await makeDurableDirectory(join(directory, dirname(LEDGER_FILE)));
  const copies: (() => Promise<void>)[] = [];
  const head = await whileHeld(vaults, async () => {
    for (const vault of vaults) {
      const to = join(organisationDirectory(directory, vault.organisation), 'records.sqlite');
      copies.push(await vault.store.beginCopy(to));
    }
    return ledger.backup(join(directory, LEDGER_FILE));
  });
  for (const finish of copies) await finish();
  for (const vault of vaults) {
    await vault.objects.copyMissing(objectsOf(directory, vault));
    await followErasures(organisationDirectory(directory, vault.organisation));
  }
  for (const { from, path } of options.extraFiles ?? []) await copyDurably(from, join(directory, path));
  const organisations = vaults.map((vault) => vault.organisation);
  await demandVerified(directory, organisations);
  const manifest: BackupManifest = {
    version: BACKUP_VERSION,
    network: ledger.network,
    atMs: clock(),
    ledger: { number: head.number, hash: head.hash, stateCommitment: head.stateCommitment },
    organisations,
    files: await describeFiles(directory),
  };
  await writeDurably(join(directory, BACKUP_MANIFEST), `${canonical(manifest as unknown as Json)}\n`);
  return manifest;
}

/**
 * Puts a backup into an empty data directory, after every file was compared with the manifest, and verifies what is
 * there. `corrupt` when a file is missing, another or too many. When the ledger had gone on since, the node that opens
 * the directory finds out by its checkpoint and releases nothing (`RollbackGuard`).
 */
export async function restoreData(options: {
  readonly from: string;
  readonly to: string;
}): Promise<{ readonly manifest: BackupManifest; readonly verifications: readonly RecordsVerification[] }> {
  const { from, to } = options;
  const manifest = await readManifest(from);
  await demandEmpty(to);
  const expected = new Map(manifest.files.map((file) => [file.path, file]));
  for (const path of await filesUnder(from)) {
    if (path !== BACKUP_MANIFEST && !expected.has(path)) throw damaged(`${path} is not of this backup`);
  }
  for (const file of manifest.files) {
    const source = join(from, file.path);
    const found = await describeFile(source, file.path).catch(missingAsUndefined);
    if (found?.hash !== file.hash || found.bytes !== file.bytes) throw damaged(`${file.path} is missing or changed`);
    await copyDurably(source, join(to, file.path));
  }
  return { manifest, verifications: await demandVerified(to, manifest.organisations) };
}

/** Backups that one listing gives, the newest. */
export const BACKUPS_LISTED_MAX = 200;
/** Directories that are looked into. */
const ENTRIES_MAX = 2_000;

/**
 * What lies in a directory of backups, newest first. `unfinished`: directories without a manifest of this version, which a
 * backup gets last, once it is verified. The files of a backup are not read.
 */
export async function listBackups(directory: string): Promise<{
  readonly backups: readonly { readonly name: string; readonly manifest: BackupManifest }[];
  readonly unfinished: readonly string[];
}> {
  const entries = (await readdir(directory, { withFileTypes: true }).catch(missingAsUndefined)) ?? [];
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const backups: { name: string; manifest: BackupManifest }[] = [];
  const unfinished: string[] = [];
  for (const name of names.sort().slice(0, ENTRIES_MAX)) {
    const manifest = await readManifest(join(directory, name)).catch((error: unknown) => {
      if (!(error instanceof RecordsError)) throw error;
      unfinished.push(name);
    });
    if (manifest !== undefined) backups.push({ name, manifest });
  }
  backups.sort((left, right) => right.manifest.atMs - left.manifest.atMs);
  return { backups: backups.slice(0, BACKUPS_LISTED_MAX), unfinished: unfinished.slice(0, BACKUPS_LISTED_MAX) };
}

/** Runs `body` while none of these stores writes. */
function whileHeld<T>(vaults: readonly Vault[], body: () => Promise<T>): Promise<T> {
  const [first, ...others] = vaults;
  if (first === undefined) return body();
  return first.store.write(() => whileHeld(others, body));
}

function objectsOf(directory: string, { organisation }: Vault): string {
  return join(organisationDirectory(directory, organisation), 'objects');
}

/** What was erased after its object was copied is erased in the copy too; what no row names is left out. */
async function followErasures(directory: string): Promise<void> {
  using database = new DatabaseSync(join(directory, 'records.sqlite'), { readOnly: true });
  const packs = join(directory, 'objects', 'packs');
  const erased = database.prepare(
    `select "batchId", "packOffset", "packLength" from "record" where "status" = 'erased'`,
  );
  for (const row of erased.all()) {
    const batchId = String(row.batchId);
    await overwrite(
      join(packs, batchId.slice(0, 2), `${batchId}.pack`),
      Number(row.packOffset),
      Number(row.packLength),
    );
  }
  const named = new Set<string>();
  for (const row of database.prepare('select "batchId" as "id" from "batch"').all())
    named.add(`${String(row.id)}.pack`);
  const files = database.prepare('select "attachmentId" as "id" from "attachment" where "fileHash" is not null');
  for (const row of files.all()) named.add(`${String(row.id)}.attachment`);
  for (const path of await filesUnder(join(directory, 'objects'))) {
    if (!named.has(path.slice(path.lastIndexOf('/') + 1))) await rm(join(directory, 'objects', path));
  }
}

async function overwrite(path: string, offset: number, length: number): Promise<void> {
  const file = await open(path, 'r+').catch(missingAsUndefined);
  if (file === undefined) return;
  try {
    await file.write(new Uint8Array(length), 0, length, offset);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function demandVerified(
  directory: string,
  organisations: readonly string[],
): Promise<readonly RecordsVerification[]> {
  using ledger = openLedgerState(join(directory, LEDGER_FILE));
  const verifications: RecordsVerification[] = [];
  for (const organisation of organisations) {
    const place = organisationDirectory(directory, organisation);
    const verification = await verifyRecords({ directory: place, organisation, ledger });
    const [first] = verification.findings;
    if (first !== undefined) throw damaged(`${organisation}: ${first.code} at ${first.place}`);
    verifications.push(verification);
  }
  return verifications;
}

async function readManifest(directory: string): Promise<BackupManifest> {
  try {
    const bytes = await readFile(join(directory, BACKUP_MANIFEST));
    const manifest = parseJson(bytes, { sizeMax: MANIFEST_BYTES_MAX }) as unknown as BackupManifest;
    const inside = manifest.files.every(({ path }) => !path.startsWith('/') && !path.split('/').includes('..'));
    if (manifest.version === BACKUP_VERSION && inside && Array.isArray(manifest.organisations)) return manifest;
  } catch (cause) {
    const isOurs = cause instanceof CryptoError || cause instanceof TypeError;
    if (!isOurs && (cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
  throw damaged(`there is no ${BACKUP_MANIFEST} of version ${BACKUP_VERSION}`);
}

async function describeFiles(directory: string): Promise<readonly BackupFile[]> {
  const paths = await filesUnder(directory);
  if (paths.length > BACKUP_FILES_MAX)
    throw new RecordsError('too-large', `a backup has at most ${BACKUP_FILES_MAX} files`);
  const files: BackupFile[] = [];
  for (const path of paths) files.push(await describeFile(join(directory, path), path));
  return files;
}

async function describeFile(file: string, path: string): Promise<BackupFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of createReadStream(file)) {
    hash.update(piece as Uint8Array);
    bytes += (piece as Uint8Array).length;
  }
  return { path, bytes, hash: hash.digest('base64url') };
}

/** Relative paths of all files, with slashes, sorted. */
async function filesUnder(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(missingAsUndefined);
  return (entries ?? [])
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
}

async function demandEmpty(directory: string): Promise<void> {
  const names = await readdir(directory).catch(missingAsUndefined);
  if (names !== undefined && names.length > 0) throw new RecordsError('bad-input', 'the target directory is not empty');
  await makeDurableDirectory(directory);
}

async function copyDurably(from: string, to: string): Promise<void> {
  await stat(from);
  await makeDurableDirectory(dirname(to));
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const file = await open(to, 'r+');
  try {
    await file.chmod(0o600);
    await file.datasync();
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(to));
}

async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode: 0o600, flush: true });
  await syncDirectory(dirname(path));
}

function organisationDirectory(directory: string, organisation: string): string {
  return join(directory, 'orgs', organisation);
}

function missingAsUndefined(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== 'ENOENT') throw cause;
}

function damaged(message: string): RecordsError {
  return new RecordsError('corrupt', `the backup does not hold: ${message}`);
}
