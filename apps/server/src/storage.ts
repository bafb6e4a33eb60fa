import { type PostgresPlace, postgresPlace, readS3Place, s3Below, type VaultOptions } from '@salus/records';
import type { Node } from './node.ts';
import type { Settings } from './settings.ts';

/** Where records and objects lie when not in the data directory. */
export type StorageSettings = Partial<Pick<Settings, 'databaseUrl' | 'objectsFile'>>;

/** What the vault of one organisation is opened with: a schema and a prefix of its own. */
export function storageOf(settings: StorageSettings, slug: string): Pick<VaultOptions, 'postgres' | 's3'> {
  const postgres = findPostgres(settings, slug);
  const file = settings.objectsFile ?? null;
  return {
    ...(postgres === undefined ? {} : { postgres }),
    ...(file === null ? {} : { s3: s3Below(readS3Place(file), slug) }),
  };
}

export function findPostgres({ databaseUrl }: StorageSettings, slug: string): PostgresPlace | undefined {
  return databaseUrl === undefined || databaseUrl === null ? undefined : postgresPlace(databaseUrl, slug);
}

/** Where records and objects lie, without any address. */
export function kindOfStorage({ databaseUrl, objectsFile }: StorageSettings): Node['storage'] {
  return {
    database: (databaseUrl ?? null) === null ? 'sqlite' : 'postgresql',
    objects: (objectsFile ?? null) === null ? 'files' : 's3',
  };
}
