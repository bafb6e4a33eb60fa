import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConsortium, newPatient } from '@salus/ledger/consortium';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries, scaled } from '@salus/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFabricPlace } from '../../test/fabric-place.ts';
import { readFabricConnection } from '../connection-file.ts';
import { verifyBlockFiles } from './verify-block-files.ts';
import { verifyPeer } from './verify-peer.ts';

const binaries = fabricBinaries();
const BASE_PORT = 28_300;
const FLIPS = scaled(100, 400);
const SETUP_MS = 180_000;
const TEST_MS = 120_000;

describe.skipIf(binaries === undefined)('the block files of a real peer with four BFT orderers', () => {
  let network: TestNetwork;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'salus-bft-files-'));
    const organisations = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'];
    const settings = { basePort: BASE_PORT, organisations, orderers: 4, consensus: 'bft' } as const;
    network = await startTestNetwork({ binaries: binaries!, ...settings });
    await using place = await openFabricPlace(network, 'hospital-a');
    const consortium = await createConsortium({ network: place.network, nowMs: Date.now });
    const calls = [...(await consortium.founding())];
    for (let patient = 0; patient < 5; patient += 1) calls.push(await consortium.register(newPatient()));
    for (const { call } of calls) await place.ledger().submit(call);
  }, SETUP_MS);
  afterAll(async () => {
    await network?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, SETUP_MS);

  const peerData = (): string => network.layout.organisation('pharmacy').peer('peer0').data;

  it(
    'are sound: every block has a quorum’s signatures, and every call runs again',
    async () => {
      const report = await verifyPeer({
        connection: readFabricConnection(network.connectionFile('pharmacy')),
        peerData: peerData(),
      });
      expect(report).toMatchObject({ findings: [], calls: 7, commitHashesTaken: 0 });
      expect(report.signatures).toBeGreaterThanOrEqual(3 * (report.blocks - 1));
    },
    TEST_MS,
  );

  it(
    'have no byte that can change unseen',
    async () => {
      const { channel } = readFabricConnection(network.connectionFile('pharmacy'));
      const bytes = readFileSync(join(peerData(), 'ledgersData', 'chains', 'chains', channel, 'blockfile_000000'));
      const flips = fc.tuple(fc.noBias(fc.nat(bytes.length - 1)), fc.integer({ min: 1, max: 255 }));
      await fc.assert(
        fc.asyncProperty(flips, async ([at, mask]) => {
          const copy = Buffer.from(bytes);
          copy[at]! ^= mask;
          writeFileSync(join(folder, 'blockfile_000000'), copy);
          expect((await verifyBlockFiles(folder)).findings.length).toBeGreaterThan(0);
        }),
        { numRuns: FLIPS },
      );
    },
    TEST_MS,
  );
});
