import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDocuments, DOCUMENT_BYTES_MAX, type Documents } from './documents.ts';
import { createMasterKey } from './master-key.ts';
import { rowsLog } from './rows-log.ts';
import { openStore, type Store } from './store/database.ts';

let directory: string;
let store: Store;
let documents: Documents;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'salus-documents-'));
  store = await openStore(join(directory, 'records.sqlite'));
  const masterKey = createMasterKey(randomBytes(32), {
    network: toBase64url(randomBytes(16)),
    organisation: 'hospital-a',
  });
  documents = createDocuments({ store, masterKey, rowsLog });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

it('keeps documents by kind and name, replaces and deletes them', async () => {
  await documents.put('account', 'a.rossi', { id: 'first' });
  await documents.put('account', 'a.rossi', { id: 'second' });
  await documents.put('wallet-backup', 'a.rossi', { other: true });
  expect(await documents.find('account', 'a.rossi')).toEqual({ id: 'second' });
  expect(await documents.list('account')).toEqual([{ name: 'a.rossi', value: { id: 'second' } }]);
  await documents.delete('account', 'a.rossi');
  await documents.delete('account', 'a.rossi');
  expect(await documents.find('account', 'a.rossi')).toBeUndefined();
  expect(await documents.find('wallet-backup', 'a.rossi')).toEqual({ other: true });
});

it('leaves neither name nor value readable in any file', async () => {
  await documents.put('account', 'chiara.rossi', { secret: 'a-passphrase-hash' });
  const files = readdirSync(directory);
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const bytes = readFileSync(join(directory, file));
    expect(bytes.includes('chiara.rossi')).toBe(false);
    expect(bytes.includes('a-passphrase-hash')).toBe(false);
  }
});

it('covers each change in the rows log, a deletion too', async () => {
  const entries = async (): Promise<number> => (await store.read.selectFrom('rowEntry').select('seq').execute()).length;
  const before = await entries();
  await documents.put('setting', 'x', 1);
  await documents.delete('setting', 'x');
  expect(await entries()).toBe(before + 2);
});

it('refuses what is too large', async () => {
  await expect(documents.put('setting', 'x', 'x'.repeat(DOCUMENT_BYTES_MAX))).rejects.toMatchObject({
    code: 'too-large',
  });
});
