import { common, orderer } from '@hyperledger/fabric-protos';
import { describe, expect, it } from 'vitest';
import {
  withBatch,
  withConsenter,
  withOrganisation,
  withoutConsenter,
  withoutOrganisation,
  withPolicyRule,
  withRevocationLists,
} from './changes.ts';
import { bftMappingOf, type ChannelConfig, describeChannel, findValue, sectionOf } from './config.ts';
import { createConsenter, createTestChannels } from './test-member.ts';

const { hospital, pharmacy, research, raft, bft } = await createTestChannels();

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('a change', () => {
  it('keeps the MSP of an organisation equal in both sections', () => {
    const config = withRevocationLists(raft, 'hospital-a', ['a list']);
    const [left, right] = (['Application', 'Orderer'] as const).map((section) =>
      sectionOf(config, section).getGroupsMap().get('hospital-a')!.getValuesMap().get('MSP')!.getValue_asB64(),
    );
    expect(left).toBe(right);
  });

  it('computes the policy of BFT blocks again with every orderer that comes or goes', async () => {
    const more = withConsenter(bft, await createConsenter(pharmacy, 3));
    const orderers = sectionOf(more, 'Orderer');
    expect(bftMappingOf(orderers).map((consenter) => consenter.getId())).toEqual([1, 2, 3]);
    const policyOf = (config: ChannelConfig) =>
      common.SignaturePolicyEnvelope.deserializeBinary(
        sectionOf(config, 'Orderer').getPoliciesMap().get('BlockValidation')!.getPolicy()!.getValue_asU8(),
      ).getIdentitiesList().length;
    expect(policyOf(more)).toBe(3);
    expect(policyOf(withoutConsenter(more, 'hospital-a.example:7050'))).toBe(2);
    expect(describeChannel(withoutConsenter(more, 'hospital-a.example:7050')).organisations[0]).toMatchObject({
      mspId: 'hospital-a',
      ordererEndpoints: [],
    });
  });

  it('has the BFT leader cut its batches by the new limits too', () => {
    const type = findValue(
      sectionOf(withBatch(bft, { timeoutMs: 77, maxCount: 3 }), 'Orderer'),
      'ConsensusType',
      (bytes) => orderer.ConsensusType.deserializeBinary(bytes),
    );
    const options = orderer.smartbft.Options.deserializeBinary(type!.getMetadata_asU8());
    expect(options.getRequestBatchMaxInterval()).toBe('77ms');
    expect(options.getRequestBatchMaxCount()).toBe(3);
  });

  it('is refused where it contradicts the channel', async () => {
    const again = await createConsenter(hospital, 1);
    const stranger = await createConsenter(research, 9);
    const refusals: readonly [string, () => ChannelConfig][] = [
      ['bad-input', () => withOrganisation(raft, hospital.definition)],
      ['bad-input', () => withOrganisation(raft, { ...research.definition, mspId: 'Research Inc' })],
      ['bad-input', () => withoutOrganisation(raft, 'hospital-a')],
      ['not-found', () => withoutOrganisation(raft, 'research')],
      ['not-found', () => withRevocationLists(raft, 'research', [])],
      ['bad-input', () => withConsenter(raft, again)],
      ['not-found', () => withConsenter(raft, stranger)],
      ['not-found', () => withoutConsenter(raft, 'nobody.example:7050')],
      ['bad-input', () => withBatch(raft, { timeoutMs: 0 })],
      ['bad-input', () => withBatch(raft, { preferredBytes: 11 * 1024 * 1024 })],
      ['not-found', () => withPolicyRule(raft, 'Channel', 'Nobody', 'ANY')],
    ];
    for (const [code, change] of refusals) expect(change, String(change)).toThrow(coded(code));
    const one = withoutConsenter(raft, 'laboratory.example:7050');
    expect(() => withoutConsenter(one, 'hospital-a.example:7050')).toThrow(coded('bad-input'));
  });
});
