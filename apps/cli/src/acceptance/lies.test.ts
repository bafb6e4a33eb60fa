import { generateSigningKey, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { hashOfHeader } from '@salus/ledger/proof';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Demonstration, openDemonstration, openDesk, type Ran } from './desk.ts';

const TIMEOUT_MS = 120_000;

let demonstration: Demonstration;

beforeAll(async () => {
  demonstration = await openDemonstration();
}, TIMEOUT_MS);

afterAll(() => demonstration[Symbol.asyncDispose]());

type Answer = ReturnType<typeof JSON.parse>;

/** A command line against a node that answers one path otherwise than it should. */
async function lied(
  path: RegExp,
  lie: (answer: Answer) => void | Promise<void>,
  ...words: readonly string[]
): Promise<Ran> {
  let told = 0;
  const lying = async (url: URL | string | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(url, init);
    if (!path.test(new URL(String(url)).pathname) || !response.ok) return response;
    const text = await response.text();
    const answer: Answer = JSON.parse(text);
    await lie(answer);
    if (JSON.stringify(answer) !== text) told += 1;
    return new Response(JSON.stringify(answer), { status: response.status });
  };
  const { home } = demonstration.desk;
  const desk = openDesk({ home, environment: { SALUS_PUBLIC_URL: demonstration.url() }, fetch: lying as typeof fetch });
  const ran = await desk.salus(...words, '--json');
  expect(told, words.join(' ')).toBeGreaterThan(0);
  return ran;
}

const AUDIT = ['audit', '--at', 'hospital-a', '--as', 'patient-1'];
const AUDIT_PATH = /\/patient\/audit$/;
const firstProven = (answer: Answer): Answer => answer.lines.find(({ proof }: Answer) => proof !== null);
const other = (hash: string): string => (hash.startsWith('A') ? 'B' : 'A') + hash.slice(1);

describe('a node that lies to a patient about the audit log', () => {
  it.each<[string, (answer: Answer) => void]>([
    [
      'another outcome',
      (answer) => {
        const line = firstProven(answer);
        line.text = line.text.replace(/"outcome":"[^"]+"/, '"outcome":"other"');
      },
    ],
    [
      'other bytes of the same meaning',
      (answer) => (firstProven(answer).text = firstProven(answer).text.replace('"kind":', '"kind" :')),
    ],
    ['a line left out', (answer) => answer.lines.splice(1, 1)],
    ['a log that ends too early', (answer) => (answer.lines = answer.lines.filter(({ pidSeq }: Answer) => pidSeq > 3))],
    ['lines in another order', (answer) => answer.lines.reverse()],
    ['a line without its proof', (answer) => (firstProven(answer).proof = null)],
    ['the proof of another line', (answer) => (firstProven(answer).proof.index += 1)],
    ['a root of its own', (answer) => (answer.root.root = other(answer.root.root))],
    ['a shorter log', (answer) => (answer.root.size -= 1)],
  ])(
    'is found out: %s',
    async (_what, lie) => {
      // The log's newest root covers everything but this log-in.
      const honest = await demonstration.desk.salus(...AUDIT);
      expect(honest.exit, honest.stderr).toBe(EXIT.ok);
      const ran = await lied(AUDIT_PATH, lie, ...AUDIT);
      expect(ran.exit, ran.stdout).toBe(EXIT.refused);
      expect(ran.json()).toMatchObject({ error: { code: 'proof-invalid' } });
    },
    TIMEOUT_MS,
  );
});

describe('a node that proves the audit log by a ledger of its own making', () => {
  it(
    'is found out by the blocks that lead from the log’s root to what the wallet has seen',
    async () => {
      expect((await demonstration.desk.salus(...AUDIT)).exit).toBe(EXIT.ok);
      const own = await generateSigningKey();
      const signer = signerFromPkcs8(own.privateKey);
      // The same call in the same place, in a block that a drawn key signed: by itself it fits in every way.
      const resign = async (answer: Answer): Promise<void> => {
        answer.header.ledgerKey = own.publicKey;
        answer.hash = hashOfHeader(answer.header);
        answer.signature = toBase64url(await signer.sign(utf8(answer.hash)));
      };
      const ran = await lied(/\/ledger\/transactions\//, resign, ...AUDIT);
      expect(ran.exit, ran.stdout).toBe(EXIT.refused);
      expect(ran.json()).toMatchObject({ error: { code: 'proof-invalid' } });
      // A chain of such blocks, up to a number that the wallet has not seen, leads from nothing that it has.
      const later = async (answer: Answer): Promise<void> => {
        answer.header.number += 1_000_000;
        answer.transaction.block = answer.header.number;
        await resign(answer);
      };
      expect((await lied(/\/ledger\/transactions\//, later, ...AUDIT)).json()).toMatchObject({
        error: { code: 'proof-invalid' },
      });
    },
    TIMEOUT_MS,
  );
});

describe('a node that shows another ledger', () => {
  const CHECKPOINT = /\/ledger\/checkpoint$/;
  it.each<[string, (answer: Answer) => void, string]>([
    ['cut back', (answer) => (answer.checkpoint.number = 3), 'checkpoint-went-back'],
    [
      'replaced',
      (answer) => Object.assign(answer.checkpoint, { number: 1_000_000, hash: other(answer.checkpoint.hash) }),
      // Its signatures are of the other hash; no block is asked for then.
      'proof-invalid',
    ],
    ['of another network', (answer) => (answer.checkpoint.network = other(answer.checkpoint.network)), 'proof-invalid'],
    [
      'with a foreign signature',
      (answer) => (answer.checkpoint.signatures[0].signature = other(answer.checkpoint.signatures[0].signature)),
      'proof-invalid',
    ],
  ])(
    'is found out by the wallet’s own checkpoint: %s',
    async (_what, lie, code) => {
      expect((await demonstration.desk.salus(...AUDIT)).exit).toBe(EXIT.ok);
      const ran = await lied(CHECKPOINT, lie, ...AUDIT);
      expect(ran.exit, ran.stdout).toBe(EXIT.refused);
      expect(ran.json()).toMatchObject({ error: { code } });
    },
    TIMEOUT_MS,
  );

  it(
    'is found out by the proofs of blocks and calls',
    async () => {
      const blocks = ['ledger', 'blocks', '--as', 'a.rossi'];
      const lies: readonly ((answer: Answer) => void)[] = [
        (answer) => (answer.blocks[0].header.timestampMs += 1),
        (answer) => (answer.blocks[0].hash = other(answer.blocks[0].hash)),
        (answer) => (answer.blocks[0].signature = other(answer.blocks[0].signature)),
      ];
      for (const lie of lies) {
        const ran = await lied(
          /\/ledger\/blocks$/,
          (answer) => (answer.blocks.length > 0 ? lie(answer) : undefined),
          ...blocks,
        );
        expect(ran.json()).toMatchObject({ error: { code: 'proof-invalid' } });
      }
      const listed = await demonstration.desk.salus(
        'ledger',
        'transactions',
        '--limit',
        '1',
        '--json',
        '--as',
        'a.rossi',
      );
      const { callId } = listed.json<{ transactions: readonly { callId: string }[] }>().transactions[0]!;
      const one = ['ledger', 'transaction', callId, '--as', 'a.rossi'];
      expect((await demonstration.desk.salus(...one)).exit).toBe(EXIT.ok);
      const changed = await lied(/\/ledger\/transactions\//, (answer) => (answer.transaction.timestampMs += 1), ...one);
      expect(changed.json()).toMatchObject({ error: { code: 'proof-invalid' } });
    },
    TIMEOUT_MS,
  );
});
