import { randomBytes as nodeRandomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { S3_MARK } from '../elsewhere.ts';
import { newId } from '../index-rows.ts';
import { FilePacks, type Packs, syncDirectory } from '../packs.ts';
import { RecordsError } from '../records-error.ts';
import { FileFolder } from './file-folder.ts';
import type { ObjectFolder, ObjectPlace } from './object-folder.ts';
import { S3Client, textOf } from './s3-client.ts';
import { S3Folder } from './s3-folder.ts';
import { S3Packs } from './s3-packs.ts';
import { type S3Place, s3Below } from './s3-place.ts';

const READ_BYTES = 8 * 1024 * 1024;
const MARK_VERSION = 'salus:s3:v1';
/** Folders by the ending of their objects. */
const ENDINGS = { packs: 'pack', attachments: 'attachment', exports: 'attachment' } as const;
type Folder = keyof typeof ENDINGS;
const FOLDERS = Object.keys(ENDINGS) as readonly Folder[];

/** All objects of one organisation. */
export interface ObjectArea {
  readonly packs: Packs;
  place(folder: 'attachments' | 'exports'): ObjectPlace;
  /** Copies packs and attachments that the folder `objects` of a copy lacks. */
  copyMissing(toObjects: string): Promise<void>;
}

/**
 * Opens the objects of an organisation's directory: its folder `objects`, or a bucket, into which objects that are in the
 * folder move. As with the database, a directory whose objects are in a bucket opens with nothing else.
 *
 * @throws RecordsError `store-refused`, `store-unavailable`
 */
export async function openObjects(directory: string, s3: S3Place | undefined): Promise<ObjectArea> {
  const mark = findMark(directory);
  const local = join(directory, 'objects');
  if (s3 === undefined) {
    if (mark === undefined) return fileArea(local);
    throw new RecordsError('store-refused', 'the objects of this data directory are in a bucket: name it');
  }
  const named = { version: MARK_VERSION, endpoint: s3.endpoint, bucket: s3.bucket, prefix: s3.prefix };
  if (mark !== undefined && mark !== JSON.stringify(named)) {
    throw new RecordsError('store-refused', 'the objects of this data directory are in another bucket');
  }
  await demandUsable(s3);
  if (mark === undefined) {
    for (const folder of FOLDERS) await copyAll(fileFolder(local, folder), s3Folder(s3, folder));
    await writeMark(directory, JSON.stringify(named));
  }
  // What is erased from now on must not remain in a file that nobody looks at.
  await rm(local, { recursive: true, force: true });
  return s3Area(s3);
}

function fileArea(directory: string): ObjectArea {
  return {
    packs: new FilePacks(join(directory, 'packs')),
    place: (folder) => join(directory, folder),
    copyMissing: async (to) => {
      for (const folder of ['packs', 'attachments'] as const) {
        await copyAll(fileFolder(directory, folder), fileFolder(to, folder));
      }
    },
  };
}

function s3Area(place: S3Place): ObjectArea {
  return {
    packs: new S3Packs(s3Below(place, 'packs')),
    place: (folder) => s3Below(place, folder),
    copyMissing: async (to) => {
      for (const folder of ['packs', 'attachments'] as const) {
        await copyAll(s3Folder(place, folder), fileFolder(to, folder));
      }
    },
  };
}

function fileFolder(directory: string, folder: Folder): ObjectFolder {
  return new FileFolder(join(directory, folder), ENDINGS[folder]);
}

function s3Folder(place: S3Place, folder: Folder): ObjectFolder {
  return new S3Folder(s3Below(place, folder), ENDINGS[folder]);
}

async function copyAll(from: ObjectFolder, to: ObjectFolder): Promise<void> {
  const present = new Set<string>();
  for await (const ids of to.list()) for (const id of ids) present.add(id);
  for await (const ids of from.list()) {
    for (const id of ids) if (!present.has(id)) await copyOne(from, to, id);
  }
}

/** An object may be taken away meanwhile: the pack of a batch that the ledger refused. */
async function copyOne(from: ObjectFolder, to: ObjectFolder, id: string): Promise<void> {
  await using object = await from.open(id);
  if (object === undefined) return;
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < object.sizeBytes; at += READ_BYTES) {
      yield await object.read(at, Math.min(object.sizeBytes, at + READ_BYTES));
    }
  };
  await to.write(id, pieces());
}

/**
 * Tries what the vault rests on: bytes come back as they went, wrong ones are refused, and a deleted object is gone (a
 * bucket that keeps versions would keep what was erased).
 */
async function demandUsable(place: S3Place): Promise<void> {
  const versioning = await new S3Client(place).ask({ method: 'GET', key: '', query: { versioning: '' } }, [404, 501]);
  if (textOf(versioning, 'Status') === 'Enabled') {
    throw new RecordsError('store-refused', 'the bucket keeps versions of its objects: what is erased would remain');
  }
  const folder = new S3Folder(s3Below(place, 'probes'), 'probe');
  const [id, bytes] = [newId(), nodeRandomBytes(64)];
  await folder.put(id, bytes);
  const back = await folder.read(id, 0, bytes.length);
  await folder.remove(id);
  if (!bytes.equals(back) || (await folder.open(id)) !== undefined) {
    throw new RecordsError(
      'store-refused',
      'the bucket does not give back what it was given, or keeps what was deleted',
    );
  }
}

function findMark(directory: string): string | undefined {
  const file = join(directory, S3_MARK);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
}

async function writeMark(directory: string, text: string): Promise<void> {
  const path = join(directory, S3_MARK);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(directory);
}
