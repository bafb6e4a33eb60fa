import { hashTuple, verifyInclusion } from '@salus/crypto';
import { emergencyRequest, makeCard, narrow, revoke, staffCall } from '@salus/wallet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, laterMedication, type Story } from '../../test/story.ts';
import { auditContentHash, auditEntryHash } from '../audit-entry.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { treeLeaf } from '../record-tree.ts';
import type { ExchangePeer } from './exchange-peer.ts';
import type { GrantToken } from './grant-tokens.ts';
import type { ExchangeReader } from './reader.ts';

const workers = new BundleWorkers(1);
let story: Story;
let reader: ExchangeReader;

/** On a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

beforeAll(async () => {
  story = await createStory(workers);
  reader = story.readerSide.exchange.reader;
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

/** A session of hospital B's clinician under a fresh grant. */
async function openSession(
  choice: Parameters<Story['consortium']['grant']>[1] = {},
): Promise<{ session: string; token: GrantToken }> {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient }, choice);
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  return { session, token };
}

async function readAll(session: string): Promise<readonly { readonly [key: string]: unknown }[]> {
  const chart = await reader.chart(session, { fresh: true });
  const records = await reader.read(session, [...chart.records.keys()]);
  return records.map(({ text }) => JSON.parse(text));
}

const names = (resources: readonly { readonly [key: string]: unknown }[]): string[] =>
  resources
    .map(
      (resource) =>
        (resource as never as { medicationCodeableConcept: { text: string } }).medicationCodeableConcept.text,
    )
    .sort();

test('reads exactly the granted records, proven complete, and refuses the others', async () => {
  const { session } = await openSession();
  expect(names(await readAll(session))).toEqual(['medicine 1', 'medicine 2', 'medicine 3']);
  const { pairs } = await reader.chart(session);
  expect(pairs).toEqual([
    { category: 'medication', labelClass: 'N', released: 3, withheld: 0, ended: 0, state: 'complete' },
  ]);
  const laboratory = await story.author.vault.rows.findRecord((await observationRecord()).recordId);
  await expect(reader.read(session, [laboratory!.recordId])).rejects.toMatchObject({ code: 'not-found' });
});

test('fetches what a released record references from its organisation, and nothing that none references', async () => {
  const { session } = await openSession();
  const chart = await reader.chart(session);
  const [first = ''] = chart.records.keys();
  const wanted = [story.practitioner];
  await expect(reader.readReferences(session, first, wanted)).rejects.toMatchObject({ detail: 'not-found' });
  await reader.read(session, [first]);
  const found = await reader.readReferences(session, first, [...wanted, 'Organization/unknown']);
  expect(JSON.parse(found.get(story.practitioner)?.text ?? '{}')).toMatchObject({ resourceType: 'Practitioner' });
  expect(found.get('Organization/unknown')).toBeNull();
});

test('shows how many records a narrowed grant withholds, and not which', async () => {
  const { session } = await openSession({
    dataFromMs: Date.parse('2026-01-02'),
    dataToMs: Date.parse('2026-01-02T23:00Z'),
  });
  expect(names(await readAll(session))).toEqual(['medicine 2']);
  const { pairs } = await reader.chart(session);
  expect(pairs).toMatchObject([{ released: 1, withheld: 2, state: 'narrowed' }]);
  const hidden = await story.consortium.record(story.author, story.medications[0]!);
  await expect(reader.read(session, [hidden.recordId])).rejects.toMatchObject({ code: 'not-found' });
});

test('narrows by resource type and by record, each withholding everything else', async () => {
  const byType = await openSession({ resourceTypes: ['MedicationStatement'] });
  expect((await reader.chart(byType.session)).records.size).toBe(0);
  const { recordId } = await story.consortium.record(story.author, story.medications[2]!);
  const byRecord = await openSession({ records: [recordId] });
  expect(names(await readAll(byRecord.session))).toEqual(['medicine 3']);
});

test('ends open sessions with the revocation, at the next object', async () => {
  const { session, token } = await openSession();
  const [first = ''] = (await reader.chart(session)).records.keys();
  await reader.read(session, [first]);
  await revokeToken(token);
  await expect(reader.read(session, [first])).rejects.toMatchObject({ code: 'session-ended', detail: 'grant-revoked' });
  await expect(reader.chart(session, { fresh: true })).rejects.toMatchObject({ detail: 'grant-revoked' });
});

