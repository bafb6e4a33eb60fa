import { createHash } from 'node:crypto';
import { common, gateway, peer } from '@hyperledger/fabric-protos';
import { describe, expect, it } from 'vitest';
import { newProposal } from './proposal.ts';

describe('a proposal', () => {
  it('says what Fabric reads from one: id, time, channel, chaincode, arguments, transient field, endorsers', () => {
    const { txId, bytes } = newProposal({
      creator: Buffer.from('creator'),
      channel: 'care',
      chaincode: 'salus',
      args: [Buffer.from('submit'), Buffer.from('{}')],
      transient: new Map([['private', Buffer.from('sealed')]]),
      endorsers: ['hospital-a', 'laboratory'],
      timestampMs: 1_763_700_000_123,
    });
    const proposed = gateway.ProposedTransaction.deserializeBinary(bytes);
    expect(proposed.getTransactionId()).toBe(txId);
    expect(proposed.getEndorsingOrganizationsList()).toEqual(['hospital-a', 'laboratory']);
    const proposal = peer.Proposal.deserializeBinary(proposed.getProposal()!.getProposalBytes_asU8());
    const header = common.Header.deserializeBinary(proposal.getHeader_asU8());
    const signature = common.SignatureHeader.deserializeBinary(header.getSignatureHeader_asU8());
    const nonce = signature.getNonce_asU8();
    expect(nonce.length).toBe(24);
    expect(createHash('sha256').update(nonce).update('creator').digest('hex')).toBe(txId);
    const channel = common.ChannelHeader.deserializeBinary(header.getChannelHeader_asU8());
    expect(channel.getTimestamp()!.toDate().getTime()).toBe(1_763_700_000_123);
    expect([channel.getChannelId(), channel.getTxId(), channel.getType()]).toEqual(['care', txId, 3]);
    const payload = peer.ChaincodeProposalPayload.deserializeBinary(proposal.getPayload_asU8());
    const spec = peer.ChaincodeInvocationSpec.deserializeBinary(payload.getInput_asU8()).getChaincodeSpec()!;
    expect(spec.getChaincodeId()!.getName()).toBe('salus');
    const args = spec.getInput()!.getArgsList_asU8();
    expect(args.map((arg) => Buffer.from(arg).toString())).toEqual(['submit', '{}']);
    expect(Buffer.from(payload.getTransientmapMap().get('private') as Uint8Array).toString()).toBe('sealed');
  });
});
