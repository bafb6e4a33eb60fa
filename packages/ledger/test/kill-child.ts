import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '@salus/contracts';
import { fromBase64url, signerFromPkcs8 } from '@salus/crypto';
import { createEmbeddedLedger, openEmbeddedLedger } from '../src/embedded/open.ts';
import { NETWORK, newWriter, notebook } from './notebook.ts';

/** Callers that each write one page after the other until the process is killed. */
const CALLERS = 24;

/** Opens or founds a ledger in the folder, writes without end, and says on stdout what was acknowledged, a line a page. */
const folder = process.argv[2]!;
const privateKey = readFileSync(join(folder, 'ledger-key'), 'utf8');
const options = {
  file: join(folder, 'ledger.db'),
  checkpointFile: join(folder, 'outside', 'checkpoint'),
  checkpointSigners: () => [],
  signer: signerFromPkcs8(fromBase64url(privateKey)),
  clock: Date.now,
  runtime: notebook,
};
const ledger =
  process.argv[3] === 'found'
    ? await createEmbeddedLedger({ ...options, network: NETWORK })
    : await openEmbeddedLedger(options);
const writer = newWriter();
await ledger.submit(await writer.enrol());
writeSync(1, 'ready\n');

async function caller(name: string): Promise<never> {
  for (let page = 0; ; page += 1) {
    const key = `page/${writer.id}/${name}/${page}`;
    const value: Json = { page, name };
    const result = await ledger.submit(
      await writer.write([
        [key, value],
        ['hot', page],
      ]),
    );
    if (result.kind !== 'committed') throw new Error(`refused: ${result.code}`);
    // Synchronous: what stands in the pipe before the kill was acknowledged before it.
    writeSync(1, `${key} ${result.callId} ${result.block} ${result.index}\n`);
  }
}

await Promise.all(Array.from({ length: CALLERS }, (_, at) => caller(`caller-${at}`)));
