import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseJson, randomBytes, toBase64url } from '@salus/crypto';
import { createEmbeddedLedger } from '@salus/ledger';
import { type BundleWorkers, openVault, removeStoreOf } from '@salus/records';
import { writePrivateFile } from '@salus/wallet/node';
import type { DataLayout, NetworkFile } from './data-directory.ts';
import { type FoundedOrganisation, foundNetwork, type OrganisationPlan } from './founding.ts';
import { createLedgerKey, LEDGER_KEY_NAME } from './ledger-key.ts';
import { ensureMasterKeys } from './master-keys.ts';
import { journalFile } from './node.ts';
import { keepKeys } from './organisation.ts';
import { ServerError } from './server-error.ts';
import type { Settings } from './settings.ts';
import { findPostgres, type StorageSettings, storageOf } from './storage.ts';

const CHECKPOINT_LINE_BYTES_MAX = 1024 * 1024;

export interface FoundOptions {
  readonly settings: Pick<Settings, 'masterKeyFile' | 'checkpointFile'> & StorageSettings;
  readonly layout: DataLayout;
  readonly plans: readonly OrganisationPlan[];
  readonly demonstration: boolean;
  /** Networks of which nothing is lost when their checkpoints are put aside: an interrupted founding, an earlier demonstration. */
  readonly forgettable: readonly string[];
  readonly workers: BundleWorkers;
  readonly nowMs: () => number;
}

export interface FoundedDirectory {
  /** Not written yet: until `network.json` is there, the next start clears the directory and founds anew. */
  readonly file: NetworkFile;
  readonly organisations: readonly FoundedOrganisation[];
}

/** Fills an empty data directory: ledger, network, and a vault with its keys for each organisation. */
export async function foundDirectory(options: FoundOptions): Promise<FoundedDirectory> {
  const { settings, layout, plans, demonstration, nowMs, workers } = options;
  const interrupted = await clearInterrupted(layout, settings);
  putCheckpointsAside(settings.checkpointFile, [...options.forgettable, ...interrupted]);
  const network = toBase64url(randomBytes(16));
  writePrivateFile(layout.foundingFile, `${JSON.stringify({ network })}\n`);
  const masterKeys = ensureMasterKeys(settings.masterKeyFile, [LEDGER_KEY_NAME, ...plans.map(({ slug }) => slug)]);
  mkdirSync(dirname(layout.ledgerFile), { recursive: true, mode: 0o700 });
  const signer = createLedgerKey(layout, masterKeys, network);
  await using ledger = await createEmbeddedLedger({
    network,
    signer,
    file: layout.ledgerFile,
    checkpointFile: settings.checkpointFile,
    checkpointSigners: () => [],
    clock: nowMs,
  });
  const organisations = await foundNetwork(ledger, plans, nowMs());
  for (const organisation of organisations) {
    const { slug } = organisation;
    const here = { directory: layout.organisation(slug), organisation: slug, masterKey: masterKeys.get(slug)! };
    const place = { ...here, ...storageOf(settings, slug) };
    await using vault = await openVault({ ...place, ledger, clock: nowMs, workers });
    await keepKeys(vault, organisation);
  }
  const hosted = organisations.map(({ slug, node }) => ({ slug, node: node.id }));
  return { file: { network, organisations: hosted, demonstration, ledgerKey: signer.publicKey }, organisations };
}

/** The last step of a founding: from here on the directory is a network. */
export function endFounding(layout: DataLayout): void {
  rmSync(layout.foundingFile, { force: true });
}

/** Removes what an interrupted founding left: it never had a network.json, so nobody was ever told of anything in it. */
async function clearInterrupted(layout: DataLayout, settings: StorageSettings): Promise<readonly string[]> {
  if (!existsSync(layout.foundingFile)) return [];
  const { network } = parseJson(readFileSync(layout.foundingFile)) as { readonly network?: unknown };
  for (const slug of listOrganisations(layout)) {
    await removeStoreOf(layout.organisation(slug), findPostgres(settings, slug));
  }
  for (const part of ['ledger', 'orgs']) rmSync(`${layout.directory}/${part}`, { recursive: true, force: true });
  return typeof network === 'string' ? [network] : [];
}

function listOrganisations({ directory }: DataLayout): readonly string[] {
  return existsSync(`${directory}/orgs`) ? readdirSync(`${directory}/orgs`) : [];
}

/**
 * A checkpoint file vouches for a ledger. When the data directory is empty, that ledger is lost, moved or not restored
 * yet: founding another in its place is refused unless nothing of worth was in it.
 *
 * @throws ServerError `ledger-missing`
 */
function putCheckpointsAside(file: string, forgettable: readonly string[]): void {
  if (!existsSync(file)) return;
  const network = networkOf(file);
  if (network === undefined || forgettable.includes(network)) {
    for (const known of [file, journalFile(file)]) {
      if (existsSync(known)) renameSync(known, `${known}.${network ?? 'empty'}`);
    }
    return;
  }
  throw new ServerError(
    'ledger-missing',
    `${file} vouches for a ledger that SALUS_DATA does not hold: restore its backup, name its directory with SALUS_DATA, or move that file away to found a new network.`,
  );
}

function networkOf(file: string): string | undefined {
  const line = readFileSync(file).subarray(0, CHECKPOINT_LINE_BYTES_MAX).toString().split('\n')[0] ?? '';
  return /"network":"([A-Za-z0-9_-]{22})"/.exec(line)?.[1];
}
