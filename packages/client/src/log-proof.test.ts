import { logRootKey } from '@salus/contracts';
import {
  canonical,
  generateSigningKey,
  inclusionProof,
  type Json,
  leafHash,
  merkleRoot,
  type Signer,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { signCheckpoint } from '@salus/ledger';
import { hashOfHeader } from '@salus/ledger/proof';
import type { SeenCheckpoint } from '@salus/wallet';
import { beforeAll, expect, test } from 'vitest';
import { auditContentHash, auditEntryHash, type GivenLine } from './audit-line.ts';
import type { SignedHeader } from './ledger-proofs.ts';
import { checkLine, type LogProof } from './log-proof.ts';

const NETWORK = 'N'.repeat(22);
const PID = 'P'.repeat(22);
const NOW_MS = 1_800_000_000_000;
const LINES = 5;
const ROOT_BLOCK = 10;
const hash = (letter: string): string => letter.repeat(43);

interface Proven {
  readonly lines: readonly GivenLine[];
  readonly proof: LogProof;
}

interface Expected {
  readonly network: string;
  readonly pid: string;
  readonly seen: SeenCheckpoint | null;
  readonly anchor: SeenCheckpoint | null;
  readonly nowMs: number;
}

let proven: Proven;
let expected: Expected;
const check = ({ lines, proof }: Proven, change: Partial<Expected> = {}) =>
  checkLine(lines[2]!, proof, { ...expected, ...change });

beforeAll(async () => {
  const ledgerKey = await generateSigningKey();
  const member = await generateSigningKey();
  const ledger = signerFromPkcs8(ledgerKey.privateKey);
  const { lines, root } = makeLog();
  const call = { any: 'call' };
  const outcome = { kind: 'committed', writes: [[logRootKey('hospital-a', 'audit'), root]] } as unknown as Json;
  const leaf = leafHash(utf8(canonical({ call, outcome, timestampMs: NOW_MS })));
  const blocks: SignedHeader[] = [];
  for (let number = ROOT_BLOCK; number <= ROOT_BLOCK + 3; number += 1) {
    blocks.push(await makeBlock(ledger, { number, previousHash: blocks.at(-1)?.hash ?? hash('A'), leaf }));
  }
  const [first, ...headers] = blocks;
  const checkpoint = await signCheckpoint({ network: NETWORK, number: ROOT_BLOCK + 3, hash: blocks.at(-1)!.hash }, [
    { organisation: 'hospital-a', id: 'M'.repeat(22), signer: signerFromPkcs8(member.privateKey) },
  ]);
  const transaction = {
    ...first!,
    transaction: { callId: root.call, block: ROOT_BLOCK, index: 0, timestampMs: NOW_MS, call, outcome },
    inclusion: { leafHash: toBase64url(leaf), index: 0, size: 1, proof: [], root: toBase64url(leaf) },
  };
  const signers = [{ id: 'M'.repeat(22), organisation: 'hospital-a', publicKey: member.publicKey }];
  expected = { network: NETWORK, pid: PID, seen: null, anchor: checkpoint, nowMs: NOW_MS };
  proven = { lines, proof: { organisation: 'hospital-a', root, transaction, headers, checkpoint, signers } };
});

function makeLog() {
  const texts = Array.from({ length: LINES }, (_, seq) =>
    JSON.stringify({ kind: 'read', atMs: NOW_MS, pid: PID, seq }),
  );
  const entries = texts.map((text, seq) => ({
    seq,
    previous: seq === 0 ? null : hash('B'),
    pidToken: 'T'.repeat(22),
    pidSeq: seq + 1,
    sealedHash: hash('C'),
    text,
  }));
  const leaves = entries.map((entry) =>
    leafHash(Buffer.from(auditEntryHash({ ...entry, contentHash: auditContentHash(entry.text) }), 'base64url')),
  );
  const root = { size: LINES, root: toBase64url(merkleRoot(leaves)), call: hash('D') };
  const lines = entries.map((entry, index): GivenLine => {
    const proof = inclusionProof(leaves, index).map(toBase64url);
    return { ...entry, proof: { index, size: LINES, root: root.root, proof } };
  });
  return { lines, root };
}

async function makeBlock(
  ledger: Signer,
  { number, previousHash, leaf }: { readonly number: number; readonly previousHash: string; readonly leaf: Uint8Array },
): Promise<SignedHeader> {
  const header = {
    version: 'salus:block:v1',
    alg: 'ES256',
    network: NETWORK,
    number,
    previousHash,
    timestampMs: NOW_MS,
    count: 1,
    transactionsRoot: toBase64url(leaf),
    writesRoot: hash('E'),
    stateCommitment: hash('F'),
    contracts: { version: '1', bundleHash: hash('G') },
    ledgerKey: ledger.publicKey,
  } as const;
  const blockHash = hashOfHeader(header);
  return { header, hash: blockHash, signature: toBase64url(await ledger.sign(utf8(blockHash))) };
}

test('a line is proven by what was read before, and says by whom', () => {
  expect(check(proven)).toMatchObject({
    state: 'proven',
    block: ROOT_BLOCK,
    blocks: 3,
    followed: true,
    signedBy: ['hospital-a'],
    event: { kind: 'read', pid: PID },
  });
});

test('one changed character anywhere in the line or in its proof is refused', () => {
  const whole = { line: proven.lines[2], proof: proven.proof };
  let tried = 0;
  for (const changed of changesOf(whole as unknown as Json)) {
    const { line, proof } = changed as unknown as { readonly line: GivenLine; readonly proof: LogProof };
    tried += 1;
    expect(() => checkLine(line, proof, expected), JSON.stringify(changed)).toThrow(Error);
  }
  expect(tried).toBeGreaterThan(500);
});

test('the proof of another line, pid or network proves nothing', () => {
  expect(() => checkLine({ ...proven.lines[2]!, proof: proven.lines[1]!.proof }, proven.proof, expected)).toThrow(
    'has no proof',
  );
  expect(() => check(proven, { pid: 'Q'.repeat(22) })).toThrow('about somebody else');
  expect(() => check(proven, { network: 'O'.repeat(22) })).toThrow('another network');
});

test('blocks that leave out or contradict the checkpoint that the wallet has seen are refused', () => {
  const { proof } = proven;
  const seen = { number: ROOT_BLOCK + 1, hash: proof.headers[0]!.hash };
  expect(check(proven, { seen: seen })).toMatchObject({ state: 'proven' });
  expect(() => check(proven, { seen: { ...seen, hash: hash('Z') } })).toThrow('another ledger');
  expect(() => check({ ...proven, proof: { ...proof, headers: proof.headers.slice(1) } })).toThrow('leaves blocks out');
  expect(() => check({ ...proven, proof: { ...proof, headers: [] } })).toThrow('leaves blocks out');
});

test('blocks that end elsewhere than at what the wallet holds on to make a line told, not proven', () => {
  const { proof } = proven;
  expect(check(proven, { anchor: null }).state).toBe('told');
  expect(check(proven, { anchor: { ...expected.anchor!, hash: hash('Z') } }).state).toBe('told');
  const onlyEnds = { ...proof, headers: proof.headers.slice(-1) };
  expect(check({ ...proven, proof: onlyEnds }).state).toBe('told');
});

test('a line of the future is not too new for a proof for ever', () => {
  const late = { ...proven.lines[2]!, seq: LINES, proof: null };
  expect(() => checkLine(late, proven.proof, { ...expected, nowMs: NOW_MS - 3_600_000 })).toThrow('waited too long');
});

test('a checkpoint that nobody signed proves nothing', () => {
  const { proof } = proven;
  const checkpoint = { ...proof.checkpoint, signatures: [] };
  expect(() => check({ ...proven, proof: { ...proof, checkpoint } })).toThrow('Nobody signed');
  expect(() => check({ ...proven, proof: { ...proof, signers: [] } })).toThrow('is not valid');
});

test('a line that no root covers yet is told from one that waits too long for its proof', () => {
  const late = { ...proven.lines[2]!, seq: LINES, proof: null };
  expect(checkLine(late, proven.proof, expected).state).toBe('pending');
  expect(() => checkLine(late, proven.proof, { ...expected, nowMs: NOW_MS + 3_600_000 })).toThrow('waited too long');
});

/** Every value of a JSON tree with one character, digit or null changed, the rest as it was. */
function* changesOf(value: Json): Generator<Json> {
  if (typeof value === 'string') {
    for (const at of new Set([0, value.length >> 1, value.length - 1])) {
      const other = value[at] === 'x' ? 'y' : 'x';
      yield value.slice(0, at) + other + value.slice(at + 1);
    }
    for (let at = 0; value.length > 40 && at < value.length; at += 1) {
      yield `${value.slice(0, at)}${value[at] === '0' ? '1' : '0'}${value.slice(at + 1)}`;
    }
  } else if (typeof value === 'number') yield value + 1;
  else if (value === null) yield 'x';
  else if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) for (const other of changesOf(item)) yield value.with(at, other);
  } else if (typeof value === 'object') {
    for (const [key, item] of Object.entries(value))
      for (const other of changesOf(item)) yield { ...value, [key]: other };
  }
}
