import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { signerFromPkcs8 } from '@salus/crypto';
import { openEmbeddedLedger } from '@salus/ledger';
import { BundleWorkers } from '../src/bundle-workers.ts';
import type { VaultCaller } from '../src/repository.ts';
import { openVault, type VaultOptions } from '../src/vault.ts';
import type { Writer } from '../src/vault-types.ts';
import { bundleOf } from './bundle.ts';

/** Writes bundles until it is killed; each acknowledged one is a line on stdout before the next begins. */

interface Instructions {
  readonly directory: string;
  readonly ledgerKey: string;
  readonly masterKey: string;
  readonly database: Pick<VaultOptions, 'postgres'>;
  readonly node: { readonly id: string; readonly key: string };
  readonly writer: Omit<Writer, 'submitter'>;
  readonly run: number;
}

const instructions = JSON.parse(readFileSync(0, 'utf8')) as Instructions;
const decode = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'));
const { directory, run } = instructions;
const ledger = await openEmbeddedLedger({
  file: join(directory, 'ledger.sqlite'),
  checkpointFile: join(directory, 'checkpoints.jsonl'),
  signer: signerFromPkcs8(decode(instructions.ledgerKey)),
  checkpointSigners: () => [],
  clock: Date.now,
});
const vault = await openVault({
  ...instructions.database,
  directory: join(directory, 'hospital-a'),
  organisation: 'hospital-a',
  ledger,
  masterKey: decode(instructions.masterKey),
  clock: Date.now,
  workers: new BundleWorkers(1),
});
const submitter = { id: instructions.node.id, signer: signerFromPkcs8(decode(instructions.node.key)) };
const caller: VaultCaller = { kind: 'writer', purpose: 'TREAT', writer: { ...instructions.writer, submitter } };
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
