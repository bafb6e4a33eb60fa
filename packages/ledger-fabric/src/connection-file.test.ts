import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateHpkeKey } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { parseFabricConnection, readFabricConnection } from './connection-file.ts';

const { publicKey } = await generateHpkeKey();

const valid = {
  version: 'salus:fabric:v1',
  network: 'AAAAAAAAAAAAAAAAAAAAAA',
  channel: 'care',
  chaincode: 'salus',
  organisation: 'hospital-a',
  peers: [{ name: 'peer0', endpoint: '127.0.0.1:7051', tlsAuthorityFile: 'tls/ca.pem' }],
  identity: { certificateFile: 'users/node/cert.pem', keyFile: '/etc/salus/key.pem' },
  chaincodeKey: publicKey,
  bundles: '../../bundles',
  founder: true,
};

const parse = (value: unknown) => parseFabricConnection(Buffer.from(JSON.stringify(value)), '/srv/organisations/a');

describe('a connection file', () => {
  it('is read with its paths relative to it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'salus-connection-'));
    const file = join(folder, 'connection.json');
    writeFileSync(file, JSON.stringify(valid));
    try {
      const { peers, identity, bundles, organisation } = readFabricConnection(file);
      expect(organisation).toBe('hospital-a');
      expect(peers[0].tlsAuthorityFile).toBe(join(folder, 'tls/ca.pem'));
      expect(identity).toEqual({
        certificateFile: join(folder, 'users/node/cert.pem'),
        keyFile: '/etc/salus/key.pem',
      });
      expect(bundles).toBe(join(folder, '../../bundles'));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is refused when it is absent, no JSON, or too large', () => {
    expect(() => readFabricConnection('/nowhere/connection.json')).toThrow(/cannot be read/);
    expect(() => parseFabricConnection(Buffer.from('{'), '/')).toThrow(/not JSON/);
    expect(() => parseFabricConnection(Buffer.alloc(65_537, ' '), '/')).toThrow(/not JSON within its bounds/);
  });

  it('is refused with the field that is wrong', () => {
    const [peer] = valid.peers;
    const cases: [change: object, message: RegExp][] = [
      [{ version: 'salus:fabric:v2' }, /version is not/],
      [{ network: 'short' }, /network is not/],
      [{ channel: 'Care' }, /channel is not/],
      [{ chaincode: 'sa lus' }, /chaincode is not/],
      [{ organisation: 'HospitalOrg' }, /organisation is not/],
      [{ peers: [] }, /peers are not 1 to 16/],
      [{ peers: [{ ...peer, endpoint: '127.0.0.1' }] }, /peers\[0\]\.endpoint is not host:port/],
      [{ peers: [{ ...peer, endpoint: '127.0.0.1:70000' }] }, /peers\[0\]\.endpoint has no port/],
      [{ peers: [{ ...peer, mode: 'tcp' }] }, /peers\[0\] does not have exactly the members/],
      [{ identity: { certificateFile: 'cert.pem' } }, /identity does not have exactly/],
      [{ identity: { certificateFile: '', keyFile: 'key.pem' } }, /identity\.certificateFile is not a path/],
      [{ chaincodeKey: 'AAAA' }, /chaincodeKey is not/],
      [{ founder: 'yes' }, /founder is not/],
      [{ password: 'x' }, /does not have exactly the members/],
    ];
    for (const [change, message] of cases)
      expect(() => parse({ ...valid, ...change }), String(message)).toThrow(message);
    expect(parse(valid).founder).toBe(true);
    expect(cases.length).toBe(14);
  });
});
