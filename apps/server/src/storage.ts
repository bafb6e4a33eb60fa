import { type PostgresPlace, postgresPlace, type VaultOptions } from '@salus/records';
import type { Settings } from './settings.ts';

/** Where records lie when not in the data directory. */
export type StorageSettings = Partial<Pick<Settings, 'databaseUrl'>>;

/** What the vault of one organisation is opened with. */
export function storageOf(settings: StorageSettings, slug: string): Pick<VaultOptions, 'postgres'> {
  const postgres = findPostgres(settings, slug);
  return postgres === undefined ? {} : { postgres };
}

export function findPostgres({ databaseUrl }: StorageSettings, slug: string): PostgresPlace | undefined {
  return databaseUrl === undefined || databaseUrl === null ? undefined : postgresPlace(databaseUrl, slug);
}
