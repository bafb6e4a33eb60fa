import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFabricConnection } from '@salus/ledger-fabric';
import { NetworkError, startTestNetwork, type TestNetwork } from '@salus/network';
import { readBlock, readChainInfo } from '@salus/network/channel';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const binaries = fabricBinaries();
const BASE_PORT = 27_700;
const OUTSIDE_PORT = 27_800;
const START_MS = 240_000;
const ASK_MS = 60_000;

describe.skipIf(binaries === undefined)('an organisation that is no member of a channel on Fabric', () => {
  let inside: TestNetwork;
  let outside: TestNetwork;
  let channel: string;

  beforeAll(async () => {
    const common = { binaries: binaries!, orderers: 1 };
    inside = await startTestNetwork({ ...common, basePort: BASE_PORT, organisations: ['hospital-a', 'hospital-b'] });
    outside = await startTestNetwork({ ...common, basePort: OUTSIDE_PORT, organisations: ['pharmacy'] });
    ({ channel } = readFabricConnection(inside.connectionFile('hospital-a')));
  }, START_MS);

  afterAll(async () => {
    await outside?.stop();
    await inside?.stop();
  });

  it(
    'is given no block and no height by any peer, while each member is',
    async () => {
      for (const slug of ['hospital-a', 'hospital-b']) {
        const [peer] = inside.peers(slug);
        expect((await readBlock(peer!, inside.admin(slug), channel, 0)).length).toBeGreaterThan(0);
        const stranger = outside.admin('pharmacy');
        // Under its own name, and under a member's.
        for (const identity of [stranger, { ...stranger, mspId: slug }]) {
          await expect(readBlock(peer!, identity, channel, 0)).rejects.toBeInstanceOf(NetworkError);
          await expect(readChainInfo(peer!, identity, channel)).rejects.toBeInstanceOf(NetworkError);
        }
      }
    },
    ASK_MS,
  );

  it('has a peer that holds no byte of the channel', () => {
    const holding = (network: TestNetwork, slug: string): number => {
      const { data } = network.layout.organisation(slug).peer('peer0');
      const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      return files.filter((entry) => readIfThere(join(entry.parentPath, entry.name)).includes('hospital-b')).length;
    };
    expect(holding(inside, 'hospital-a')).toBeGreaterThan(0);
    expect(holding(outside, 'pharmacy')).toBe(0);
  });
});

/** The database of a peer that runs removes files of its own. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
