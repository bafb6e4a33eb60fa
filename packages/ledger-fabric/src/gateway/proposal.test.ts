import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { common, gateway, msp, peer } from '@hyperledger/fabric-protos';
import { describe, expect, it } from 'vitest';
import type { FabricConnection } from '../connection-file.ts';
import { readFabricIdentity } from './fabric-identity.ts';
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

describe('the node’s Fabric identity', () => {
  it('signs as Fabric verifies: SHA-256, DER, low S', () => {
    const folder = mkdtempSync(join(tmpdir(), 'salus-identity-'));
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keyFile = join(folder, 'key.pem');
    const certificateFile = join(folder, 'cert.pem');
    writeFileSync(keyFile, privateKey.export({ type: 'sec1', format: 'pem' }));
    writeFileSync(certificateFile, 'certificate');
    const connection = { organisation: 'hospital-a', identity: { certificateFile, keyFile } } as FabricConnection;
    try {
      const identity = readFabricIdentity(connection);
      const creator = msp.SerializedIdentity.deserializeBinary(identity.creator);
      expect([creator.getMspid(), Buffer.from(creator.getIdBytes_asU8()).toString()]).toEqual([
        'hospital-a',
        'certificate',
      ]);
      // Numbers of every length of their first byte.
      for (let at = 0; at < 300; at += 1) {
        const message = Buffer.from(`message ${at}`);
        const signature = identity.sign(message);
        expect(verify('sha256', message, publicKey, signature)).toBe(true);
        const s = Buffer.from(signature).subarray(-Math.min(32, signature[5 + signature[3]!]!));
        expect(s.length < 32 || s[0]! < 0x80).toBe(true);
      }
      writeFileSync(keyFile, 'no key');
      expect(() => readFabricIdentity(connection)).toThrow(/no P-256 key in PEM/);
      rmSync(certificateFile);
      expect(() => readFabricIdentity(connection)).toThrow(/certificate cannot be read/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
