import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type DataLayout, dataLayout, findNetworkFile, lockDataDirectory, writeNetworkFile } from './data-directory.ts';
import { ServerError } from './server-error.ts';

/**
 * Gives each organisation of a data directory whose ledger has moved to a channel a data directory of its own, `<into>/<slug>`: its
 * vault and its node's identity; the ledger comes anew from its own peer. Nothing is removed from the old directory, which no
 * node may have open. What is there already stays as it is.
 *
 * @returns the new directories by slug
 * @throws ServerError `data-directory-in-use`, `data-directory-foreign`
 */
export function partData(from: string, into: string, slugs: readonly string[]): ReadonlyMap<string, string> {
  const layout = dataLayout(from);
  using lock = lockDataDirectory(layout);
  void lock;
  const file = findNetworkFile(layout);
  if (file === undefined) throw new ServerError('ledger-missing', 'The data directory holds no network.');
  const directories = new Map<string, string>();
  for (const member of file.organisations.filter(({ slug }) => slugs.includes(slug))) {
    const own = dataLayout(join(into, member.slug));
    if (!existsSync(own.networkFile)) copyVault(layout, own, member.slug);
    const { network, demonstration } = file;
    // Last, as in a founding: until it is there, the directory is none.
    writeNetworkFile(own, { network, demonstration, organisations: [member], ledgerKey: null });
    directories.set(member.slug, own.directory);
  }
  return directories;
}

function copyVault(from: DataLayout, to: DataLayout, slug: string): void {
  mkdirSync(to.directory, { recursive: true, mode: 0o700 });
  if (readdirSync(to.directory).some((name) => name !== 'orgs')) {
    throw new ServerError('data-directory-foreign', `${to.directory} is neither empty nor a data directory of Salus.`);
  }
  cpSync(from.organisation(slug), to.organisation(slug), { recursive: true, force: true });
}
