import { setTimeout as sleep } from 'node:timers/promises';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureOrganisationMaterial } from '../certificates/organisation-material.ts';
import type { Consortium } from '../consortium/consortium.ts';
import { parseConsortium } from '../consortium/parse-consortium.ts';
import { startTestNetwork, type TestNetwork, testConsortium } from '../test-network.ts';
import { ordererAddresses, ordererAdministration } from '../up/addresses.ts';
import { consenterOf } from '../up/ensure-genesis.ts';
import { upNetwork } from '../up/up-network.ts';
import {
  awaitSequence,
  type ChannelConfig,
  type Consensus,
  describeChannel,
  describeProposal,
  leaveOrderer,
  listOrdererChannels,
  type OrdererAdministration,
  proposeUpdate,
  readChannelConfig,
  readOrdererChannel,
  sendUpdate,
  signProposal,
  withConsenter,
  withoutConsenter,
} from './index.ts';
import { openContract, putChaincode } from './put-chaincode.ts';

const CHANNEL = 'salus';
const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory'];
const TIMEOUT_MS = 240_000;

const binaries = fabricBinaries();

/** The fourth orderer of three, the fifth of four: the smallest channels in which every further one makes a difference. */
const CASES: readonly { readonly consensus: Consensus; readonly orderers: number; readonly basePort: number }[] = [
  { consensus: 'raft', orderers: 3, basePort: 23_200 },
  { consensus: 'bft', orderers: 4, basePort: 23_300 },
];

describe.skipIf(binaries === undefined).each(CASES)(
  'an orderer more on $consensus',
  ({ consensus, orderers, basePort }) => {
    let network: TestNetwork;
    let consortium: Consortium;

    beforeAll(async () => {
      const options = { basePort, organisations: ORGANISATIONS, consensus };
      network = await startTestNetwork({ ...options, binaries: binaries!, bundle: putChaincode, orderers });
      consortium = parseConsortium(
        JSON.stringify({
          ...testConsortium({ ...options, orderers: orderers + 1 }),
          network: network.consortium.network,
        }),
      );
    }, TIMEOUT_MS);

    afterAll(async () => {
      await network.stop();
    });

    const current = (): Promise<ChannelConfig> =>
      readChannelConfig(network.peers('hospital-a')[0]!, network.admin('hospital-a'), CHANNEL);

    /** The organisation and name of the orderer that is there in the larger consortium only. */
    const added = () => {
      const before = new Set(
        network.consortium.organisations.flatMap(({ slug, orderers: own }) => own.map(({ name }) => `${slug} ${name}`)),
      );
      for (const organisation of consortium.organisations) {
        const orderer = organisation.orderers.find(({ name }) => !before.has(`${organisation.slug} ${name}`));
        if (orderer !== undefined) return { organisation, orderer, endpoint: `${organisation.host}:${orderer.port}` };
      }
      throw new Error('the larger consortium has no further orderer');
    };

    const administration = (): OrdererAdministration => {
      const { organisation, orderer } = added();
      return ordererAdministration(network.layout, organisation, orderer);
    };

    const change = async (next: (config: ChannelConfig) => ChannelConfig): Promise<readonly string[]> => {
      const config = await current();
      let proposal = proposeUpdate(config, next(config));
      // The organisation whose endpoints change, and a majority.
      for (const slug of ORGANISATIONS.slice(0, 2)) proposal = await signProposal(proposal, network.admin(slug));
      const shown = await describeProposal(config, proposal);
      const request = { orderers: network.orderers(), identity: network.admin('hospital-a'), proposal };
      await sendUpdate({ ...request, current: config });
      const sequence = describeChannel(config).sequence + 1;
      await awaitSequence(network.peers('hospital-a')[0]!, network.admin('hospital-a'), CHANNEL, sequence);
      return shown;
    };

    const put = async (key: string): Promise<void> => {
      const { contract, close } = openContract(network.peers('hospital-a')[0]!, network.admin('hospital-a'));
      try {
        for (let attempt = 0; ; attempt += 1) {
          try {
            await contract.submitTransaction('put', key, 'v');
            return;
          } catch (error) {
            if (attempt >= 20) throw error;
            await sleep(500);
          }
        }
      } finally {
        close();
      }
    };

    it(
      'is shown before it is signed, follows the channel, and is one of its consenters',
      async () => {
        const { organisation, orderer, endpoint } = added();
        const { layout, masterKeys } = network;
        await ensureOrganisationMaterial({
          organisation,
          layout: layout.organisation(organisation.slug),
          masterKey: masterKeys.get(organisation.slug)!,
          nowMs: Date.now(),
        });
        const shown = await change((config) =>
          withConsenter(config, consenterOf(layout, organisation, { ...orderer, id: orderers + 1 })),
        );
        expect(shown.find((line) => line.startsWith('    + orderer') && line.includes(endpoint))).toBeDefined();
        if (consensus === 'bft') expect(shown).toContain('~ policy /Channel/Orderer/BlockValidation');
        await upNetwork({ layout, consortium, binaries: binaries!, masterKeys, bundle: putChaincode, nowMs: Date.now });
        const state = () => readOrdererChannel(administration(), CHANNEL);
        await expect
          .poll(state, { timeout: 60_000 })
          .toMatchObject({ consensusRelation: 'consenter', status: 'active' });
        expect(describeChannel(await current()).consenters).toHaveLength(orderers + 1);
        await put('with');
        const heights = async () => {
          const own = (await state()).height;
          return own - (await readOrdererChannel(network.ordererAdministration('laboratory'), CHANNEL)).height;
        };
        await expect.poll(heights, { timeout: 60_000 }).toBe(0);
      },
      TIMEOUT_MS,
    );

    it(
      'orders in the place of one that is killed',
      async () => {
        await network.kill('laboratory-orderer0');
        await expect(put('instead')).resolves.toBeUndefined();
        await network.restart('laboratory-orderer0');
      },
      TIMEOUT_MS,
    );

    it(
      'leaves again, and the channel goes on without it',
      async () => {
        const { endpoint } = added();
        const shown = await change((config) => withoutConsenter(config, endpoint));
        expect(shown.find((line) => line.startsWith('    - orderer') && line.includes(endpoint))).toBeDefined();
        // On BFT nobody tells the one that left: it is told to leave.
        await leaveOrderer(administration(), CHANNEL);
        await expect.poll(() => listOrdererChannels(administration()), { timeout: 60_000 }).toEqual([]);
        await put('without');
        expect(ordererAddresses(network.layout, network.consortium.organisations)).toHaveLength(orderers);
      },
      TIMEOUT_MS,
    );
  },
);
