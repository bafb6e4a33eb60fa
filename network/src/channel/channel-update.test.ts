import { hash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensureAuthorities } from '../certificates/authorities.ts';
import { ensureOrganisationMaterial } from '../certificates/organisation-material.ts';
import type { Consortium } from '../consortium/consortium.ts';
import { parseConsortium } from '../consortium/parse-consortium.ts';
import { startTestNetwork, type TestNetwork, testConsortium } from '../test-network.ts';
import { peerAddresses } from '../up/addresses.ts';
import { definitionOf } from '../up/ensure-genesis.ts';
import { upNetwork } from '../up/up-network.ts';
import {
  awaitSequence,
  broadcastUpdate,
  type ChannelConfig,
  checkQuorum,
  createRevocationList,
  defaultEndorsementPolicy,
  deployChaincode,
  describeChannel,
  describeProposal,
  describeQuorum,
  type FabricIdentity,
  findCommittedChaincode,
  listInstalledChaincodes,
  listPendingSnapshots,
  type PeerAddress,
  proposeUpdate,
  readBlock,
  readChainInfo,
  readChannelConfig,
  readIdentity,
  requestSnapshot,
  sendUpdate,
  serialOf,
  signProposal,
  type UpdateProposal,
  withBatch,
  withOrganisation,
  withoutOrganisation,
  withRevocationLists,
} from './index.ts';
import { openContract, putChaincode } from './put-chaincode.ts';

const BASE_PORT = 23_000;
const START_TIMEOUT_MS = 180_000;
const TEST_MS = 240_000;
/** What other processes take their time for, on a machine that may be busy. */
const WAIT_MS = 60_000;
const SNAPSHOT_FACTS = '_snapshot_signable_metadata.json';
const SNAPSHOT_MORE = '_snapshot_additional_metadata.json';
/** A revoked identity is refused everywhere within it: two seconds, and what a busy machine adds. */
const REVOCATION_MS = 60_000;
const CHANNEL = 'salus';
const FOUNDERS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'];
const FIFTH = 'research';

const binaries = fabricBinaries();