test('refuses what was on its way when the revocation arrived', async () => {
  const { consortium, author } = story;
  const { session, token } = await openSession();
  const ids = [...(await reader.chart(session)).records.keys()];
  await reader.read(session, ids);
  const { gateway } = author.exchange;
  consortium.peers.set('hospital-a', {
    ...({} as ExchangePeer),
    fetch: async (request) => {
      const answer = await gateway.fetch(request);
      await revokeToken(token);
      return answer;
    },
  });
  const late = reader.read(session, ids);
  await expect(late).rejects.toMatchObject({ code: 'session-ended', detail: 'grant-revoked' });
  consortium.peers.set('hospital-a', gateway);
});

test('forgets the keys of an ended grant at once, and still asks the author, whose patient sees it', async () => {
  const { author, patient } = story;
  const { session, token } = await openSession();
  const [first = ''] = (await reader.chart(session)).records.keys();
  await reader.read(session, [first]);
  await revokeToken(token);
  await expect(reader.read(session, [first])).rejects.toMatchObject({ detail: 'grant-revoked' });
  const [line] = await author.vault.audit.listOfPid(patient.pid, { limit: 1 });
  expect(line?.event).toMatchObject({ kind: 'refusal', outcome: 'grant-revoked', session });
});

test('ends open sessions when the patient narrows the grant under them', async () => {
  const { consortium, author, patient } = story;
  const { session, token } = await openSession({ categories: ['medication', 'laboratory'] });
  const narrowed = await narrow(patient.wallet, consortium.occasion, {
    grant: token.terms.grant,
    change: { categories: ['laboratory'] },
  });
  await consortium.commit(narrowed);
  await expect(reader.chart(session)).rejects.toMatchObject({ detail: 'commitment-mismatch' });
  expect(author.vault.guard.isClosed).toBe(false);
});

test('ends a session with its 15 minutes, and with its terms', async () => {
  const { consortium } = story;
  const short = await openSession({ notAfterMs: consortium.clock() + 60_000 });
  const long = await openSession();
  consortium.advance(61_000);
  await expect(reader.chart(short.session)).rejects.toMatchObject({ detail: 'grant-expired' });
  await reader.chart(long.session);
  consortium.advance(15 * 60_000);
  await expect(reader.chart(long.session, { fresh: true })).rejects.toMatchObject({ detail: 'session-over' });
});

test('ends the sessions of a person whom their organisation revoked', async () => {
  const { consortium, author, readerSide, patient } = story;
  const nurse = await consortium.enrolStaff('hospital-b', ['nurse']);
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { session } = await reader.open(await consortium.use(token, nurse));
  await reader.chart(session);
  const { administrator } = readerSide;
  const content = { contract: 'membership', transaction: 'revoke', args: { id: nurse.id, reason: 'left' } };
  await consortium.commit(await staffCall(administrator, consortium.occasion, content));
  await expect(reader.chart(session, { fresh: true })).rejects.toMatchObject({ detail: 'signer-revoked' });
});

test('opens one session for one request, however often it is sent', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient }, { maxUses: 1 });
  const request = await consortium.use(token, readerSide.clinician);
  const first = await reader.open(request);
  const again = await reader.open(request);
  expect(again).toEqual(first);
  await expect(reader.open(await consortium.use(token, readerSide.clinician))).rejects.toMatchObject({
    detail: 'uses-exhausted',
  });
});

test('keeps a session across a restart of the author’s node', async () => {
  const { session } = await openSession();
  await story.consortium.reopen('hospital-a');
  expect(names(await readAll(session))).toHaveLength(3);
});

