import { FileFolder } from './file-folder.ts';
import { S3Folder } from './s3-folder.ts';
import type { S3Place } from './s3-place.ts';

/** Where objects of one kind lie: a folder, or a prefix of a bucket. Plain data, so that a thread can be given it. */
export type ObjectPlace = string | S3Place;

/** Objects by random names of 22 characters, written once. */
export interface ObjectFolder {
  /** Resolves when object and name are durable, and are the bytes that were given; when it rejects nothing is left. */
  write(id: string, pieces: AsyncIterable<Uint8Array>): Promise<void>;
  /** Undefined when there is none. */
  open(id: string): Promise<OpenObject | undefined>;
  /** A missing object is as good as removed. */
  remove(id: string): Promise<void>;
  /** The ids of all objects, some at a time. */
  list(): AsyncGenerator<readonly string[]>;
}

export interface OpenObject extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Bytes `[start, end)`, fewer at the end. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** Objects end in `.<ending>`. */
export function openFolder(place: ObjectPlace, ending: string): ObjectFolder {
  return typeof place === 'string' ? new FileFolder(place, ending) : new S3Folder(place, ending);
}
