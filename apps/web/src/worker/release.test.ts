import { describe, expect, it } from 'vitest';
import { parseRelease } from './release.ts';

const HASH = 'a'.repeat(64);
const release = { version: 'salus:web-release:v1', policy: "default-src 'none'", files: { '/index.html': HASH } };

describe('a release', () => {
  it('is a policy and the hash of each file', () => {
    expect(parseRelease(JSON.stringify(release))).toEqual(release);
  });

  it('is refused with another version, without files, and with paths or hashes that are none', () => {
    const wrong = [
      null,
      [],
      { ...release, version: 'salus:web-release:v2' },
      { ...release, policy: undefined },
      { ...release, files: {} },
      { ...release, files: { '/index.html': 'A'.repeat(64) } },
      { ...release, files: { '/../x': HASH } },
      { ...release, files: { '//other.example/x': HASH } },
      { ...release, files: { 'https://other.example/x': HASH } },
    ];
    for (const value of wrong) expect(() => parseRelease(JSON.stringify(value))).toThrow(TypeError);
  });
});
