import { setTimeout as wait } from 'node:timers/promises';
import { type GrantFact, grantKey } from '@salus/contracts';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addPatient, bringRequest, grantMedication, readAll, type TestPatient } from '../../test/consortium.ts';
import { type FabricConsortium, openFabricConsortium } from '../../test/fabric-consortium.ts';

const binaries = fabricBinaries();
const BASE_PORT = 27_600;
const START_MS = 300_000;
/** Long enough to be endorsed on a busy machine, short enough for a proposal's 30 s. */
const LASTS_MS = 20_000;
const AFTER_MS = 500;
const COMMIT_MS = 60_000;
const [AUTHOR, READER] = ['hospital-a', 'hospital-b'] as const;

describe.skipIf(binaries === undefined)('a use that was endorsed in time and is ordered late, on Fabric', () => {
  let network: TestNetwork;
  let consortium: FabricConsortium;
  let patient: TestPatient;

  beforeAll(async () => {
    network = await startTestNetwork({
      ...{ binaries: binaries!, basePort: BASE_PORT },
      ...{ organisations: [AUTHOR, READER], orderers: 1 },
    });
    consortium = await openFabricConsortium([AUTHOR, READER], (slug) => network.connectionFile(slug));
    patient = await addPatient(consortium, { at: [AUTHOR], seed: 9 });
  }, START_MS);

  afterAll(async () => {
    await consortium?.[Symbol.asyncDispose]();
    await network?.stop();
  }, START_MS);

  it(
    'is committed at its earlier time, and releases nothing: the grant has expired by the author’s own clock',
    async () => {
      const pid = patient.pids.get(AUTHOR)!;
      const place = { author: AUTHOR, reader: READER, lastsMs: LASTS_MS };
      const endsMs = Date.now() + LASTS_MS;
      const grant = await grantMedication(consortium, patient, place);
      const fact = async () =>
        (await consortium.node(AUTHOR).ledger.get(grantKey(pid, grant))) as GrantFact | undefined;
      const asked = await bringRequest(consortium, 'b.novak', { author: AUTHOR, pid, grant });
      const { reader } = consortium.cast.organisation(READER).exchange;
      const [orderer] = network.processes().filter(({ name }) => name.includes('orderer'));
      network.freeze(orderer!.name);
      const read = async (): Promise<unknown> => {
        const { session } = await reader.open(asked);
        return reader.chart(session);
      };
      const reading = read().catch((error: unknown) => error);
      try {
        await wait(endsMs + AFTER_MS - Date.now());
        expect(await fact()).toMatchObject({ status: 'active', uses: 0 });
      } finally {
        network.thaw(orderer!.name);
      }
      expect(await reading).toMatchObject({ detail: 'grant-expired' });
      // For the ledger it was in time: only who releases can know better.
      await expect.poll(async () => (await fact())?.uses, { timeout: COMMIT_MS }).toBe(1);
    },
    START_MS,
  );

  it(
    'stops no grant that lasts, whose use opens at once',
    async () => {
      const pid = patient.pids.get(AUTHOR)!;
      const grant = await grantMedication(consortium, patient, { author: AUTHOR, reader: READER });
      expect((await readAll(consortium, 'b.novak', { author: AUTHOR, pid, grant })).length).toBeGreaterThan(0);
    },
    START_MS,
  );
});
