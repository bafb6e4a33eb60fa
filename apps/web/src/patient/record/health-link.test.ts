import { createHash } from 'node:crypto';
import { SHLViewer } from 'kill-the-clipboard';
import { describe, expect, it } from 'vitest';
import { healthLinkOf, LABEL_LENGTH_MAX, sealForLink } from './health-link.ts';

const TEXT = '{"resourceType":"Bundle","type":"collection","entry":[]}';
const EXPIRES_MS = Date.UTC(2030, 0, 1);

const link = (key: string, label = 'For Dr X') =>
  healthLinkOf({ url: 'https://node.example/shl/abc', key, expiresMs: EXPIRES_MS, flags: 'P', label });

/** A node that hosts one file and writes down what it was sent. */
function hosting(jwe: string): { readonly requests: string[]; readonly fetch: typeof fetch } {
  const requests: string[] = [];
  const answer = async (_url: unknown, init?: RequestInit) => {
    requests.push(String(init?.body));
    const files = [{ contentType: 'application/fhir+json', embedded: jwe }];
    return new Response(JSON.stringify({ files }), { headers: { 'content-type': 'application/json' } });
  };
  return { requests, fetch: answer as typeof fetch };
}

describe('a SMART Health Link', () => {
  it('is opened by an independent reader, whose node never sees the key', async () => {
    const { key, file } = await sealForLink(TEXT);
    const { requests, fetch } = hosting(file.jwe);
    const viewer = new SHLViewer({ shlinkURI: link(key), fetch });
    expect([viewer.shl.requiresPasscode, viewer.shl.label]).toEqual([true, 'For Dr X']);
    const { fhirResources } = await viewer.resolveSHL({ recipient: 'Dr X', passcode: '123456' });
    expect(fhirResources).toEqual([JSON.parse(TEXT)]);
    expect(requests).toHaveLength(1);
    expect(requests.join()).not.toContain(key);
  });

  it('is refused by that reader with another key', async () => {
    const { file } = await sealForLink(TEXT);
    const other = await sealForLink(TEXT);
    const viewer = new SHLViewer({ shlinkURI: link(other.key), fetch: hosting(file.jwe).fetch });
    await expect(viewer.resolveSHL({ recipient: 'Dr X', passcode: '123456' })).rejects.toThrow('JWE decryption failed');
  });

  it('has a key and a ciphertext of its own each time, without the text', async () => {
    const [one, two] = [await sealForLink(TEXT), await sealForLink(TEXT)];
    expect(one.key).not.toBe(two.key);
    expect(createHash('sha256').update(one.file.jwe).digest('hex')).not.toBe(
      createHash('sha256').update(two.file.jwe).digest('hex'),
    );
    expect(one.file.jwe).not.toContain('Bundle');
  });

  it('cuts a label to what the specification allows', async () => {
    const { key } = await sealForLink(TEXT);
    const viewer = new SHLViewer({ shlinkURI: link(key, 'x'.repeat(200)) });
    expect(viewer.shl.label).toHaveLength(LABEL_LENGTH_MAX);
  });
});
