import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readS3Place, s3Below } from './s3-place.ts';

const GIVEN = {
  ...{ endpoint: 'https://s3.example.org', region: 'eu-central-1', bucket: 'salus' },
  ...{ accessKeyId: 'AKIA1', secretAccessKey: 'a-secret-of-many-letters' },
};

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'salus-s3-place-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function fileOf(given: object, mode = 0o600): string {
  const file = join(directory, 'objects.json');
  writeFileSync(file, JSON.stringify(given), { mode });
  chmodSync(file, mode);
  return file;
}

describe('the file of the object storage', () => {
  it('names a bucket, and each organisation gets a prefix in it', () => {
    const place = readS3Place(fileOf({ ...GIVEN, prefix: 'node-1/' }));
    expect(place).toEqual({ ...GIVEN, prefix: 'node-1/' });
    expect(s3Below(place, 'hospital-a').prefix).toBe('node-1/hospital-a/');
    expect(readS3Place(fileOf(GIVEN)).prefix).toBe('');
  });

  it('goes without TLS to the same machine only', () => {
    expect(readS3Place(fileOf({ ...GIVEN, endpoint: 'http://127.0.0.1:7070' })).endpoint).toContain('7070');
    expect(() => readS3Place(fileOf({ ...GIVEN, endpoint: 'http://s3.example.org' }))).toThrow('without TLS');
  });

  it('is its owner’s alone', () => {
    expect(() => readS3Place(fileOf(GIVEN, 0o640))).toThrow('read by others');
  });

  it.each([
    ['an unknown member', { ...GIVEN, sessionToken: 'x' }],
    ['no secret', { ...GIVEN, secretAccessKey: undefined }],
    ['a path in the endpoint', { ...GIVEN, endpoint: 'https://s3.example.org/salus' }],
    ['an account in the endpoint', { ...GIVEN, endpoint: 'https://a:b@s3.example.org' }],
    ['a bucket that leaves its place', { ...GIVEN, bucket: '../other' }],
    ['a prefix that does not end', { ...GIVEN, prefix: 'node-1' }],
  ])('refuses %s, without a word of the secret', (_what, given) => {
    let message = '';
    try {
      readS3Place(fileOf(given));
    } catch (error) {
      expect(error).toMatchObject({ code: 'bad-input' });
      message = (error as Error).message;
    }
    expect(message).not.toBe('');
    expect(message).not.toContain(GIVEN.secretAccessKey);
  });
});
