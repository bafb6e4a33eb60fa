import { readFileSync, statSync } from 'node:fs';
import { parseJson } from '@salus/crypto';
import { RecordsError } from '../records-error.ts';

/** A prefix of a bucket, and what opens it. Plain data; it holds a secret. */
export interface S3Place {
  /** Scheme, host and port; the bucket is the first part of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Ends with a slash, or is empty. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);
const SIZE_MAX = 64 * 1024;
const SHAPES = {
  endpoint: /^https?:\/\/[^/?#@]+$/,
  region: /^[a-z0-9-]{1,64}$/,
  bucket: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  prefix: /^(?:[A-Za-z0-9_-]+\/){0,8}$/,
  accessKeyId: /^[\w-]{1,128}$/,
  secretAccessKey: /^[\x21-\x7e]{8,256}$/,
} as const satisfies Record<keyof S3Place, RegExp>;

/**
 * Reads `{"endpoint", "region", "bucket", "prefix"?, "accessKeyId", "secretAccessKey"}`. The file is its owner's alone, and
 * only loopback goes without TLS.
 *
 * @throws RecordsError `bad-input`
 */
export function readS3Place(file: string): S3Place {
  // The permission bits of POSIX; Windows has others and keeps them elsewhere.
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw refused('may be read by others: chmod 600');
  }
  let given: Partial<Record<keyof S3Place, unknown>>;
  try {
    given = parseJson(readFileSync(file), { sizeMax: SIZE_MAX, depthMax: 2 }) as typeof given;
  } catch (cause) {
    throw refused('is not JSON', cause);
  }
  const names = Object.keys(SHAPES) as readonly (keyof S3Place)[];
  for (const name of Object.keys(given)) {
    if (!names.some((known) => known === name)) throw refused(`has a member that is none of ${names.join(', ')}`);
  }
  const text = (name: keyof S3Place): string => {
    const value = given[name] ?? (name === 'prefix' ? '' : undefined);
    if (typeof value === 'string' && SHAPES[name].test(value)) return value;
    throw refused(`lacks ${name}, or it is malformed`);
  };
  const place = {
    endpoint: text('endpoint'),
    region: text('region'),
    bucket: text('bucket'),
    prefix: text('prefix'),
    accessKeyId: text('accessKeyId'),
    secretAccessKey: text('secretAccessKey'),
  };
  if (place.endpoint.startsWith('http:') && !LOOPBACK.has(new URL(place.endpoint).hostname)) {
    throw refused('names an endpoint without TLS');
  }
  return place;
}

/** A folder below. */
export function s3Below(place: S3Place, name: string): S3Place {
  return { ...place, prefix: `${place.prefix}${name}/` };
}

function refused(why: string, cause?: unknown): RecordsError {
  return new RecordsError('bad-input', `the file of the object storage ${why}`, { cause });
}
