import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { generateSigningKeySync, signerFromPkcs8, toBase64url, utf8 } from '@salus/crypto';
import { expect, test } from 'vitest';
import { SignaturePool, type SignatureQuestion } from './signature-pool.ts';

const run = promisify(execFile);
const PROCESS_MS = 60_000;
const key = generateSigningKeySync();
const signer = signerFromPkcs8(key.privateKey);
const payloadText = '{"signed":true}';
const signature = toBase64url(signer.signSync(utf8(payloadText)));
const question = { payloadText, signature, publicKey: key.publicKey };

/** So many that no thread has answered them before a process that waits for nothing has ended. */
const QUESTIONS = 1_000;

const OPENS_A_POOL = `
  import { setTimeout as delay } from 'node:timers/promises';
  import { SignaturePool } from ${JSON.stringify(new URL('./signature-pool.ts', import.meta.url).href)};
  const pool = new SignaturePool(() => {});
  while (!pool.ready) await delay(5);
`;

/** A process in which nothing but the pool's open questions is left to wait for, after the thread has been idle. */
const WAITS_FOR_ANSWERS = `${OPENS_A_POOL}
  const question = ${JSON.stringify(question)};
  const answers = [];
  const answer = (valid) => {
    if (answers.push(valid) === ${QUESTIONS}) process.stdout.write(answers.filter((valid) => valid).length + ' valid');
  };
  await new Promise((resolve) => pool.ask({ ...question, answer: resolve }));
  for (let at = 0; at < ${QUESTIONS}; at += 1)
    pool.ask({ ...question, payloadText: at % 4 === 0 ? 'changed' : question.payloadText, answer });
`;

async function outputOf(text: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'salus-pool-'));
  try {
    const script = join(directory, 'script.mjs');
    await writeFile(script, text);
    return (await run(process.execPath, [script], { timeout: PROCESS_MS })).stdout;
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function ready(pool: SignaturePool): Promise<SignaturePool> {
  await expect.poll(() => pool.ready, { timeout: PROCESS_MS, interval: 5 }).toBe(true);
  return pool;
}

function ask(pool: SignaturePool, changed: Partial<SignatureQuestion> = {}): Promise<boolean | undefined> {
  return new Promise((answer) => {
    pool.ask({ ...question, answer, ...changed });
  });
}

test(
  'keeps a process alive while questions are open, and no longer',
  async () => {
    // A process that ended too early would say nothing; one that the idle thread kept alive would meet the time-out.
    expect(await outputOf(WAITS_FOR_ANSWERS)).toBe(`${(3 * QUESTIONS) / 4} valid`);
    expect(await outputOf(`${OPENS_A_POOL} process.stdout.write('ready');`)).toBe('ready');
  },
  2 * PROCESS_MS,
);

test(
  'answers undefined before a thread is ready and after it was closed, so that nobody waits',
  async () => {
    await using pool = new SignaturePool(() => {});
    expect(pool.ready).toBe(false);
    expect(await ask(pool)).toBeUndefined();
    await ready(pool);
    expect(await ask(pool)).toBe(true);
    await pool[Symbol.asyncDispose]();
    expect(await ask(pool)).toBeUndefined();
  },
  PROCESS_MS,
);

test(
  'answers every open question when its threads are ended',
  async () => {
    const pool = await ready(new SignaturePool(() => {}));
    const answers = Promise.all(Array.from({ length: 200 }, () => ask(pool)));
    await pool[Symbol.asyncDispose]();
    for (const answer of await answers) expect([true, undefined]).toContain(answer);
  },
  PROCESS_MS,
);
