import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPeerAddresses } from './peer-directory.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'salus-peers-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(text: string): string {
  const file = join(directory, 'peers.json');
  writeFileSync(file, text);
  return file;
}

describe('the addresses of other organisations’ exchanges', () => {
  it('are https origins by slug', () => {
    const file = write('{"hospital-b": "https://b.example:8481/", "laboratory": "https://127.0.0.1:8482"}');
    expect([...readPeerAddresses(file)]).toEqual([
      ['hospital-b', { exchange: 'https://b.example:8481', public: 'https://b.example:8481' }],
      ['laboratory', { exchange: 'https://127.0.0.1:8482', public: 'https://127.0.0.1:8482' }],
    ]);
  });

  it('may stand beside the address that clients use', () => {
    const file = write('{"hospital-b": {"exchange": "https://b.example:8481", "public": "https://fhir.b.example/"}}');
    expect([...readPeerAddresses(file)]).toEqual([
      ['hospital-b', { exchange: 'https://b.example:8481', public: 'https://fhir.b.example' }],
    ]);
  });

  it.each([
    '{',
    '{"hospital-b": "http://b.example"}',
    '{"hospital-b": 7}',
    '{"hospital-b": {"public": "https://b.example"}}',
    '{"hospital-b": {"exchange": "https://b.example", "public": "ftp://b.example"}}',
    '{"Hospital B": "https://b.example"}',
    '{"a-b": "https://a", "a-b": "https://b"}',
  ])('are refused as a setting when they are %s', (text) => {
    const file = write(text);
    expect(() => readPeerAddresses(file)).toThrow(expect.objectContaining({ code: 'bad-setting' }));
  });

  it('are refused when the file is not there', () => {
    expect(() => readPeerAddresses(join(directory, 'absent.json'))).toThrow(/does not exist/);
  });
});
