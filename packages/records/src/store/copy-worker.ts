import { closeSync, fsyncSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** Copies one database, as it is at this moment, into a new file: in a thread of its own, since it takes a while. */
const { file, toFile } = workerData as { readonly file: string; readonly toFile: string };
const database = new DatabaseSync(file, { readOnly: true, timeout: 60_000 });
database.prepare('VACUUM INTO ?').run(toFile);
database.close();
const descriptor = openSync(toFile, 'r+');
fsyncSync(descriptor);
closeSync(descriptor);
parentPort?.postMessage('done');
