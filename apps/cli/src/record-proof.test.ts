import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '@salus/ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { claimPatient, importChapter, openTestServer, type TestServer } from '../../server/test/hospital.ts';
import { openDesk } from './acceptance/desk.ts';
import { EXIT } from './exit-codes.ts';

let server: TestServer;
let proof: string;
let checkpoint: Checkpoint;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  const { fhirId, locations } = await importChapter(server, 'hospital-a');
  const { token } = await claimPatient(server, 'hospital-a', fhirId);
  const observation = locations.find((location) => location.startsWith('Observation/'))!.replace(/\/_history.*/, '');
  const answer = await server.send('GET', `/hospital-a/fhir/R4/${observation}/$proof`, { token });
  if (answer.status !== 200) throw new Error(answer.text);
  proof = answer.text;
  ({ checkpoint } = answer.json);
});
afterAll(() => server[Symbol.asyncDispose]());

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
