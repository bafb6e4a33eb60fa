import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedLedger, openLedgerState } from '@salus/ledger';
import { type S3Server, s3Binary, s3Server } from '@salus/testing';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bundleOf } from '../../test/bundle.ts';
import { makePlace, type Place } from '../../test/place.ts';
import { backupData } from '../backup.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { openVault, type Vault } from '../vault.ts';
import { verifyRecords } from '../verify/verify-records.ts';
import type { S3Place } from './s3-place.ts';

const program = s3Binary();
const TIMEOUT_MS = 300_000;
const LARGE = Buffer.alloc(400_000, 'x').toString('base64');
const story = (family: string): string =>
  bundleOf([
    { id: 'p', resourceType: 'Patient', name: [{ family }] },
    {
      ...{ id: 'd', resourceType: 'DocumentReference', status: 'current', subject: { reference: 'urn:uuid:p' } },
      content: [{ attachment: { contentType: 'text/plain', data: LARGE } }],
    },
  ]);

describe.skipIf(program === undefined)('a vault whose objects are in an S3 bucket', () => {
  let server: S3Server;
  let place: Place;
  let s3: S3Place;
  let isOpen = true;
  const workers = new BundleWorkers(1);
  beforeEach(async () => {
    server = await s3Server(program ?? '');
    const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server;
    s3 = { endpoint, region, bucket, accessKeyId, secretAccessKey, prefix: 'hospital-a/' };
    place = await makePlace({ workers });
    isOpen = true;
  }, 240_000);
  afterEach(async () => {
    await place.remove();
    await server[Symbol.asyncDispose]();
  }, 240_000);

  afterAll(() => workers[Symbol.asyncDispose]());

  /** Closes the place's vault and opens it with these objects. */
  async function reopen(objects: S3Place | undefined): Promise<Vault> {
    if (isOpen) await place.vault[Symbol.asyncDispose]();
    isOpen = false;
    const { ledger, clock } = place.consortium;
    const { directory } = place.vault;
    const common = { directory, organisation: 'hospital-a', ledger, clock, workers, masterKey: place.masterKey };
    place.vault = await openVault({ ...common, ...(objects === undefined ? {} : { s3: objects }) });
    isOpen = true;
    return place.vault;
  }

  async function write(family: string): Promise<string> {
    const result = await place.vault.repository.transaction(await place.writer(), story(family));
    if (result.kind === 'refused') throw new Error(result.code);
    return result.outcomes[1]?.id ?? '';
  }

  async function read(id: string): Promise<string> {
    const { vault } = place;
    const record = await vault.rows.findResource('DocumentReference', id);
    if (record === undefined) throw new Error('there is no such document');
    const bytes = await vault.ciphertext.readPlaintext(record);
    return Buffer.from(bytes).toString();
  }

  test(
    'moves there with what it has, writes and reads, and keeps nothing beside',
    async () => {
      const before = await write('Before');
      await reopen(s3);
      const after = await write('After');
      expect(await read(before)).toContain('DocumentReference');
      expect(await read(after)).toContain('DocumentReference');
      expect(readdirSync(place.vault.directory)).not.toContain('objects');
      const stored = readdirSync(join(server.folder, 'hospital-a'), { recursive: true, encoding: 'utf8' });
      expect(stored.filter((name) => name.endsWith('.pack'))).toHaveLength(2);
      expect(stored.filter((name) => name.endsWith('.attachment'))).toHaveLength(2);
      await reopen(s3);
      expect(place.vault.reconciliation).toMatchObject({ discarded: 0, orphans: 0 });
      expect(await read(after)).toContain('DocumentReference');
    },
    TIMEOUT_MS,
  );

  test(
    'opens neither without its bucket nor with another',
    async () => {
      await reopen(s3);
      await expect(reopen(undefined)).rejects.toMatchObject({ code: 'store-refused' });
      await expect(reopen({ ...s3, prefix: 'elsewhere/' })).rejects.toMatchObject({ code: 'store-refused' });
      await expect(reopen({ ...s3, secretAccessKey: 'not-the-secret-key' })).rejects.toMatchObject({
        code: 'store-refused',
      });
      await reopen(s3);
    },
    TIMEOUT_MS,
  );

  test(
    'writes nothing while the bucket cannot be reached, and all of it afterwards',
    async () => {
      await reopen(s3);
      const first = await write('First');
      await server.kill();
      await expect(write('Second')).rejects.toThrow('store-unavailable');
      await expect(read(first)).rejects.toMatchObject({ code: 'store-unavailable' });
      await server.start();
      expect(await read(await write('Second'))).toContain('DocumentReference');
      expect(await read(first)).toContain('DocumentReference');
    },
    TIMEOUT_MS,
  );

  test(
    'finds changed bytes of an object',
    async () => {
      await reopen(s3);
      const id = await write('First');
      const packs = readdirSync(join(server.folder, 'hospital-a', 'packs'));
      const file = join(server.folder, 'hospital-a', 'packs', packs[0] ?? '');
      const bytes = readFileSync(file);
      writeFileSync(file, bytes.fill(1));
      await expect(read(id)).rejects.toMatchObject({ code: expect.any(String) });
    },
    TIMEOUT_MS,
  );

  test(
    'is in a backup as files, which verify',
    async () => {
      await reopen(s3);
      await write('First');
      const directory = await mkdtemp(join(tmpdir(), 'salus-copied-'));
      const ledger = place.consortium.ledger as EmbeddedLedger;
      await backupData({ vaults: [place.vault], ledger, directory, clock: place.consortium.clock });
      using copied = openLedgerState(join(directory, 'ledger', 'ledger.sqlite'));
      const at = { directory: join(directory, 'orgs', 'hospital-a'), organisation: 'hospital-a', ledger: copied };
      const { findings, seen } = await verifyRecords(at);
      expect(findings).toEqual([]);
      expect(seen).toMatchObject({ objects: 2, attachments: 1 });
      await rm(directory, { recursive: true });
    },
    TIMEOUT_MS,
  );
});
