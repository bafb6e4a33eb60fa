import { newWriter } from './notebook.ts';
import { newPlace } from './open-notebook.ts';

/** Opens a ledger, uses its threads, closes it, and says so: the process has nothing else that keeps it alive. */
const place = newPlace();
const ledger = await place.create();
const writer = newWriter();
await ledger.submit(await writer.enrol());
await ledger.backup(`${place.file}.backup`);
await ledger[Symbol.asyncDispose]();
place.remove();
process.stdout.write('closed\n');
