import { common } from '@hyperledger/fabric-protos';
import { describe, expect, it } from 'vitest';
import { withBatch, withConsenter, withPolicyRule } from './changes.ts';
import { type ChannelConfig, rootOf, sectionOf } from './config.ts';
import { setValue } from './config-group.ts';
import { describeProposal } from './describe-update.ts';
import { createConsenter, createTestChannels } from './test-member.ts';
import { proposeUpdate } from './update.ts';

const { pharmacy, raft, bft } = await createTestChannels();

describe('what an administrator reads before signing', () => {
  it('names the change of each place, and nothing else', async () => {
    const next = withPolicyRule(withBatch(raft, { timeoutMs: 77 }), 'Application', 'Admins', 'ALL');
    const [head, ...lines] = await describeProposal(raft, proposeUpdate(raft, next));
    expect(head).toMatch(/^update 1 of the channel salus, fingerprint /);
    expect(lines).toEqual([
      '~ policy /Channel/Application/Admins',
      '    - MAJORITY of Admins',
      '    + ALL of Admins',
      '~ value /Channel/Orderer/BatchTimeout',
      '    - timeout 50ms',
      '    + timeout 77ms',
    ]);
  });

  it('names an orderer’s address, organisation and certificate', async () => {
    const lines = await describeProposal(
      bft,
      proposeUpdate(bft, withConsenter(bft, await createConsenter(pharmacy, 3))),
    );
    expect(lines.find((line) => /\+ orderer 3 of pharmacy at pharmacy.example:7050, CN=/.test(line))).toBeDefined();
    expect(lines).toContain('+ group /Channel/Orderer/pharmacy');
  });

  it('shows a change that it has no words for, by its hash', async () => {
    const next: ChannelConfig = { channel: 'salus', config: raft.config.cloneMessage() as common.Config };
    const strange = new common.HashingAlgorithm();
    strange.setName('unheard of');
    setValue(rootOf(next), 'Unheard', strange);
    const type = sectionOf(next, 'Orderer').getValuesMap().get('ConsensusType')!;
    type.setValue(Buffer.concat([type.getValue_asU8(), Buffer.from([0xf8, 0x07, 0x01])]));
    const lines = await describeProposal(raft, proposeUpdate(raft, next));
    expect(lines).toContain('+ value /Channel/Unheard');
    expect(lines.find((line) => line.includes('bytes, SHA-256'))).toBeDefined();
    expect(lines).toContain('~ value /Channel/Orderer/ConsensusType');
    expect(lines.find((line) => line.includes('+ content of another form, SHA-256'))).toBeDefined();
  });

  it('tells who may change an element from now on, where that changes', async () => {
    const next: ChannelConfig = { channel: 'salus', config: raft.config.cloneMessage() as common.Config };
    sectionOf(next, 'Application').getPoliciesMap().get('Admins')!.setModPolicy('/Channel/Orderer/Admins');
    expect(await describeProposal(raft, proposeUpdate(raft, next))).toContain(
      '    + changed by /Channel/Orderer/Admins',
    );
  });
});
