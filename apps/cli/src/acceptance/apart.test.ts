import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConsortiumApart, openConsortiumApart } from '../../test/consortium-apart.ts';
import { done, expectStory } from '../../test/story.ts';
import { writeMedicationFixture } from './bundles.ts';

const binaries = fabricBinaries();
const BASE_PORT = 27_000;
const NETWORK_MS = 120_000;
const STORY_MS = 480_000;

describe.skipIf(binaries === undefined)('two organisations apart on Fabric', () => {
  let network: TestNetwork;
  let consortium: ConsortiumApart;

  beforeAll(async () => {
    // The laboratory is a member of the channel and has no node: a bystander with every block.
    const organisations = ['hospital-a', 'hospital-b', 'laboratory'];
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT, organisations, orderers: 1 });
    consortium = await openConsortiumApart(['hospital-a', 'hospital-b'], (slug) => network.connectionFile(slug));
    await consortium.join(['hospital-a', 'hospital-b']);
  }, NETWORK_MS);

  afterAll(async () => {
    await consortium?.[Symbol.asyncDispose]();
    await network?.stop();
  });

  it(
    'do the whole main job with the same commands, each at its own node',
    async () => {
      const desks = consortium.desks();
      const texts = await expectStory(desks, 'ann', writeMedicationFixture(desks.a.home));
      expect(texts.some((text) => text.includes('12345678901234567890'))).toBe(true);
      const alarms = await done(desks.a, 'ledger', 'alarms', '--as', 'hospital-a.admin');
      expect(alarms.json<{ total: number }>().total).toBe(0);
    },
    STORY_MS,
  );
});
