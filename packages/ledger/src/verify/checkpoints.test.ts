import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Checkpoint, type CheckpointSigner, signCheckpoint } from '../checkpoint.ts';
import { type Consortium, createConsortium, newId, newKey, newPatient } from '../conformance/consortium.ts';
import { createEmbeddedLedger, openEmbeddedLedger } from '../embedded/open.ts';
import { verifyLedger } from './verify.ts';

let folder: string;
let file: string;
let checkpointFile: string;
let consortium: Consortium;
let head: Checkpoint;
const ledgerKey = newKey();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'salus-checkpoints-'));
  file = join(folder, 'ledger.db');
  checkpointFile = join(folder, 'outside', 'checkpoint');
  const network = newId();
  consortium = await createConsortium({ network, nowMs: Date.now });
  const { organisation, node } = consortium;
  await using ledger = await createEmbeddedLedger({
    file,
    checkpointFile,
    checkpointSigners: () => [{ organisation, id: node.id, signer: node.key }],
    signer: ledgerKey,
    clock: Date.now,
    network,
  });
  for (const { call } of await consortium.founding()) await ledger.submit(call);
  await ledger.submit((await consortium.register(newPatient())).call);
  head = await ledger.checkpoint();
});

afterAll(() => rmSync(folder, { recursive: true }));

const sign = (place: Partial<Checkpoint>, organisation = consortium.organisation, key = consortium.node.key) =>
  signCheckpoint({ network: head.network, number: head.number, hash: head.hash, ...place }, [
    { organisation, id: consortium.node.id, signer: key },
  ]);

describe('checkpoints', () => {
  it('are compared, and their signatures verified under the keys of enrolled members', async () => {
    const report = await verifyLedger(file, { checkpointFile, checkpoints: [head] });
    expect(report.findings).toEqual([]);
    // Blocks 0 and 1 are older than the enrolment of the node that signs.
    expect(report.checkpoint).toEqual({ kind: 'compared', compared: 5, newest: 3, signatures: 3 });
  });

  it('are signed by those who come after the ledger was opened, before there is another block', async () => {
    const signers: CheckpointSigner[] = [];
    const options = { file, checkpointFile, checkpointSigners: () => signers, signer: ledgerKey, clock: Date.now };
    await using ledger = await openEmbeddedLedger(options);
    expect((await ledger.checkpoint()).signatures).toEqual([]);
    const { organisation, node } = consortium;
    signers.push({ organisation, id: node.id, signer: node.key });
    const signed = await ledger.checkpoint();
    expect(signed).toMatchObject({ number: head.number, hash: head.hash, signatures: [{ organisation }] });
    expect((await verifyLedger(file, { checkpoints: [signed] })).findings).toEqual([]);
  });

  it('of others show a ledger that was cut back or replaced', async () => {
    const cases: [code: string, checkpoint: Checkpoint][] = [
      ['checkpoint', await sign({ number: 9 })],
      ['checkpoint', await sign({ hash: 'A'.repeat(43) })],
      ['checkpoint', await sign({ network: newId() })],
      ['checkpoint-signature', await sign({}, consortium.organisation, newKey())],
      ['checkpoint-signature', await sign({}, 'hospital-b')],
      ['checkpoint-signature', { ...head, signatures: [{ ...head.signatures[0]!, signature: 'short' }] }],
    ];
    for (const [code, checkpoint] of cases) {
      const { findings } = await verifyLedger(file, { checkpoints: [checkpoint] });
      expect(findings).toMatchObject([{ code, block: checkpoint.number }]);
    }
    expect(cases.length).toBe(6);
  });

  it('in a damaged file are a finding, not an error', async () => {
    const damaged = join(folder, 'damaged');
    writeFileSync(damaged, 'no checkpoint\nnor this\n');
    const report = await verifyLedger(file, { checkpointFile: damaged });
    expect(report.findings).toMatchObject([{ code: 'checkpoint' }]);
    expect(report.checkpoint).toEqual({ kind: 'absent' });
  });
});
