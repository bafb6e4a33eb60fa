import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { type ChaincodeService, createChaincodePackage } from './package.ts';

const SERVICE: ChaincodeService = {
  label: `salus_1.0.0-${'ab'.repeat(32)}`,
  address: '127.0.0.1:7052',
  tls: { rootCertificate: 'root', clientCertificate: 'certificate', clientKey: 'key' },
};

async function unpack(bytes: Buffer): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = extract();
  const done = (async () => {
    for await (const entry of reader) {
      const parts: Buffer[] = [];
      for await (const part of entry as AsyncIterable<Buffer>) parts.push(part);
      files.set(entry.header.name, Buffer.concat(parts));
    }
  })();
  reader.end(gunzipSync(bytes));
  await done;
  return files;
}

describe('createChaincodePackage', () => {
  it('holds its type and where the service is reached over mutual TLS, and nothing else', async () => {
    const { bytes } = createChaincodePackage(SERVICE);
    const outer = await unpack(bytes);
    expect([...outer.keys()]).toEqual(['metadata.json', 'code.tar.gz']);
    expect(JSON.parse(outer.get('metadata.json')!.toString())).toEqual({ type: 'ccaas', label: SERVICE.label });
    const inner = await unpack(outer.get('code.tar.gz')!);
    expect([...inner.keys()]).toEqual(['connection.json']);
    expect(JSON.parse(inner.get('connection.json')!.toString())).toEqual({
      address: SERVICE.address,
      dial_timeout: '10s',
      tls_required: true,
      client_auth_required: true,
      root_cert: 'root',
      client_cert: 'certificate',
      client_key: 'key',
    });
  });

  it('names itself by label and SHA-256, the same on every run', () => {
    const first = createChaincodePackage(SERVICE);
    expect(createChaincodePackage(SERVICE)).toEqual(first);
    expect(first.packageId).toBe(`${SERVICE.label}:${createHash('sha256').update(first.bytes).digest('hex')}`);
    // A changed byte of the format would give every organisation a new package id at its next start.
    expect(createHash('sha256').update(first.bytes).digest('hex')).toMatchInlineSnapshot(
      `"eefdf969df171f800b0a159002528ea43341cafbb91e6781a70aa5a4899bf72d"`,
    );
  });

  it('is another one for another address or key', () => {
    const ids = [
      SERVICE,
      { ...SERVICE, address: '127.0.0.1:7053' },
      { ...SERVICE, tls: { ...SERVICE.tls, clientKey: 'other' } },
    ].map((service) => createChaincodePackage(service).packageId);
    expect(new Set(ids).size).toBe(3);
  });

  it.each([
    ['an empty label', { label: '' }],
    ['a label with a path', { label: '../salus' }],
    ['an address without a port', { address: '127.0.0.1' }],
    ['an address with a scheme', { address: 'https://127.0.0.1:7052' }],
  ])('refuses %s', (_what, changes) => {
    expect(() => createChaincodePackage({ ...SERVICE, ...changes })).toThrow(
      expect.objectContaining({ code: 'bad-input' }),
    );
  });
});
