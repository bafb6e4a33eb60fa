import { readFileSync } from 'node:fs';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { leafKey, type SignedCall } from '@salus/contracts';
import {
  deriveSigningKey,
  fromUtf8,
  generateHpkeKey,
  hashTuple,
  kidOf,
  randomBytes,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { demandConsistent } from '../test/consistency.ts';
import { signAs, submitAs } from '../test/network.ts';
import { bytesBelow, makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import type { CrashPoint } from './crash-points.ts';
import { leafReference } from './leaf-reference.ts';
import type { Owner, StoredRecord } from './vault-types.ts';

const workers = new BundleWorkers(1);
let place: Place;
let armed: CrashPoint | undefined;
beforeEach(async () => {
  armed = undefined;
  const crash = (point: CrashPoint) => {
    if (point === armed) throw new Error(`stopped at ${point}`);
  };
  place = await makePlace({ workers, crash });
});
afterEach(() => place.remove());
afterAll(() => workers[Symbol.asyncDispose]());

const LARGE = Buffer.alloc(400_000, 'attached').toString('base64');

/** A claimed patient with an observation of two versions and a document, and another's record in the same pack. */
async function makeStory() {
  const caller = await place.writer();
  const bundle = bundleOf([
    { id: 'p', resourceType: 'Patient', identifier: [{ system: 'urn:mrn', value: '4711' }] },
    {
      id: 'o',
      resourceType: 'Observation',
      status: 'final',
      subject: { reference: 'urn:uuid:p' },
      code: { text: 'kept' },
    },
    {
      id: 'd',
      resourceType: 'DocumentReference',
      status: 'current',
      subject: { reference: 'urn:uuid:p' },
      content: [{ attachment: { contentType: 'application/pdf', data: LARGE } }],
    },
    {
      id: 'x',
      resourceType: 'Observation',
      status: 'final',
      subject: { reference: 'urn:uuid:p' },
      code: { text: 'stays' },
    },
  ]);
  const written = await place.vault.repository.transaction(caller, bundle);
  if (written.kind === 'refused') throw new Error(JSON.stringify(written.issues));
  const [patientId, observationId, documentId, staysId] = written.outcomes.map(({ id }) => id) as [
    string,
    string,
    string,
    string,
  ];
  const { pid } = (await place.vault.patients.findByFhirId(patientId))!;
  const { clinician, registrar } = place.organisation;
  const nowMs = Date.now();
  const by = { kind: 'member', id: registrar.id, organisation: 'hospital-a', roles: registrar.roles } as const;
  await place.vault.access.assign(by, { pid, actor: clinician.id, fromMs: 0, untilMs: nowMs }).catch(() => undefined);
  await place.vault.access.assign(by, { pid, actor: clinician.id, fromMs: nowMs - 1000, untilMs: nowMs + 3_600_000 });
  const read = await place.vault.repository.read(caller, 'Observation', observationId);
  if (read.kind !== 'found') throw new Error(read.kind);
  const corrected = await place.vault.repository.update(
    caller,
    { type: 'Observation', id: observationId },
    { bytes: read.text.replace('kept', 'corrected'), format: 'json' },
  );
  if (corrected.kind === 'refused') throw new Error(corrected.code);
  const device = await claim(pid, patientId);
  return { caller, pid, patientId, observationId, documentId, staysId, device };
}

/** The patient claims with a device of its own. */
async function claim(pid: string, patientId: string) {
  const { writer } = await place.writer();
  const slip = await place.vault.patients.issueSlip(writer, patientId);
  const { ledger, clock, network } = place.consortium;
  const device = deriveSigningKey(randomBytes(32), 'device');
  const recovery = deriveSigningKey(randomBytes(32), 'recovery');
  const hpke = await generateHpkeKey();
  const signer = signerFromPkcs8(device.privateKey);
  const statement = hashTuple('device', network, pid, device.publicKey, hpke.publicKey);
  const proof = toBase64url(signer.signSync(utf8(statement)));
  const claimKey = signerFromPkcs8(deriveSigningKey(slip.seed, `claim/${pid}`).privateKey);
  const devices = [{ publicKey: device.publicKey, hpke: hpke.publicKey, proof }];
  const args = { sequence: 1, recovery: recovery.publicKey, devices };
  await submitAs(ledger, { signerName: `claim:${pid}`, signer: claimKey }, 'patient.claim', args, clock());
  return { signerName: `pid:${pid}/${kidOf(device.publicKey)}`, signer, hpke };
}

type Story = Awaited<ReturnType<typeof makeStory>>;

async function versionsOf(type: string, id: string): Promise<readonly StoredRecord[]> {
  const current = (await place.vault.rows.findResource(type, id))!;
  const all = await Promise.all(
    Array.from({ length: current.version }, (_, at) => place.vault.rows.findRecord(current.recordId, at + 1)),
  );
  return all.filter((record) => record !== undefined);
}

async function eraseCall(story: Story, records: readonly StoredRecord[]) {
  const leaves = await Promise.all(records.map((record) => leafReference(place.vault.rows, record)));
  const { ledger, clock } = place.consortium;
  return signAs(ledger.network, story.device, 'record.erase', { leaves }, clock());
}

test('leaves no byte of an erased record in packs, attachments and database, and its neighbours whole', async () => {
  const story = await makeStory();
  const records = [
    ...(await versionsOf('Observation', story.observationId)),
    ...(await versionsOf('DocumentReference', story.documentId)),
  ];
  expect(records).toHaveLength(3);
  const needles: Buffer[] = [];
  for (const record of records) {
    const ciphertext = Buffer.from(await place.vault.ciphertext.readCiphertext(record));
    for (let at = 0; at + 16 <= ciphertext.length; at += 16) needles.push(ciphertext.subarray(at, at + 16));
    needles.push(Buffer.from(record.wrap));
    const row = await place.vault.store.read
      .selectFrom('record')
      .select('sealed')
      .where('leafHash', '=', record.leafHash)
      .executeTakeFirstOrThrow();
    needles.push(Buffer.from(row.sealed!).subarray(1, 33));
  }
  const [{ attachmentId }] = (await place.vault.store.read
    .selectFrom('attachment')
    .select('attachmentId')
    .execute()) as [{ attachmentId: string }];
  const file = join(
    place.vault.directory,
    'objects',
    'attachments',
    attachmentId.slice(0, 2),
    `${attachmentId}.attachment`,
  );
  needles.push(readFileSync(file).subarray(1000, 1032));
  const before = await bytesBelow(place.vault.directory);
  expect(needles.every((needle) => before.includes(needle))).toBe(true);

  const who = { kind: 'patient', pid: story.pid, kid: 'phone' } as const;
  const { erased } = await place.vault.leafStates.erase(await eraseCall(story, records), who);
  expect(erased).toBe(3);
  const after = await bytesBelow(place.vault.directory);
  expect(needles.filter((needle) => after.includes(needle))).toEqual([]);

  const asPatient = { kind: 'patient', who } as const;
  expect(await place.vault.repository.read(asPatient, 'Observation', story.observationId)).toEqual({
    kind: 'not-found',
  });
  expect(await place.vault.repository.read(asPatient, 'Observation', story.staysId)).toMatchObject({ kind: 'found' });
  await demandConsistent(place.vault);
  const lines = await place.vault.audit.listOfPid(story.pid, { limit: 20 });
  expect(lines.filter(({ event }) => event.kind === 'erasure')).toHaveLength(1);
  await place.restart();
  await demandConsistent(place.vault);
});

test('what a patient stated about an erased version goes with it, with the answer, after a crash too', async () => {
  const story = await makeStory();
  const erased = await versionsOf('Observation', story.observationId);
  const [stays] = await versionsOf('Observation', story.staysId);
  const { disputes, store } = place.vault;
  const keep = (dispute: string, { recordId, version, leafHash }: StoredRecord) => {
    const named = { network: place.consortium.network, pid: story.pid, dispute };
    const statement = { version: 'salus:dispute:v1', ...named, leafHash, text: `quotes ${dispute}` } as const;
    const said = { version: 'salus:dispute-answer:v1', ...named, outcome: 'declined', text: 'quotes it too' } as const;
    const answer = { answer: said, salt: '', by: 'doctor' };
    const kept = { dispute, pid: story.pid, recordId, version, reference: 'Observation/1', statement, salt: '' };
    return disputes.locked(async () => {
      await disputes.put({ ...kept, call: {} as SignedCall, answer });
      await disputes.add(story.pid, dispute);
    });
  };
  await keep('of-erased', erased[0]!);
  await keep('of-other', stays!);
  const sealed = await store.read.selectFrom('document').select('sealed').where('kind', '=', 'dispute').execute();
  armed = 'erase:after-ledger';
  const who = { kind: 'patient', pid: story.pid, kid: 'phone' } as const;
  await expect(place.vault.leafStates.erase(await eraseCall(story, erased), who)).rejects.toThrow('stopped');
  await place.restart();
  expect(await place.vault.disputes.find(story.pid, 'of-erased')).toBeUndefined();
  expect(await place.vault.disputes.listOf(story.pid)).toEqual(['of-other']);
  expect(await place.vault.disputes.listOpen()).toEqual([`${story.pid}/of-other`]);
  const left = await place.vault.store.read
    .selectFrom('document')
    .select('sealed')
    .where('kind', '=', 'dispute')
    .execute();
  const bytes = await bytesBelow(place.vault.directory);
  const gone = sealed.filter((row) => !left.some((kept) => Buffer.from(kept.sealed).equals(Buffer.from(row.sealed))));
  expect(gone.length).toBeGreaterThan(0);
  expect(gone.filter((row) => bytes.includes(Buffer.from(row.sealed).subarray(1, 33)))).toEqual([]);
  await demandConsistent(place.vault);
});

test.each(['erase:after-ledger', 'erase:after-pack', 'erase:after-rows'] as const)(
  'an erasure that stops at %s is finished by the next start',
  async (point) => {
    const story = await makeStory();
    const records = await versionsOf('DocumentReference', story.documentId);
    const ciphertext = Buffer.from(await place.vault.ciphertext.readCiphertext(records[0]!));
    const call = await eraseCall(story, records);
    armed = point;
    const who = { kind: 'patient', pid: story.pid, kid: 'phone' } as const;
    await expect(place.vault.leafStates.erase(call, who)).rejects.toThrow(`stopped at ${point}`);
    await place.restart();
    expect((await bytesBelow(place.vault.directory)).includes(ciphertext.subarray(0, 32))).toBe(false);
    expect(await place.vault.rows.findResource('DocumentReference', story.documentId)).toBeUndefined();
    await demandConsistent(place.vault);
  },
);

test('a restored backup from before an erasure is erased again by the next start', async () => {
  const story = await makeStory();
  const records = await versionsOf('DocumentReference', story.documentId);
  const ciphertext = Buffer.from(await place.vault.ciphertext.readCiphertext(records[0]!));
  const call = await eraseCall(story, records);
  await place.close();
  const backup = join(place.directory, 'backup');
  await cp(place.vault.directory, backup, { recursive: true });
  await place.open();
  const who = { kind: 'patient', pid: story.pid, kid: 'phone' } as const;
  await place.vault.leafStates.erase(call, who);
  await place.close();
  await rm(place.vault.directory, { recursive: true });
  await rename(backup, place.vault.directory);
  expect((await bytesBelow(place.vault.directory)).includes(ciphertext.subarray(0, 32))).toBe(true);
  await place.open();
  expect((await bytesBelow(place.vault.directory)).includes(ciphertext.subarray(0, 32))).toBe(false);
  expect(await place.vault.rows.findResource('DocumentReference', story.documentId)).toBeUndefined();
});

test('erases nothing where a copy of a leaf was erased under another key', async () => {
  const story = await makeStory();
  const [record] = await versionsOf('Observation', story.observationId);
  const { keyId, leafHash } = record!;
  expect(await place.vault.leafStates.eraseAgain([leafKey(toBase64url(randomBytes(16)), leafHash)])).toBe(0);
  expect(await place.vault.leafStates.eraseAgain([leafKey(keyId, leafHash)])).toBe(1);
});

test('erases nothing that the contract refuses', async () => {
  const story = await makeStory();
  const records = await versionsOf('DocumentReference', story.documentId);
  const call = await eraseCall(story, records);
  const forged = { ...call, signature: call.signature.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) };
  const who = { kind: 'patient', pid: story.pid, kid: 'phone' } as const;
  await expect(place.vault.leafStates.erase(forged, who)).rejects.toMatchObject({
    code: 'ledger-refused',
    detail: 'signature-invalid',
  });
  const asPatient = { kind: 'patient', who } as const;
  const read = await place.vault.repository.read(asPatient, 'DocumentReference', story.documentId);
  if (read.kind !== 'found') throw new Error(read.kind);
  expect(read.text).toContain(LARGE);
});

test('seals every key to the claimed device, whatever its epoch, and to no other key', async () => {
  const story = await makeStory();
  const owner: Owner = `pid:${story.pid}`;
  const recipient = { kid: kidOf(story.device.hpke.publicKey), publicKey: story.device.hpke.publicKey, grant: null };
  const envelopes = await place.vault.keys.envelopesFor(owner, recipient);
  const keys = await place.vault.store.read.selectFrom('dataKey').selectAll().execute();
  expect(envelopes.length).toBeGreaterThan(2);
  expect(keys.length).toBeGreaterThanOrEqual(envelopes.length);
  const stranger = await generateHpkeKey();
  const strange = { kid: kidOf(stranger.publicKey), publicKey: stranger.publicKey, grant: null };
  await expect(place.vault.keys.envelopesFor(owner, strange)).rejects.toMatchObject({ code: 'denied' });
  await expect(place.vault.keys.sealTo(envelopes[0]!.keyId, strange)).rejects.toMatchObject({ code: 'denied' });
  await expect(place.vault.keys.sealTo(envelopes[0]!.keyId, { ...recipient, grant: 'g' })).rejects.toMatchObject({
    code: 'denied',
  });
  expect(fromUtf8(utf8(envelopes[0]!.category))).not.toBe('');
});
