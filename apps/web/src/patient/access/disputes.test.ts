import { leafReferenceOf, type OwnRecord } from '@salus/client';
import { expect, it } from 'vitest';
import type { PatientSession } from '../../session/index.ts';
import { leafOfShown, stateDispute } from './disputes.ts';

const hash = (letter: string): string => `${letter.repeat(42)}A`;
const sealed: OwnRecord['sealed'] = {
  ...{ recordId: 'r', version: 2, keyId: 'k', callId: hash('c'), leafIndex: 1, proof: [hash('p')] },
  ...{ ciphertextHash: hash('d'), contentHash: hash('e'), ciphertext: '', wrap: '', salt: hash('s') },
};
const opened = { recordId: 'r', version: 2, text: '{"a":1}', plaintext: '{"a":1}', sealed };
const shown = { recordId: 'r', version: 2, text: '{"a":1}' };

it('a statement names the leaf of what was opened here', () => {
  const leaf = leafOfShown(shown, opened);
  expect(leaf).toEqual({
    ...{ leafHash: leafReferenceOf(sealed).leafHash, keyId: 'k', batch: hash('c'), index: 1, proof: [hash('p')] },
  });
  const others = [{ recordId: 'other' }, { version: 3 }, { contentHash: hash('f') }, { ciphertextHash: hash('f') }];
  const hashes = others.map((change) => leafReferenceOf({ ...sealed, ...change }).leafHash);
  expect(new Set([...hashes, leafReferenceOf(sealed).leafHash]).size).toBe(others.length + 1);
});

it('nothing is signed about another version, record or text than was shown', () => {
  expect(leafOfShown({ ...shown, version: 1 }, opened)).toBe('changed');
  expect(leafOfShown({ ...shown, recordId: 'q' }, opened)).toBe('changed');
  expect(() => leafOfShown({ ...shown, text: '{"a":2}' }, opened)).toThrow(
    expect.objectContaining({ code: 'proof-invalid' }),
  );
});

it('what a node exchanges between showing and signing is not signed, whoever acts and whatever the device keeps', async () => {
  const touched: string[] = [];
  const patient = new Proxy({} as PatientSession, {
    get: (_, name) => {
      touched.push(String(name));
      throw new Error('nothing is signed or sent');
    },
  });
  const given = { entry: { organisation: 'hospital-a', pid: 'p'.repeat(22) }, shown, text: 'It is wrong.' };
  const asNow = (now: Partial<typeof opened>) => stateDispute(patient, given, async () => ({ ...opened, ...now }));
  expect(await asNow({ version: 3, text: '{"a":3}' })).toBe('changed');
  await expect(asNow({ text: '{"a":3}' })).rejects.toMatchObject({ code: 'proof-invalid' });
  expect(touched).toEqual([]);
  await expect(asNow({})).rejects.toThrow('nothing is signed or sent');
});