describe.skipIf(binaries === undefined)('a channel update on real peers and orderers', () => {
  let network: TestNetwork;
  const masterKeys = new Map([[FIFTH, new Uint8Array(randomBytes(32))]]);

  beforeAll(async () => {
    network = await startTestNetwork({
      binaries: binaries!,
      bundle: putChaincode,
      basePort: BASE_PORT,
      organisations: FOUNDERS,
      orderers: 3,
    });
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await network.stop();
  });

  const peerOf = (slug: string): PeerAddress => network.peers(slug)[0]!;
  const current = (): Promise<ChannelConfig> =>
    readChannelConfig(peerOf('hospital-a'), network.admin('hospital-a'), CHANNEL);
  const requestOf = (proposal: UpdateProposal) => ({
    orderers: network.orderers(),
    identity: network.admin('hospital-a'),
    proposal,
  });

  const signedBy = async (proposal: UpdateProposal, ...slugs: readonly string[]): Promise<UpdateProposal> => {
    let signed = proposal;
    for (const slug of slugs) signed = await signProposal(signed, network.admin(slug));
    return signed;
  };

  /** Sends and waits until every founder's peer has it. */
  const send = async (config: ChannelConfig, proposal: UpdateProposal): Promise<void> => {
    await sendUpdate({ ...requestOf(proposal), current: config });
    const next = describeChannel(config).sequence + 1;
    await Promise.all(FOUNDERS.map((slug) => awaitSequence(peerOf(slug), network.admin(slug), CHANNEL, next)));
  };

  const withFifth = (): Consortium =>
    parseConsortium(
      JSON.stringify({
        ...testConsortium({ basePort: BASE_PORT, organisations: [...FOUNDERS, FIFTH], orderers: 3 }),
        network: network.consortium.network,
      }),
    );

  const fifth = () => {
    const layout = network.layout.organisation(FIFTH);
    const organisation = withFifth().organisations.find(({ slug }) => slug === FIFTH)!;
    return {
      organisation,
      peer: peerAddresses(network.layout, organisation)[0]!,
      admin: readIdentity(FIFTH, layout.user('admin').msp),
      node: readIdentity(FIFTH, layout.user('node').msp),
    };
  };

  const proposeFifth = async (config: ChannelConfig): Promise<UpdateProposal> => {
    const { organisation } = fifth();
    return proposeUpdate(config, withOrganisation(config, definitionOf(network.layout, organisation)));
  };

  const foundersDeploying = () =>
    Promise.all(
      FOUNDERS.map(async (slug) => {
        const [installed] = await listInstalledChaincodes(peerOf(slug), network.admin(slug));
        return { identity: network.admin(slug), peers: network.peers(slug), packageId: installed!.packageId };
      }),
    );

  const deployFor = async (members: readonly string[]) => {
    const committed = await findCommittedChaincode(peerOf('hospital-a'), network.admin('hospital-a'), CHANNEL, 'salus');
    return deployChaincode({
      channel: CHANNEL,
      name: 'salus',
      version: committed!.version,
      policy: defaultEndorsementPolicy(members),
      members: await foundersDeploying(),
    });
  };

  const read = async (peer: PeerAddress, identity: FabricIdentity, key: string): Promise<string> => {
    const { contract, close } = openContract(peer, identity);
    try {
      return Buffer.from(await contract.evaluateTransaction('get', key)).toString('utf8');
    } finally {
      close();
    }
  };

  /** The hash that chains what each block committed, and one over the whole state in the order of its keys. */
  const stateHashOf = async (slug: string, peer: PeerAddress, admin: FabricIdentity) => {
    const block = (await height(peer, admin)) - 1;
    await requestSnapshot(peer, admin, CHANNEL, 0);
    const folder = join(snapshotsOf(slug), `${block}`);
    await expect.poll(() => existsSync(join(folder, SNAPSHOT_FACTS)), { timeout: WAIT_MS }).toBe(true);
    // core/ledger/kvledger/snapshot.go: the state is exported namespace by namespace, key by key in byte order.
    const state = hash('sha256', readFileSync(join(folder, 'public_state.data')), 'hex');
    const facts = JSON.parse(readFileSync(join(folder, SNAPSHOT_FACTS), 'utf8')) as {
      readonly snapshot_files_raw_hashes: { readonly [file: string]: string };
    };
    expect(facts.snapshot_files_raw_hashes['public_state.data']).toBe(state);
    const more = JSON.parse(readFileSync(join(folder, SNAPSHOT_MORE), 'utf8')) as {
      readonly last_block_commit_hash: string;
    };
    return { block, state, commitHash: more.last_block_commit_hash };
  };

  const snapshotsOf = (slug: string): string =>
    join(network.layout.organisation(slug).peer('peer0').data, 'snapshots/completed', CHANNEL);

  it('that too few signed is shown, not sent by us, and refused by the orderer all the same', async () => {
    const { organisations } = withFifth();
    const organisation = organisations.find(({ slug }) => slug === FIFTH)!;
    const layout = network.layout.organisation(FIFTH);
    await ensureOrganisationMaterial({ organisation, layout, masterKey: masterKeys.get(FIFTH)!, nowMs: Date.now() });
    const config = await current();
    const proposal = await signedBy(await proposeFifth(config), 'hospital-a', 'laboratory');

    const shown = await describeProposal(config, proposal);
    expect(shown[0]).toMatch(/^update 1 of the channel salus, fingerprint [0-9a-f]{64}$/);
    expect(shown).toContain(`+ group /Channel/Application/${FIFTH}`);
    expect(shown.find((line) => line.includes('authority CN=ca.research'))).toBeDefined();
    const quorum = await checkQuorum(config, proposal);
    expect(quorum).toMatchObject({ reached: false, signedBy: ['hospital-a', 'laboratory'], ignored: [] });
    const why =
      '/Channel/Application/Admins (MAJORITY of 4): not reached, 2 of 3 needed, signed by hospital-a, laboratory; ' +
      'can still sign: hospital-b, pharmacy';
    expect(describeQuorum(quorum)).toContain(why);
    await expect(sendUpdate({ ...requestOf(proposal), current: config })).rejects.toMatchObject({
      code: 'below-quorum',
      message: expect.stringContaining(why) as string,
    });
    await expect(broadcastUpdate(requestOf(proposal))).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('requires 3 of the') as string,
    });
    expect(describeChannel(await current()).sequence).toBe(0);
  });

  it('that another organisation signed twice counts one of it, and a stranger’s signature none', async () => {
    const config = await current();
    const twice = await signedBy(await proposeFifth(config), 'hospital-a', 'laboratory', 'laboratory');
    expect(twice.signatures).toHaveLength(2);
    const stranger = await signProposal(twice, fifth().admin);
    expect(await checkQuorum(config, stranger)).toMatchObject({
      reached: false,
      signedBy: ['hospital-a', 'laboratory'],
      ignored: [{ mspId: FIFTH, reason: 'is of no organisation of the channel' }],
    });
    await expect(broadcastUpdate(requestOf(stranger))).rejects.toMatchObject({ code: 'refused' });
  });

  it('that a node and not an administrator signed does not reach the quorum, here nor at the orderer', async () => {
    const config = await current();
    const node = readIdentity('pharmacy', network.layout.organisation('pharmacy').user('node').msp);
    const proposal = await signProposal(await signedBy(await proposeFifth(config), 'hospital-a', 'laboratory'), node);
    expect(await checkQuorum(config, proposal)).toMatchObject({ reached: false });
    await expect(broadcastUpdate(requestOf(proposal))).rejects.toMatchObject({ code: 'refused' });
  });

  it(
    'with enough signatures lets a fifth organisation in, which follows the chain from its first block',
    async () => {
      const config = await current();
      await send(config, await signedBy(await proposeFifth(config), 'hospital-a', 'laboratory', 'pharmacy'));
      const alone = await upNetwork({
        layout: network.layout,
        consortium: withFifth(),
        binaries: binaries!,
        masterKeys,
        bundle: putChaincode,
        nowMs: Date.now,
        only: FIFTH,
      });
      expect(alone.deployment).toMatchObject({ sequence: 2, committed: false, approvals: { [FIFTH]: true } });
      expect(await deployFor([...FOUNDERS, FIFTH])).toMatchObject({ sequence: 2, committed: true, changed: true });

      const { peer, admin, node } = fifth();
      // Either of them may be a block behind the other.
      const together = { timeout: WAIT_MS, interval: 100 };
      await vi.waitFor(
        async () =>
          expect(await height(peer, admin)).toBe(await height(peerOf('laboratory'), network.admin('laboratory'))),
        together,
      );
      const { contract, close } = openContract(peer, node);
      const put = () => contract.submit('put', { arguments: ['k', 'v'], endorsingOrganizations: [FIFTH, 'pharmacy'] });
      await expect.poll(() => put().then(String, String), { timeout: WAIT_MS, interval: 100 }).toBe('');
      close();
      await expect
        .poll(() => read(peerOf('hospital-b'), network.admin('hospital-b'), 'k'), { timeout: WAIT_MS })
        .toBe('v');
      const chainOfFounder = () => readChainInfo(peerOf('laboratory'), network.admin('laboratory'), CHANNEL);
      await vi.waitFor(
        async () => expect(await readChainInfo(peer, admin, CHANNEL)).toEqual(await chainOfFounder()),
        together,
      );
      const first = await readBlock(peer, admin, CHANNEL, 0);
      expect(first.equals(await readBlock(peerOf('pharmacy'), network.admin('pharmacy'), CHANNEL, 0))).toBe(true);
    },
    TEST_MS,
  );

  it(
    'leads to the same state hash at the fifth organisation’s peer as at a founder’s',
    async () => {
      const { peer, admin } = fifth();
      const own = await stateHashOf(FIFTH, peer, admin);
      const founders = await stateHashOf('laboratory', peerOf('laboratory'), network.admin('laboratory'));
      expect(own).toEqual(founders);
      expect(own.block).toBeGreaterThan(3);
      for (const value of [own.commitHash, own.state]) expect(value).toMatch(/^[0-9a-f]{64}$/);
    },
    TEST_MS,
  );

  it('that is deployed already changes nothing', async () => {
    expect(await deployFor([...FOUNDERS, FIFTH])).toMatchObject({ sequence: 2, committed: true, changed: false });
  });

  it('upgrades the chaincode as soon as a majority approved, however few of them act here', async () => {
    const members = await foundersDeploying();
    const upgrade = (acting: typeof members) =>
      deployChaincode({
        channel: CHANNEL,
        name: 'salus',
        version: '0.0.1',
        policy: defaultEndorsementPolicy([...FOUNDERS, FIFTH]),
        members: acting,
      });
    expect(await upgrade(members.slice(0, 2))).toMatchObject({ sequence: 3, committed: false, changed: true });
    expect(await upgrade(members.slice(0, 2))).toMatchObject({ sequence: 3, committed: false, changed: false });
    expect(await upgrade(members.slice(2, 3))).toMatchObject({ sequence: 3, committed: true, changed: true });
    expect(await upgrade(members)).toMatchObject({ sequence: 3, committed: true, changed: true });
    const committed = await findCommittedChaincode(peerOf('pharmacy'), network.admin('pharmacy'), CHANNEL, 'salus');
    expect(committed).toMatchObject({ version: '0.0.1', sequence: 3, approvals: { pharmacy: true, [FIFTH]: false } });
    expect(await read(peerOf('hospital-a'), network.admin('hospital-a'), 'k')).toBe('v');
  });

  it('with a revocation list has every peer refuse the identity soon, and only this one', async () => {
    const { peer, admin, node } = fifth();
    const peers = [...FOUNDERS.map(peerOf), peer];
    for (const one of peers) expect(await read(one, node, 'k')).toBe('v');
    const layout = network.layout.organisation(FIFTH);
    const authorities = await ensureAuthorities({
      organisation: FIFTH,
      layout,
      masterKey: masterKeys.get(FIFTH)!,
      nowMs: Date.now(),
    });
    const revoked = [{ serial: serialOf(node.certificate), revokedMs: Date.now() }];
    const crl = await createRevocationList({ ca: authorities.ca, revoked, nowMs: Date.now() });
    const config = await current();
    const unsigned = proposeUpdate(config, withRevocationLists(config, FIFTH, [crl]));
    expect(await describeProposal(config, unsigned)).toContain(
      `    + revoked certificate ${revoked[0]!.serial} of CN=ca.${FIFTH}, O=${FIFTH}`,
    );
    // Its own administrator is enough: an organisation answers for its own members alone.
    const proposal = await signProposal(unsigned, admin);
    const beganMs = Date.now();
    await sendUpdate({ ...requestOf(proposal), current: config });
    const refusals = peers.map(async (one) => {
      while (
        await read(one, node, 'k').then(
          () => true,
          () => false,
        )
      )
        await sleep(20);
      return Date.now() - beganMs;
    });
    for (const tookMs of await Promise.all(refusals)) expect(tookMs).toBeLessThan(REVOCATION_MS);
    await expect(readChainInfo(peer, node, CHANNEL)).rejects.toMatchObject({ code: 'refused' });
    await expect(broadcastUpdate({ ...requestOf(proposal), identity: node })).rejects.toMatchObject({
      code: 'refused',
    });
    for (const one of peers) expect(await read(one, admin, 'k')).toBe('v');
  });

  it('that was made before another one is told to be made again', async () => {
    const config = await current();
    const [first, second] = [withBatch(config, { timeoutMs: 100 }), withBatch(config, { timeoutMs: 60 })];
    await send(config, await signedBy(proposeUpdate(config, first), 'hospital-a', 'hospital-b'));
    expect(describeChannel(await current()).batch).toMatchObject({ timeoutMs: 100 });
    const late = await signedBy(proposeUpdate(config, second), 'hospital-a', 'hospital-b');
    await expect(checkQuorum(await current(), late)).rejects.toMatchObject({ code: 'stale' });
    await expect(broadcastUpdate(requestOf(late))).rejects.toMatchObject({ code: 'refused' });
    const now = await current();
    expect(() => proposeUpdate(now, withBatch(now, { timeoutMs: 100 }))).toThrow(/already so/);
  });

  it('is in the snapshot that a peer writes at its last block, and a later one is listed until it is due', async () => {
    const [peer, admin] = [peerOf('pharmacy'), network.admin('pharmacy')];
    const at = (await readChainInfo(peer, admin, CHANNEL)).height - 1;
    await requestSnapshot(peer, admin, CHANNEL, 0);
    const facts = join(snapshotsOf('pharmacy'), `${at}`, SNAPSHOT_FACTS);
    await expect.poll(() => existsSync(facts), { timeout: WAIT_MS }).toBe(true);
    await requestSnapshot(peer, admin, CHANNEL, at + 1000);
    expect(await listPendingSnapshots(peer, admin, CHANNEL)).toEqual([at + 1000]);
    const node = readIdentity('pharmacy', network.layout.organisation('pharmacy').user('node').msp);
    await expect(requestSnapshot(peer, node, CHANNEL, at + 2000)).rejects.toMatchObject({ code: 'refused' });
  });

  it('removes an organisation, whose peers and people are strangers from then on', async () => {
    const config = await current();
    const unsigned = proposeUpdate(config, withoutOrganisation(config, FIFTH));
    const few = await signedBy(unsigned, 'hospital-a', 'laboratory');
    await expect(sendUpdate({ ...requestOf(few), current: config })).rejects.toMatchObject({ code: 'below-quorum' });
    await send(config, await signedBy(unsigned, 'hospital-a', 'laboratory', 'pharmacy'));
    expect(describeChannel(await current()).organisations.map(({ mspId }) => mspId)).toEqual(FOUNDERS);
    await expect(read(peerOf('hospital-a'), fifth().admin, 'k')).rejects.toThrow(/access denied.*creator org unknown/);
    expect(await deployFor(FOUNDERS)).toMatchObject({ sequence: 4, committed: true });
    const { contract, close } = openContract(peerOf('hospital-a'), network.admin('hospital-a'));
    const put = () => contract.submitTransaction('put', 'k', 'without').then(() => 'committed', String);
    await expect.poll(put, { timeout: WAIT_MS, interval: 100 }).toBe('committed');
    close();
    const seen = () => read(peerOf('hospital-b'), network.admin('hospital-b'), 'k');
    await expect.poll(seen, { timeout: WAIT_MS, interval: 100 }).toBe('without');
  });

  const height = async (peer: PeerAddress, identity: FabricIdentity): Promise<number> =>
    (await readChainInfo(peer, identity, CHANNEL)).height;
});
