import { createHash } from 'node:crypto';
import { common, msp } from '@hyperledger/fabric-protos';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeChannelConfig, describeChannel, sectionOf } from './config.ts';
import { configOfBlock } from './config-block.ts';
import { bftQuorum, type Consenter } from './consensus.ts';
import { type ChannelDefinition, createGenesisBlock } from './genesis.ts';
import { createConsenter, createMember, NOW_MS, type TestMember } from './test-member.ts';

let members: readonly TestMember[];
let consenters: readonly Consenter[];

beforeAll(async () => {
  members = await Promise.all([
    createMember('hospital-a', 7050),
    createMember('hospital-b', 7050),
    createMember('laboratory', 7050),
    createMember('pharmacy', 7050),
    createMember('research'),
  ]);
  consenters = await Promise.all(members.slice(0, 4).map((member, index) => createConsenter(member, index + 1)));
});

const definition = (changes: Partial<ChannelDefinition> = {}): ChannelDefinition => ({
  channel: 'salus',
  consensus: 'raft',
  organisations: members.map((member) => member.definition),
  consenters,
  createdMs: NOW_MS,
  nonce: new Uint8Array(24).fill(7),
  ...changes,
});

const configOf = (block: Uint8Array) => decodeChannelConfig('salus', configOfBlock(block));

describe('createGenesisBlock', () => {
  it('writes the same bytes for the same definition, time and nonce, and others for another nonce', () => {
    const block = createGenesisBlock(definition());
    expect(block.equals(createGenesisBlock(definition()))).toBe(true);
    expect(block.equals(createGenesisBlock(definition({ nonce: new Uint8Array(24).fill(8) })))).toBe(false);
    const { nonce: _drawn, ...drawing } = definition();
    expect(createGenesisBlock(drawing).equals(createGenesisBlock(drawing))).toBe(false);
  });

  it('is block 0 over the hash of its data, without a block before it', () => {
    const block = common.Block.deserializeBinary(createGenesisBlock(definition()));
    const [data] = block.getData()!.getDataList_asU8();
    expect(block.getHeader()!.getNumber()).toBe(0);
    expect(block.getHeader()!.getPreviousHash_asU8()).toHaveLength(0);
    const hash = createHash('sha256').update(data!).digest();
    expect(hash.equals(block.getHeader()!.getDataHash_asU8())).toBe(true);
    expect(block.getMetadata()!.getMetadataList()).toHaveLength(5);
  });

  it.each(['raft', 'bft'] as const)('says on %s who is a member, who orders and when a block is cut', (consensus) => {
    const view = describeChannel(configOf(createGenesisBlock(definition({ consensus, batch: { timeoutMs: 20 } }))));
    expect(view).toMatchObject({ sequence: 0, consensus, batch: { timeoutMs: 20, maxCount: 500 } });
    expect(view.organisations.map(({ mspId }) => mspId)).toEqual(members.map(({ slug }) => slug));
    expect(view.organisations.every(({ member }) => member)).toBe(true);
    expect(view.organisations.at(-1)).toMatchObject({ ordererEndpoints: [] });
    expect(view.organisations[0]).toMatchObject({
      anchorPeers: [{ host: 'hospital-a.example', port: 7051 }],
      ordererEndpoints: ['hospital-a.example:7050'],
    });
    expect(view.consenters.map(({ mspId, port }) => `${mspId} ${port}`)).toEqual(
      consenters.map(({ mspId, port }) => `${mspId} ${port}`),
    );
  });

  it('asks on BFT for a quorum of the consenters’ own identities under each block', () => {
    const config = configOf(createGenesisBlock(definition({ consensus: 'bft' })));
    const policy = sectionOf(config, 'Orderer').getPoliciesMap().get('BlockValidation')!.getPolicy()!;
    const envelope = common.SignaturePolicyEnvelope.deserializeBinary(policy.getValue_asU8());
    expect(envelope.getRule()!.getNOutOf()!.getN()).toBe(3);
    const identities = envelope
      .getIdentitiesList()
      .map((principal) => msp.SerializedIdentity.deserializeBinary(principal.getPrincipal_asU8()));
    expect(identities.map((one) => Buffer.from(one.getIdBytes_asU8()).toString())).toEqual(
      consenters.map(({ identity }) => identity),
    );
  });

  it.each([
    ['a channel name with capitals', { channel: 'Salus' }],
    ['no organisation', { organisations: [] }],
    ['no orderer', { consenters: [] }],
    ['a short nonce', { nonce: new Uint8Array(3) }],
  ] as const)('refuses %s', (_what, changes) => {
    expect(() => createGenesisBlock(definition(changes))).toThrow(expect.objectContaining({ code: 'bad-input' }));
  });

  it('refuses an organisation named twice, orderers of one id or address, and an orderer of an organisation without any', async () => {
    const [first] = consenters;
    const twice = [...members, members[0]!].map((member) => member.definition);
    const stranger = await createConsenter(members.at(-1)!, 9);
    for (const changes of [
      { organisations: twice },
      { consenters: [first!, { ...first!, port: 1 }] },
      { consenters: [first!, { ...first!, id: 2 }] },
      { consenters: [...consenters, stranger] },
    ]) {
      expect(() => createGenesisBlock(definition(changes))).toThrow(expect.objectContaining({ code: 'bad-input' }));
    }
  });
});

describe('a quorum of BFT orderers', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 4],
    [6, 4],
    [7, 5],
    [10, 7],
  ])('of %i is %i', (count, quorum) => {
    expect(bftQuorum(count)).toBe(quorum);
    const faulty = Math.floor((count - 1) / 3);
    // Two quorums share at least one orderer more than may lie, and the faulty ones alone cannot stop the rest.
    expect(2 * quorum - count).toBeGreaterThan(faulty);
    expect(count - faulty).toBeGreaterThanOrEqual(quorum);
  });
});

describe('a channel configuration from elsewhere', () => {
  it.each([
    ['nothing', new Uint8Array()],
    ['noise', new Uint8Array([255, 255, 255, 255, 1])],
    ['a configuration without sections', new common.Config().serializeBinary()],
  ])('is refused as malformed: %s', (_what, bytes) => {
    expect(() => decodeChannelConfig('salus', bytes)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it('is refused with every value of the ordering service cut off', () => {
    for (const name of ['ConsensusType', 'BatchSize', 'BatchTimeout']) {
      const config = configOf(createGenesisBlock(definition()));
      const value = sectionOf(config, 'Orderer').getValuesMap().get(name)!;
      value.setValue(new Uint8Array([255, 255, 255]));
      expect(() => decodeChannelConfig('salus', config.config.serializeBinary()), name).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
    }
  });

  it('is not read from a block of transactions', () => {
    expect(() => configOfBlock(new common.Block().serializeBinary())).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });
});
