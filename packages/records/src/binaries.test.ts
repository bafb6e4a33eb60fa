import { createHash } from 'node:crypto';
import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { CHUNK_BYTES, randomBytes } from '@salus/crypto';
import { scaled } from '@salus/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { demandConsistent } from '../test/consistency.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import type { VaultCaller } from './repository.ts';

const workers = new BundleWorkers(1);
let place: Place;
let patientId: string;
let reader: VaultCaller;
beforeAll(async () => {
  place = await makePlace({ workers });
  const written = await place.vault.repository.transaction(
    await place.writer(),
    bundleOf([
      { resourceType: 'Patient', id: 'p' },
      { resourceType: 'Observation', status: 'final', code: { text: 'x' }, subject: { reference: 'urn:uuid:p' } },
    ]),
  );
  if (written.kind === 'refused') throw new Error(written.code);
  patientId = written.outcomes[0]!.id;
  const { pid } = (await place.vault.patients.findByFhirId(patientId))!;
  reader = { kind: 'patient', who: { kind: 'patient', pid, kid: 'phone' } };
});
afterAll(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
});

const SIZE = scaled(24, 1024) * CHUNK_BYTES;

/** `bytes` of changing content, and its SHA-256 once it was all taken. */
function stream(bytes: number) {
  const hash = createHash('sha256');
  const unit = Buffer.from(randomBytes(65_536));
  const source = async function* () {
    for (let at = 0; at < bytes; at += unit.length) {
      unit.writeDoubleLE(at, 0);
      const piece = Buffer.from(unit.subarray(0, Math.min(unit.length, bytes - at)));
      hash.update(piece);
      yield piece;
    }
  };
  return { source: source(), hash };
}

const binaryOf = () => ({ contentType: 'application/dicom', securityContext: `Patient/${patientId}` });

test(`streams ${SIZE / CHUNK_BYTES} MiB in and out, and stays small in memory`, async () => {
  const { source, hash } = stream(SIZE);
  const before = process.memoryUsage.rss();
  const { id } = await place.vault.binaries.create(await place.writer(), binaryOf(), source);
  const read = await place.vault.binaries.read(reader, id);
  if (read.kind !== 'found') throw new Error(read.kind);
  expect(read).toMatchObject({ contentType: 'application/dicom', sizeBytes: SIZE, versionId: '1' });
  const seen = createHash('sha256');
  for await (const chunk of read.content) seen.update(chunk);
  expect(seen.digest('hex')).toBe(hash.digest('hex'));
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * CHUNK_BYTES);
  await demandConsistent(place.vault);
}, 300_000);

test('lets nobody read without a decision, and logs each', async () => {
  const { id } = await place.vault.binaries.create(await place.writer(), binaryOf(), [Buffer.from('small')]);
  const other: VaultCaller = { kind: 'patient', who: { kind: 'patient', pid: 'x'.repeat(22), kid: 'k' } };
  expect(await place.vault.binaries.read(other, id)).toEqual({ kind: 'refused', code: 'denied' });
  expect(await place.vault.binaries.read(await place.writer(), id)).toEqual({ kind: 'refused', code: 'denied' });
  expect(await place.vault.binaries.read(reader, 'none')).toEqual({ kind: 'not-found' });
  const { pid } = (await place.vault.patients.findByFhirId(patientId))!;
  const lines = await place.vault.audit.listOfPid(pid, { limit: 2 });
  expect(lines.map(({ event }) => event.outcome)).toEqual(['relationship', 'owner']);
  const whole = await place.vault.repository.read(reader, 'Binary', id);
  if (whole.kind !== 'found') throw new Error(whole.kind);
  expect(JSON.parse(whole.text)).toMatchObject({ data: Buffer.from('small').toString('base64') });
});

test('leaves no file of what it refuses', async () => {
  const files = async () =>
    (await readdir(join(place.vault.directory, 'objects', 'attachments'), { recursive: true })).filter((name) =>
      name.endsWith('.attachment'),
    );
  const before = await files();
  const writer = await place.writer();
  const create = (given: Partial<ReturnType<typeof binaryOf>>, as = writer) =>
    place.vault.binaries.create(as, { ...binaryOf(), ...given }, [Buffer.from('x')]);
  await expect(create({ contentType: 'text' })).rejects.toMatchObject({ code: 'bad-input' });
  await expect(create({ securityContext: '../etc' })).rejects.toMatchObject({ code: 'bad-input' });
  await expect(create({ securityContext: 'Patient/none' })).rejects.toMatchObject({ code: 'not-found' });
  const { onBehalfOf: _none, ...undelegated } = writer.writer;
  await expect(create({}, { ...writer, writer: undelegated })).rejects.toMatchObject({ detail: 'delegation-required' });
  expect(await files()).toEqual(before);
});

test('says that content was cut, instead of ending early', async () => {
  const { id } = await place.vault.binaries.create(await place.writer(), binaryOf(), stream(3 * CHUNK_BYTES).source);
  const { attachmentId } = await place.vault.store.read
    .selectFrom('attachment')
    .select('attachmentId')
    .orderBy(sql`rowid`, 'desc')
    .executeTakeFirstOrThrow();
  await truncate(
    join(place.vault.directory, 'objects', 'attachments', attachmentId.slice(0, 2), `${attachmentId}.attachment`),
    2 * CHUNK_BYTES,
  );
  const read = await place.vault.binaries.read(reader, id);
  if (read.kind !== 'found') throw new Error(read.kind);
  const drain = async () => {
    for await (const chunk of read.content) expect(chunk.length).toBeGreaterThan(0);
  };
  await expect(drain()).rejects.toMatchObject({ code: 'attachment-truncated' });
});
