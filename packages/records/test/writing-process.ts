import { writeSync } from 'node:fs';
import { bundleOf } from './bundle.ts';
import { openInstructed } from './instructed.ts';

/** Writes bundles until it is killed; each acknowledged one is a line on stdout before the next begins. */

const { vault, caller, run } = await openInstructed();
const data = Buffer.alloc(300_000, 'x').toString('base64');

async function writeOn(lane: number): Promise<never> {
  for (let at = 0; ; at += 1) {
    const attachment = { contentType: 'text/plain', ...(at % 3 === 0 ? { data } : {}) };
    const text = bundleOf([
      { id: 'p', resourceType: 'Patient', name: [{ family: `${run}-${lane}-${at}` }] },
      {
        id: 'o',
        resourceType: 'Observation',
        status: 'final',
        subject: { reference: 'urn:uuid:p' },
        code: { text: 'x' },
      },
      {
        id: 'd',
        resourceType: 'DocumentReference',
        status: 'current',
        subject: { reference: 'urn:uuid:p' },
        content: [{ attachment }],
      },
    ]);
    const result = await vault.repository.transaction(caller, text);
    if (result.kind === 'refused') throw new Error(result.code);
    writeSync(1, `${result.outcomes.map(({ id }) => id).join(' ')}\n`);
  }
}

await Promise.all([0, 1, 2, 3].map(writeOn));
