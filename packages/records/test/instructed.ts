import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signerFromPkcs8 } from '@salus/crypto';
import { openEmbeddedLedger } from '@salus/ledger';
import { BundleWorkers } from '../src/bundle-workers.ts';
import type { WritingCaller } from '../src/repository.ts';
import { openVault, type Vault, type VaultOptions } from '../src/vault.ts';
import type { Writer } from '../src/vault-types.ts';

interface Instructions {
  readonly directory: string;
  readonly ledgerKey: string;
  readonly masterKey: string;
  readonly database: Pick<VaultOptions, 'postgres'>;
  readonly node: { readonly id: string; readonly key: string };
  readonly writer: Omit<Writer, 'submitter'>;
  readonly run: number;
}

/** Opens the place that stands on the standard input, in a process that is going to be killed. */
export async function openInstructed(): Promise<{
  readonly vault: Vault;
  readonly caller: WritingCaller;
  readonly run: number;
}> {
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
  const caller: WritingCaller = { kind: 'writer', purpose: 'TREAT', writer: { ...instructions.writer, submitter } };
  return { vault, caller, run };
}
