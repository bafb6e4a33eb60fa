import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '@salus/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { type Demonstration, openDemonstration, openDesk } from './desk.ts';

const START_MS = 120_000;

let demonstration: Demonstration;
let proof: string;
let checkpoint: Checkpoint;
beforeAll(async () => {
  demonstration = await openDemonstration();
  const token = await logIn('a.rossi');
  const found = JSON.parse(await read(token, 'Observation?_count=1')) as {
    readonly entry: readonly { readonly resource: { readonly id: string } }[];
  };
  proof = await read(token, `Observation/${found.entry[0]!.resource.id}/$proof`);
  ({ checkpoint } = JSON.parse(proof) as { checkpoint: Checkpoint });
}, START_MS);
afterAll(() => demonstration?.[Symbol.asyncDispose]());

async function logIn(account: string): Promise<string> {
  const file = join(demonstration.desk.configDirectory, 'demonstration', 'credentials.json');
  const { staff } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly staff: readonly { readonly account: string; readonly password: string }[];
  };
  const { password } = staff.find((credential) => credential.account === account)!;
  const answer = await fetch(`${demonstration.url()}/api/v1/orgs/hospital-a/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ account, password }),
  });
  return ((await answer.json()) as { readonly token: string }).token;
}

async function read(token: string, path: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${demonstration.url()}/hospital-a/fhir/R4/${path}`, { headers });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(text);
  return text;
}

describe('salus verify-proof', () => {
  const check = async (text: string, own: unknown = checkpoint) => {
    using desk = openDesk();
    writeFileSync(join(desk.home, 'proof.json'), text);
    writeFileSync(join(desk.home, 'checkpoint.json'), JSON.stringify(own));
    const [file, saved] = ['proof.json', 'checkpoint.json'].map((name) => join(desk.home, name));
    return await desk.salus('verify-proof', file!, '--checkpoint', saved!);
  };

  it('says that a record stands on the ledger', async () => {
    const { exit, stdout, stderr } = await check(proof);
    expect(exit, stderr).toBe(EXIT.ok);
    expect(stdout).toMatch(/^Observation\/[^ ]+\/_history\/1 was committed in block \d+/);
  });

  it('proves nothing where no blocks lead to the checkpoint, and without a checkpoint of one’s own', async () => {
    const unconnected = await check(JSON.stringify({ ...JSON.parse(proof), headers: null }));
    expect(unconnected.exit).toBe(EXIT.refused);
    expect(unconnected.stdout).toContain('is not proven');
    expect(unconnected.stdout).not.toContain('every step holds');
    using desk = openDesk();
    const file = join(desk.home, 'proof.json');
    writeFileSync(file, proof);
    const alone = await desk.salus('verify-proof', file);
    expect(alone.exit).toBe(EXIT.refused);
    expect(alone.stdout).not.toContain('every step holds');
  });

  it('refuses a changed text, a changed root, and the checkpoint of another ledger', async () => {
    const { contentHash } = JSON.parse(proof).record as { readonly contentHash: string };
    const first = contentHash.startsWith('A') ? 'B' : 'A';
    for (const changed of [
      proof.replace('final', 'FINAL'),
      proof.replaceAll(contentHash, `${first}${contentHash.slice(1)}`),
      proof.replace('"kind":"committed"', '"kind":"refused"'),
    ]) {
      expect(changed).not.toBe(proof);
      expect((await check(changed)).exit).toBe(EXIT.refused);
    }
    const { hash } = checkpoint;
    const other = { ...checkpoint, hash: `${hash.startsWith('A') ? 'B' : 'A'}${hash.slice(1)}` };
    expect((await check(proof, other)).exit).toBe(EXIT.refused);
    expect((await check('{}')).exit).not.toBe(EXIT.ok);
  });
});
