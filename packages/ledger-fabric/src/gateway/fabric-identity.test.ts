import { generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { msp } from '@hyperledger/fabric-protos';
import { describe, expect, it } from 'vitest';
import type { FabricConnection } from '../connection-file.ts';
import { readFabricIdentity } from './fabric-identity.ts';

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