test('refuses with the contract’s own code, and shows each refusal to the patient', async () => {
  const { consortium, author, readerSide, patient } = story;
  const nurse = await consortium.enrolStaff('hospital-b', ['nurse']);
  const token = await consortium.grant(
    { author, reader: readerSide, patient },
    { grantee: { kind: 'person', organisation: 'hospital-b', id: readerSide.clinician.id } },
  );
  const wrong: readonly [string, Promise<unknown>][] = [
    ['holder-mismatch', reader.open(await consortium.use(token, nurse))],
    [
      'purpose-mismatch',
      reader.open(await consortium.use(token, readerSide.clinician, { purpose: 'HRESCH' as never })),
    ],
    [
      'category-not-granted',
      reader.open(await consortium.use(token, readerSide.clinician, { categories: ['laboratory'] })),
    ],
  ];
  for (const [detail, opened] of wrong) await expect(opened).rejects.toMatchObject({ code: 'ledger-refused', detail });
  const lines = await author.vault.audit.listOfPid(patient.pid, { limit: 3 });
  expect(lines.map(({ event }) => [event.kind, event.outcome])).toEqual(
    wrong.map(([detail]) => ['refusal', detail]).reverse(),
  );
  expect(lines.every(({ event }) => event.request !== null)).toBe(true);
  // Who and why: the person whose request it was, not the node that brought it.
  const { grant } = token.terms;
  expect(lines.map(({ event }) => [event.who, event.purpose, event.grant])).toMatchObject([
    [{ id: readerSide.clinician.id, roles: ['clinician'] }, 'TREAT', grant],
    [{ id: readerSide.clinician.id, organisation: 'hospital-b' }, 'HRESCH', grant],
    [{ id: nurse.id, roles: ['nurse'] }, 'TREAT', grant],
  ]);
});

test('answers no organisation with the request of another organisation’s reader', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const request = await consortium.use(token, readerSide.clinician);
  // Hospital A's own node sends what hospital B's clinician signed.
  const own = await consortium.use(token, author.clinician);
  await expect(reader.open({ ...request, chain: own.chain })).rejects.toMatchObject({ detail: 'certificate-invalid' });
});

test('shuts out a person whom the patient denied by name', async () => {
  const { author, readerSide, patient } = story;
  const { session } = await openSession();
  const who = { kind: 'patient', pid: patient.pid, kid: 'phone' } as const;
  const denial = await author.vault.access.denials.deny(who, { persons: [readerSide.clinician.id], labelClasses: [] });
  await expect(reader.chart(session)).rejects.toMatchObject({ detail: 'actor-excepted' });
  await author.vault.access.denials.withdraw(who, denial.denialId);
  await reader.chart(session);
});

test('reads the corrected version after a correction, and nothing after the erasure', async () => {
  const { consortium, author, patient } = story;
  const [added = ''] = await consortium.import(author, [laterMedication(story, 'first wording')]);
  const { session } = await openSession();
  const { recordId } = await consortium.record(author, added);
  await reader.read(session, [recordId]);
  await consortium.correct(author, added, (resource) => {
    resource.medicationCodeableConcept = { text: 'second wording' };
  });
  const [record] = await reader.read(session, [recordId]);
  expect(JSON.parse(record!.text).medicationCodeableConcept.text).toBe('second wording');
  expect(await consortium.erase(author, patient, added)).toBe(2);
  await expect(reader.read(session, [recordId])).rejects.toMatchObject({ code: 'not-found' });
  const { pairs } = await reader.chart(session, { fresh: true });
  expect(pairs).toMatchObject([{ state: 'complete', ended: 2 }]);
});

test('opens records of later epochs to grants that still hold', async () => {
  const { consortium, author } = story;
  const { session } = await openSession();
  const other = await openSession();
  await revokeToken(other.token);
  await consortium.import(author, [laterMedication(story, 'after the revocation')]);
  expect(names(await readAll(session))).toContain('after the revocation');
});

test('logs both sides of each read under one exchange id, with who, why and the signed request', async () => {
  const { author, readerSide, patient } = story;
  const { session, token } = await openSession();
  const [first = ''] = (await reader.chart(session)).records.keys();
  await reader.read(session, [first]);
  const [[atAuthor], [atReader]] = await Promise.all([
    author.vault.audit.listOfPid(patient.pid, { limit: 1 }),
    readerSide.vault.audit.listOfPid(patient.pid, { limit: 1 }),
  ]);
  for (const line of [atAuthor!, atReader!]) {
    expect(line.event).toMatchObject({
      kind: 'read',
      purpose: 'TREAT',
      grant: token.terms.grant,
      session,
      outcome: 'ok',
    });
    expect(line.event.who).toMatchObject({
      id: readerSide.clinician.id,
      organisation: 'hospital-b',
      roles: ['clinician'],
    });
    expect(line.event.records).toEqual([{ recordId: first, version: 1 }]);
    expect(hashTuple('x', line.event.request?.payload as never)).toBe(
      hashTuple('x', atAuthor!.event.request?.payload as never),
    );
  }
  expect(atAuthor?.event.exchange?.id).toBe(atReader?.event.exchange?.id);
});

