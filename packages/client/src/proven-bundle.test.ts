import { sha256, toBase64url, utf8 } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { joinProofs, splitProofs } from './proof-collection.ts';
import { proofsIn, provenBundle } from './proven-bundle.ts';
import type { RecordProof } from './record-proof.ts';

const NETWORK = 'network';
let drawn = 0;
const drawId = () => `00000000-0000-4000-8000-${String(++drawn).padStart(12, '0')}`;

const header = (number: number) => ({ number, previousHash: `hash-${number - 1}` });

/** A proof of the right form; that its steps hold is another matter. */
function proofOf(text: string, { block = 3, checkpoint = 5 } = {}): RecordProof {
  const hash = toBase64url(sha256(utf8(text)));
  return {
    version: 'salus:record-proof:v1',
    network: NETWORK,
    resource: `Observation/${hash.slice(0, 8)}/_history/1`,
    record: {
      recordId: hash,
      version: 1,
      keyId: 'k',
      ciphertextHash: 'c',
      contentHash: hash,
      salt: 's',
      plaintext: text,
    },
    batch: { callId: `call-${block}`, index: 0, count: 1, root: 'r', proof: [] },
    transaction: { call: {}, outcome: {}, timestampMs: 1 },
    inclusion: { index: 0, size: 1, proof: [] },
    block: { header: header(block), hash: `hash-${block}`, signature: 's' },
    headers: Array.from({ length: checkpoint - block }, (_, at) => header(block + 1 + at)),
    checkpoint: { network: NETWORK, number: checkpoint, hash: `hash-${checkpoint}`, signatures: [] },
  } as unknown as RecordProof;
}

const bundleOf = (texts: readonly string[], proofs: readonly RecordProof[]): string =>
  provenBundle({
    network: NETWORK,
    resources: texts.map((text, at) => ({ fullUrl: `https://node.example/Observation/${at}`, text })),
    proofs,
    madeMs: 0,
    drawId,
  });

describe('a collection of proofs', () => {
  it('gives back what it was joined from', () => {
    const proofs = [proofOf('{"a":1}'), proofOf('{"b":1}'), proofOf('{"c":1}', { block: 4 })];
    expect(splitProofs(joinProofs(NETWORK, proofs))).toEqual(proofs);
  });

  it('leads every proof to the newest checkpoint that the headers of all reach', () => {
    const early = proofOf('{"a":1}', { block: 3, checkpoint: 5 });
    const late = proofOf('{"b":1}', { block: 6, checkpoint: 8 });
    const [one, two] = splitProofs(joinProofs(NETWORK, [early, late]));
    expect([one!.checkpoint.number, two!.checkpoint.number]).toEqual([8, 8]);
    expect(one!.headers!.map(({ number }) => number)).toEqual([4, 5, 6, 7, 8]);
  });

  it('leaves a proof its own checkpoint where headers are missing between', () => {
    const early = proofOf('{"a":1}', { block: 3, checkpoint: 5 });
    const late = proofOf('{"b":1}', { block: 20, checkpoint: 22 });
    expect(splitProofs(joinProofs(NETWORK, [early, late]))).toEqual([early, late]);
  });

  it('is refused with a header, a commit or a checkpoint less, and under another version', () => {
    const joined = joinProofs(NETWORK, [proofOf('{"a":1}')]);
    for (const broken of [
      { ...joined, headers: joined.headers.slice(0, -1) },
      { ...joined, commits: {} },
      { ...joined, checkpoints: [] },
      { ...joined, version: 'v2' },
      null,
      {},
    ]) {
      expect(() => splitProofs(broken)).toThrow(expect.objectContaining({ code: 'proof-invalid' }));
    }
  });
});

describe('a bundle with proofs', () => {
  const text = '{ "resourceType": "Observation",  "valueQuantity": {"value": 1.50} }';

  it('holds each resource byte for byte, and its proofs', () => {
    const bundle = bundleOf([text], [proofOf(text)]);
    expect(bundle).toContain(text);
    expect(proofsIn(bundle)).toEqual({ proofs: [proofOf(text)], resources: 1, without: [] });
    expect(JSON.parse(bundle)).toMatchObject({ resourceType: 'Bundle', type: 'collection' });
  });

  it('still proves its resources after a system has printed it again', () => {
    const bundle = bundleOf([text], [proofOf(text)]);
    const printed = bundle.replace(text, '{"resourceType":"Observation","valueQuantity":{"value":1.50}}');
    expect(proofsIn(printed).proofs).toHaveLength(1);
  });

  it('is refused when a digit of a resource is another, even one that weighs nothing', () => {
    const bundle = bundleOf([text], [proofOf(text)]);
    const changed = bundle.replace('1.50', '1.5');
    expect(changed).not.toBe(bundle);
    expect(() => proofsIn(changed)).toThrow(expect.objectContaining({ code: 'proof-invalid' }));
  });

  it('may hold a large attachment itself where the proof names it', () => {
    const named = '{"resourceType":"Binary","data":"salus-attachment:v1:a:b:c:1:base64"}';
    const bundle = bundleOf(['{"resourceType":"Binary","data":"AAAA"}'], [proofOf(named)]);
    expect(proofsIn(bundle).proofs).toHaveLength(1);
    expect(() => proofsIn(bundle.replace('"AAAA"', '"AAAA","contentType":"x"'))).toThrow('does not hold');
  });

  it('holds every other content of a resource with a large attachment to its proof', () => {
    const small = (data: string) => `{"resourceType":"DocumentReference","content":[${data},{"data":"BBBB"}]}`;
    const named = small('{"data":"salus-attachment:v1:a:b:c:1:base64"}');
    const bundle = bundleOf([small('{"data":"AAAA"}')], [proofOf(named)]);
    expect(proofsIn(bundle).proofs).toHaveLength(1);
    expect(() => proofsIn(bundle.replace('"BBBB"', '"CCCC"'))).toThrow('does not hold');
  });

  it('names what it holds without a proof', () => {
    const more = '{"resourceType":"Observation","id":"added","valueString":"never written"}';
    expect(proofsIn(bundleOf([text, more], [proofOf(text)]))).toMatchObject({
      resources: 2,
      without: ['Observation/added'],
    });
  });

  it('is refused without proofs, and when it is no bundle', () => {
    for (const other of ['{"resourceType":"Bundle","type":"collection"}', '{"resourceType":"Patient"}', '[]', 'x']) {
      expect(() => proofsIn(other)).toThrow(expect.objectContaining({ code: 'proof-invalid' }));
    }
  });
});
