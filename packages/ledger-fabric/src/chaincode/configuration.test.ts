import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateHpkeKey, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONFIGURATION_VERSION, PRIVATE_KEY_VERSION, readChaincodeConfiguration } from './configuration.ts';

const key = await generateHpkeKey();
const privateKey = toBase64url(key.privateKey);
const tls = { certificateFile: 'server.pem', keyFile: 'server.key', clientAuthorityFile: 'peers.pem' };
const good = {
  version: CONFIGURATION_VERSION,
  network: 'AAAAAAAAAAAAAAAAAAAAAA',
  organisation: 'hospital-a',
  tls,
  privateKeyFile: 'private.key',
};
const goodKey = { version: PRIVATE_KEY_VERSION, publicKey: key.publicKey, privateKey };

describe('the configuration of a chaincode', () => {
  let folder: string;
  const write = (name: string, content: unknown): string => {
    const file = join(folder, name);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'salus-configuration-'));
    for (const name of ['server.pem', 'server.key', 'peers.pem']) write(name, name);
    write('private.key', goodKey);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read with the files that it names, relative to itself', () => {
    const read = readChaincodeConfiguration(write('config.json', good));
    expect(read).toMatchObject({ network: good.network, organisation: 'hospital-a', folder });
    expect(read.tls.certificate.toString()).toBe('server.pem');
    expect(read.privateKey).toEqual({ publicKey: key.publicKey, privateKey: new Uint8Array(key.privateKey) });
  });

  it.each<[string, unknown]>([
    ['no JSON', '{'],
    ['a list', []],
    ['another version', { ...good, version: 'salus:chaincode:v2' }],
    ['an unknown member', { ...good, password: 'x' }],
    ['no network', { ...good, network: 'short' }],
    ['a name that is no slug', { ...good, organisation: 'Hospital A' }],
    ['no TLS', { ...good, tls: { ...tls, keyFile: undefined } }],
    ['a path that is none', { ...good, tls: { ...tls, keyFile: 1 } }],
    ['a file that is not there', { ...good, tls: { ...tls, keyFile: 'absent.key' } }],
    ['a key file that is not there', { ...good, privateKeyFile: 'absent.key' }],
    ['a key file that is none', { ...good, privateKeyFile: 'server.pem' }],
    ['more than it may hold', { ...good, organisation: 'a'.repeat(20_000) }],
  ])('is refused when it has %s', (_, content) => {
    const bad = expect.objectContaining({ code: 'bad-configuration' });
    expect(() => readChaincodeConfiguration(write('config.json', content))).toThrow(bad);
  });

  it.each<[string, unknown]>([
    ['another version', { ...goodKey, version: 'salus:chaincode-key:v2' }],
    ['no private key', { ...goodKey, privateKey: undefined }],
    ['a key in another encoding', { ...goodKey, privateKey: `${privateKey}=` }],
  ])('is refused, without a word of the key, when the key file has %s', (_, content) => {
    write('private.key', content);
    const file = write('config.json', good);
    expect(() => readChaincodeConfiguration(file)).toThrow(expect.objectContaining({ code: 'bad-configuration' }));
    expect(() => readChaincodeConfiguration(file)).not.toThrow(privateKey);
  });

  it('is refused when it is not there', () => {
    expect(() => readChaincodeConfiguration(join(folder, 'absent.json'))).toThrow('cannot be read');
  });
});
