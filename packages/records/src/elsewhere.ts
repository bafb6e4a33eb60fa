import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Says that a directory's records are in PostgreSQL, and in which store: it holds nothing secret. */
export const POSTGRES_MARK = 'records.postgresql.json';
/** Says that a directory's objects are in a bucket, and in which; it holds no secret. */
export const S3_MARK = 'objects.s3.json';

/** What of an organisation's directory is not in it: to verify it, a backup is made, which holds all of it as files. */
export function findElsewhere(directory: string): readonly string[] {
  return [
    ...(existsSync(join(directory, POSTGRES_MARK)) ? ['records in PostgreSQL'] : []),
    ...(existsSync(join(directory, S3_MARK)) ? ['objects in a bucket'] : []),
  ];
}
