import type { NodeSession, RecordProof } from '@salus/client';
import {
  type CallPayload,
  callId,
  canonical,
  concatBytes,
  fromBase64url,
  generateSigningKey,
  hashTuple,
  type Json,
  leafHash,
  sha256,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { parseFhirJson } from '@salus/fhir/parse';
import { hashOfHeader } from '@salus/ledger/proof';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HeldLedger } from '../../session/index.ts';
import { entryOf } from './chart-entry.ts';
import { checkAnchored, checkShown } from './shown-proof.ts';

const NETWORK = 'N'.repeat(22);
const hash = (letter: string): string => letter.repeat(43);
const TEXT =
  '{"resourceType":"Observation","id":"k","meta":{"versionId":"2"},"valueQuantity":{"value":6.90,"unit":"mmol/L"}}';
const refused = expect.objectContaining({ code: 'proof-invalid' });
const shown = (text: string) => entryOf(parseFhirJson(text), 'hospital-a');

let proof: RecordProof;
beforeAll(async () => {
  proof = await proofOf(TEXT, 'Observation/k/_history/2');
});

async function proofOf(plaintext: string, resource: string): Promise<RecordProof> {
  const ledger = signerFromPkcs8((await generateSigningKey()).privateKey);
  const salt = hash('A');
  const contentHash = toBase64url(sha256(concatBytes(fromBase64url(salt), utf8(plaintext))));
  const names = { recordId: 'r', version: 2, keyId: 'k', ciphertextHash: hash('C') };
  const tuple = hashTuple('leaf', names.recordId, names.version, names.keyId, names.ciphertextHash, contentHash);
  const root = toBase64url(leafHash(fromBase64url(tuple)));
  const payload = { network: NETWORK, signer: 'id:writer' };
  const id = callId(payload as unknown as CallPayload);
  const transaction = {
    call: { payload },
    outcome: { kind: 'committed', writes: [[`record/root/k/${id}`, { root, count: 1 }]] },
    timestampMs: 1,
  };
  const leaf = leafHash(utf8(canonical(transaction as unknown as Json)));
  const header = {
    version: 'salus:block:v1',
    alg: 'ES256',
    network: NETWORK,
    number: 7,
    previousHash: hash('A'),
    timestampMs: 1,
    count: 1,
    transactionsRoot: toBase64url(leaf),
    writesRoot: hash('E'),
    stateCommitment: hash('F'),
    contracts: { version: '1', bundleHash: hash('G') },
    ledgerKey: ledger.publicKey,
  } as const;
  const blockHash = hashOfHeader(header);
  return {
    version: 'salus:record-proof:v1',
    network: NETWORK,
    resource,
    record: { ...names, contentHash, salt, plaintext },
    batch: { callId: id, index: 0, count: 1, root, proof: [] },
    transaction: transaction as unknown as RecordProof['transaction'],
    inclusion: { index: 0, size: 1, proof: [] },
    block: { header, hash: blockHash, signature: toBase64url(await ledger.sign(utf8(blockHash))) },
    headers: [],
    checkpoint: {
      network: NETWORK,
      number: 7,
      hash: blockHash,
      signatures: [],
    } as unknown as RecordProof['checkpoint'],
  };
}

describe('the proof of a shown entry', () => {
  it('is about the very text on the screen', () => {
    expect(checkShown(shown(TEXT), proof)).toMatchObject({ block: 7, writer: 'id:writer', isFollowed: true });
  });

  it('is refused where the screen shows another value, digit or element', () => {
    for (const other of [
      TEXT.replace('6.90', '3.90'),
      TEXT.replace('6.90', '6.9'),
      TEXT.replace('"unit"', '"comparator":"<","unit"'),
    ]) {
      expect(() => checkShown(shown(other), proof)).toThrow(refused);
    }
  });

  it('is refused where it is of another record or version than the one that is shown', async () => {
    const second = TEXT.replace('"id":"k"', '"id":"l"');
    expect(() => checkShown(shown(second), proof)).toThrow(refused);
    const older = TEXT.replace('"versionId":"2"', '"versionId":"1"');
    expect(() => checkShown(shown(older), proof)).toThrow(refused);
  });

  it('says so where no blocks lead to the point that the node names', () => {
    expect(checkShown(shown(TEXT), { ...proof, headers: null }).isFollowed).toBe(false);
  });

  it('does not compare the links that a reading adds to a Patient, and everything else of it', async () => {
    const patient = '{"resourceType":"Patient","id":"p","meta":{"versionId":"2"},"active":true}';
    const ofPatient = await proofOf(patient, 'Patient/p/_history/2');
    const linked = patient.replace(
      '"active":true',
      '"active":true,"link":[{"other":{"reference":"Patient/q"},"type":"seealso"}]',
    );
    expect(checkShown(shown(linked), ofPatient).block).toBe(7);
    expect(() => checkShown(shown(linked.replace('"seealso"', '"replaces"')), ofPatient)).toThrow(refused);
    expect(() => checkShown(shown(linked.replace('true', 'false')), ofPatient)).toThrow(refused);
  });
});

describe('what stands behind a checked proof', () => {
  const session = {} as NodeSession;
  const seen = (isAnchored: boolean, sinceMs: number | null) =>
    ({ checkpoint: proof.checkpoint, isAnchored, sinceMs }) as unknown as HeldLedger;
  const anchorOf = async (ledger: HeldLedger) => checkAnchored(session, shown(TEXT), { proof, ledger });

  it('is the point that this browser kept before, since when it says', async () => {
    expect(await anchorOf(seen(true, 5))).toMatchObject({ anchor: 'held', sinceMs: 5 });
  });

  it('is the node’s word at first sight, and where no blocks lead to what was kept', async () => {
    expect(await anchorOf(seen(false, null))).toMatchObject({ anchor: 'new', sinceMs: null });
    expect(await anchorOf(seen(false, 5))).toMatchObject({ anchor: 'apart' });
  });

  it('is nothing where the proof is of another network', async () => {
    const other = { ...seen(true, 5), checkpoint: { ...proof.checkpoint, network: 'M'.repeat(22) } };
    await expect(anchorOf(other as HeldLedger)).rejects.toThrow(refused);
  });
});