test('logs every record on both sides when several are read at once', async () => {
  const { author, readerSide, patient } = story;
  const { session } = await openSession();
  const ids = [...(await reader.chart(session)).records.keys()];
  const read = await Promise.all(ids.map((id) => reader.read(session, [id])));
  expect(read.map((records) => records.map(({ recordId }) => recordId))).toEqual(ids.map((id) => [id]));
  for (const side of [author, readerSide]) {
    const lines = await side.vault.audit.listOfPid(patient.pid, { limit: 20 });
    const events = lines
      .map(({ event }) => event)
      .filter((event) => event.kind === 'read' && event.session === session);
    expect(events.flatMap(({ records }) => records.map(({ recordId }) => recordId)).sort()).toEqual([...ids].sort());
    // What shares a request shares its event.
    expect(events).toHaveLength(1);
  }
});

test('brings audit roots to the ledger, against which the patient verifies each line', async () => {
  const { author, consortium, patient } = story;
  await author.exchange.roots.publish();
  const rooted = (await consortium.ledger.get('access/root/hospital-a/audit')) as { size: number; root: string };
  const [line] = await author.vault.audit.listOfPid(patient.pid, { limit: 1 });
  const proof = await author.vault.audit.prove(line!.seq, rooted.size);
  expect(proof.root).toBe(rooted.root);
  const leafHash = treeLeaf(auditEntryHash({ ...line!, contentHash: auditContentHash(line!.text) }));
  expect(verifyInclusion({ leafHash, ...proof, root: rooted.root })).toBe(true);
});

test('opens an emergency session with the patient’s card, and shows it to the patient at once', async () => {
  const { consortium, author, readerSide, patient } = story;
  const made = await makeCard(patient.wallet, consortium.occasion, {
    ...{ pid: patient.pid, categories: ['medication'], labelClasses: ['N'] },
    ...{ notBeforeMs: consortium.clock(), notAfterMs: consortium.clock() + 86_400_000 },
  });
  await consortium.commit(made);
  const { call, chain } = await emergencyRequest(readerSide.clinician, consortium.occasion, {
    ...{ pid: patient.pid, role: 'clinician', reason: 'unconscious', text: 'found on the street' },
    ...{ untilMs: consortium.clock() + 3_600_000, card: made.card },
  });
  const { terms, salt } = made.card;
  const { id, organisation, roles } = readerSide.clinician;
  const request = { author: 'hospital-a', reader: { id, organisation, roles }, request: call, chain };
  await expect(reader.open({ ...request, token: null, ancestors: [] })).rejects.toMatchObject({
    code: 'ledger-refused',
  });
  const { session } = await reader.open({ ...request, token: { terms, salt }, ancestors: [] });
  expect((await readAll(session)).length).toBeGreaterThan(2);
  const lines = await author.vault.audit.listOfPid(patient.pid, { limit: 10 });
  expect(lines.map(({ event }) => event.kind)).toContain('emergency');
});

test('opens an emergency session at home without a card', async () => {
  const { consortium, author, patient } = story;
  const { clinician, exchange } = author;
  const { call, chain } = await emergencyRequest(clinician, consortium.occasion, {
    ...{ pid: patient.pid, role: 'clinician', reason: 'life-threatening', text: '' },
    ...{ untilMs: consortium.clock() + 3_600_000, card: null },
  });
  const { id, organisation, roles } = clinician;
  const request = { author: 'hospital-a', reader: { id, organisation, roles }, request: call, chain };
  const { session } = await exchange.reader.open({ ...request, token: null, ancestors: [] });
  const chart = await exchange.reader.chart(session);
  expect(new Set([...chart.records.values()].map(({ type }) => type))).toContain('Observation');
});

test('failed at nothing in the background', () => {
  // The clock of these tests leaps while a root is on its way; the next one gets through.
  const failures = story.consortium.failures.map((error) => (error as { detail?: string }).detail);
  expect(failures.filter((detail) => detail !== 'not-after-passed')).toEqual([]);
});

async function revokeToken(token: GrantToken): Promise<void> {
  const { consortium, patient } = story;
  const { pid, grant } = token.terms;
  await consortium.commit(await revoke(patient.wallet, consortium.occasion, { pid, grant }));
}

async function observationRecord() {
  const { vault } = story.author;
  const rows = await vault.store.read.selectFrom('record').select('recordId').execute();
  for (const { recordId } of rows) {
    const record = recordId === null ? undefined : await vault.rows.findRecord(recordId);
    if (record?.meta.type === 'Observation') return record;
  }
  throw new Error('no observation');
}
