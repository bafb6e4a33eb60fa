import { randomBytes, toBase64url } from '@salus/crypto';
import { expect, test } from 'vitest';
import { createMasterKey, MASTER_KEY_BYTES } from './master-key.ts';

const network = toBase64url(randomBytes(16));
const bytes = randomBytes(MASTER_KEY_BYTES);
const key = createMasterKey(bytes, { network, organisation: 'hospital-a' });

test('opens what it sealed, for the same use and place only', () => {
  const sealed = key.seal('record', ['r', 1], Buffer.from('text'));
  expect(Buffer.from(key.open('record', ['r', 1], sealed)).toString()).toBe('text');
  expect(() => key.open('record', ['r', 2], sealed)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  expect(() => key.open('patient', ['r', 1], sealed)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

test('refuses every changed byte and every cut', () => {
  const sealed = key.seal('record', [], Buffer.from('text'));
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(() => key.open('record', [], changed)).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(() => key.open('record', [], sealed.subarray(0, at))).toThrow(expect.objectContaining({ code: 'corrupt' }));
  }
});

test('seals the same text differently each time, and keeps JSON', () => {
  expect(key.seal('record', [], Buffer.from('text'))).not.toEqual(key.seal('record', [], Buffer.from('text')));
  const value = { a: [1, null, 'ä'], b: true };
  expect(key.openJson('record', [], key.sealJson('record', [], value))).toEqual(value);
});

test('gives equal tokens for equal parts only, and others for another use, organisation, network or key', () => {
  const token = key.token('identifier', 'Patient', 'urn:mrn', '42');
  expect(token).toMatch(/^[\w-]{22}$/);
  expect(key.token('identifier', 'Patient', 'urn:mrn', '42')).toBe(token);
  const others = [
    key.token('identifier', 'Patient', 'urn:mrn4', '2'),
    key.token('identifier', 'Patient', 'urn:mrn', '42', ''),
    key.token('resource', 'Patient', 'urn:mrn', '42'),
    createMasterKey(bytes, { network, organisation: 'hospital-b' }).token('identifier', 'Patient', 'urn:mrn', '42'),
    createMasterKey(bytes, { network: toBase64url(randomBytes(16)), organisation: 'hospital-a' }).token(
      'identifier',
      'Patient',
      'urn:mrn',
      '42',
    ),
    createMasterKey(randomBytes(32), { network, organisation: 'hospital-a' }).token(
      'identifier',
      'Patient',
      'urn:mrn',
      '42',
    ),
  ];
  expect(new Set([token, ...others]).size).toBe(7);
});

test('takes 32 bytes and nothing else', () => {
  for (const length of [0, 16, 31, 33]) {
    expect(() => createMasterKey(new Uint8Array(length), { network, organisation: 'hospital-a' })).toThrow(
      expect.objectContaining({ code: 'master-key' }),
    );
  }
});
