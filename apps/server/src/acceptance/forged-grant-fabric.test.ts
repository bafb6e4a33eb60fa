import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { grantCommitment, grantKey } from '@salus/contracts';
import { hashTuple, type Json, newNonce } from '@salus/crypto';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { useRequest } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPatient, bringRequest, grantMedication, readAll, type TestPatient } from '../../test/consortium.ts';
import { type FabricConsortium, openFabricConsortium } from '../../test/fabric-consortium.ts';

const binaries = fabricBinaries();
const BASE_PORT = 27_400;
const START_MS = 300_000;
const SEEN_MS = 60_000;
/** Whose records they are, who wants to read them, and two whose chaincode writes what nobody has signed. */
const [AUTHOR, READER, ...FORGERS] = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'] as const;
const PROGRAMS = new URL('../../../../packages/ledger-fabric/test/', import.meta.url);
const run = promisify(execFile);

describe.skipIf(binaries === undefined)('a grant that two endorsing organisations forge', () => {
  let network: TestNetwork;
  let consortium: FabricConsortium;
  let patient: TestPatient;
  let pid: string;
  const doctored: ChildProcess[] = [];

  beforeAll(async () => {
    const organisations = [AUTHOR, READER, ...FORGERS];
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT, organisations, orderers: 1 });
    consortium = await openFabricConsortium([AUTHOR, READER], (slug) => network.connectionFile(slug));
    patient = await addPatient(consortium, { at: [AUTHOR], seed: 5 });
    pid = patient.pids.get(AUTHOR)!;
    for (const forger of FORGERS) doctored.push(await doctor(network, forger));
  }, START_MS);

  afterAll(async () => {
    await consortium?.[Symbol.asyncDispose]();
    for (const child of doctored) child.kill('SIGKILL');
    await network?.stop();
  }, START_MS);

  it(
    'opens nothing at the author’s node, which raises an alarm, and the reader’s node says so',
    async () => {
      const grant = await grantMedication(consortium, patient, { author: AUTHOR, reader: READER });
      expect((await readAll(consortium, 'b.novak', { author: AUTHOR, pid, grant })).length).toBeGreaterThan(0);

      // Everything of it is as a patient's own: terms, commitment and fact; only nobody has signed it.
      const honest = await bringRequest(consortium, 'b.novak', { author: AUTHOR, pid, grant });
      const forged = newNonce();
      const terms = { ...honest.token.terms, grant: forged, categories: ['laboratory', 'medication'] };
      const token = { terms, salt: honest.token.salt };
      const fact = (await consortium.node(AUTHOR).ledger.get(grantKey(pid, grant))) as { readonly [key: string]: Json };
      const write = { ...fact, commitment: grantCommitment({ hashTuple }, token), uses: 0 };
      expect(await forge(network, [grantKey(pid, forged), write])).toMatchObject({ code: 0 });

      for (const slug of [AUTHOR, READER]) {
        const { ledger } = consortium.node(slug);
        await expect
          .poll(() => ledger.alarms?.(), { timeout: SEEN_MS })
          .toMatchObject([{ code: 'outcome', keys: expect.arrayContaining([grantKey(pid, forged)]) }]);
      }
      const { reader, tokens } = consortium.cast.organisation(READER).exchange;
      const wallet = consortium.cast.staff('b.novak');
      const asked = { token: { pid, grant: forged }, purpose: 'TREAT', categories: terms.categories } as const;
      const { call, chain } = await useRequest(wallet, consortium.cast.occasion(), asked);
      const height = await consortium.node(AUTHOR).ledger.height();
      const opening = reader.open({ ...honest, request: call, chain, token });
      await expect(opening).rejects.toMatchObject({ code: 'ledger-refused', detail: 'distrusted' });
      // Honest peers take the use, whose state holds the grant; it counts for nothing, and the patient finds the attempt.
      for (const kind of await outcomesOfUses(height)) expect(kind).toBe('distrusted');
      const { audit } = consortium.cast.organisation(AUTHOR).vault;
      const [newest] = await audit.listOfPid(pid, { limit: 1 });
      expect(newest?.event).toMatchObject({ kind: 'refusal', outcome: 'distrusted' });
      expect(await tokens.find(pid, forged)).toBeUndefined();

      // What the patient did sign opens as before.
      expect((await readAll(consortium, 'b.novak', { author: AUTHOR, pid, grant })).length).toBeGreaterThan(0);
    },
    START_MS,
  );

  async function outcomesOfUses(since: number): Promise<readonly string[]> {
    const { ledger } = consortium.node(AUTHOR);
    const kinds: string[] = [];
    for (let number = since + 1; number <= (await ledger.height()); number += 1) {
      for (const { call, outcome } of (await ledger.block(number))!.transactions) {
        if (call.payload.transaction === 'use') kinds.push(outcome.kind);
      }
    }
    return kinds;
  }
});

/** A node of the first forger brings the fact onto the channel. */
async function forge(network: TestNetwork, [key, fact]: readonly [string, Json]): Promise<{ readonly code: number }> {
  const program = fileURLToPath(new URL('forge-fact.ts', PROGRAMS));
  const connectionFile = network.connectionFile(FORGERS[0]);
  const args = [program, connectionFile, FORGERS.join(), key, JSON.stringify(fact)];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout) as { readonly code: number };
}

/** The forger's chaincode gives way to one that lets `consent.forge` write what it likes. */
async function doctor(network: TestNetwork, forger: string): Promise<ChildProcess> {
  const own = network.processes().find(({ name }) => name === `${forger}-chaincode`)!;
  await network.kill(own.name);
  const child = spawn(process.execPath, [fileURLToPath(new URL('doctored-chaincode.ts', PROGRAMS))], {
    cwd: own.workingDirectory,
    env: { PATH: process.env.PATH, ...own.environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}
