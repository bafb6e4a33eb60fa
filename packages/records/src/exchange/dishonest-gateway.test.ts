import { randomBytes, sha256, toBase64url } from '@salus/crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createStory, laterMedication, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type {
  ExchangePeer,
  FetchResult,
  ManifestPage,
  OpenResult,
  PeerAnswer,
  ReleasedRecord,
} from './exchange-peer.ts';
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

afterEach(() => {
  story.consortium.peers.set('hospital-a', story.author.exchange.gateway);
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

interface Lies {
  readonly open?: (result: OpenResult) => OpenResult;
  readonly manifest?: (page: ManifestPage) => ManifestPage;
  readonly fetch?: (result: FetchResult) => FetchResult;
  readonly references?: (result: FetchResult) => FetchResult;
}

/** Puts a gateway in the author's place that answers honestly, but for its lies. */
function lie(lies: Lies): void {
  const { gateway } = story.author.exchange;
  const changed = <Result>(answer: PeerAnswer<Result>, change?: (result: Result) => Result): PeerAnswer<Result> =>
    answer.kind === 'ok' && change !== undefined ? { kind: 'ok', result: change(answer.result) } : answer;
  const peer: ExchangePeer = {
    open: async (request) => changed(await gateway.open(request), lies.open),
    manifest: async (request) => changed(await gateway.manifest(request), lies.manifest),
    fetch: async (request) => changed(await gateway.fetch(request), lies.fetch),
    references: async (request) => changed(await gateway.references(request), lies.references),
    attachment: (request) => gateway.attachment(request),
    places: (request) => gateway.places(request),
    disputes: (request) => gateway.disputes(request),
    delegate: (request) => gateway.delegate(request),
    deliver: (request) => gateway.deliver(request),
    handOn: (request) => gateway.handOn(request),
  };
  story.consortium.peers.set('hospital-a', peer);
}

async function open(choice: Parameters<Story['consortium']['grant']>[1] = {}): Promise<string> {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient }, choice);
  return (await reader.open(await consortium.use(token, readerSide.clinician))).session;
}

/** The code that the receiver gives, and that its own audit log keeps as a refusal for the patient. */
async function expectCaught(result: Promise<unknown>, code: string): Promise<void> {
  await expect(result).rejects.toMatchObject({ name: 'RecordsError', code });
  const [line] = await story.readerSide.vault.audit.listOfPid(story.patient.pid, { limit: 1 });
  expect(line?.event).toMatchObject({ kind: 'refusal', outcome: code });
}

const withTrees = (
  page: ManifestPage,
  change: (tree: ManifestPage['trees'][number]) => ManifestPage['trees'][number],
) => ({
  ...page,
  trees: page.trees.map(change),
});

test('catches a record that is listed without its content', async () => {
  const session = await open();
  lie({
    manifest: (page) =>
      withTrees(page, (tree) => ({
        ...tree,
        leaves: tree.leaves.map((leaf, at) => (at === 0 ? { leafHash: leaf.leafHash } : leaf)),
      })),
  });
  await expectCaught(reader.chart(session), 'omitted-record');
});

test('catches a record that is left out of its batch', async () => {
  const session = await open();
  lie({ manifest: (page) => withTrees(page, (tree) => ({ ...tree, leaves: tree.leaves.slice(1) })) });
  await expectCaught(reader.chart(session), 'omitted-record');
});

test('catches a record that is replaced by another leaf of its own making', async () => {
  const session = await open();
  lie({
    manifest: (page) =>
      withTrees(page, (tree) => ({
        ...tree,
        leaves: [...tree.leaves.slice(1), { leafHash: toBase64url(randomBytes(32)) }],
      })),
  });
  await expectCaught(reader.chart(session), 'proof-invalid');
});

test('catches a whole batch that is kept back', async () => {
  const session = await open();
  lie({ manifest: (page) => ({ ...page, trees: page.trees.slice(1) }) });
  await expectCaught(reader.chart(session), 'omitted-record');
});

test('catches the claim that a pair has no key', async () => {
  const session = await open();
  lie({ manifest: (page) => ({ ...page, pairs: [], trees: [] }) });
  await expectCaught(reader.chart(session), 'omitted-record');
});

test('catches the forged opening of a pair that names an empty key', async () => {
  const session = await open();
  const [{ keyId: other } = { keyId: '' }] = await story.author.vault.keys.openPairs(
    `pid:${story.patient.pid}`,
    1,
    [200],
  );
  lie({ manifest: (page) => ({ ...page, pairs: page.pairs.map((pair) => ({ ...pair, keyId: other })), trees: [] }) });
  await expectCaught(reader.chart(session), 'proof-invalid');
});

test('catches the true opening of another pair in the place of the granted one', async () => {
  const session = await open();
  const openings = await story.author.vault.keys.openPairs(`pid:${story.patient.pid}`, 1, [200]);
  lie({ manifest: (page) => ({ ...page, pairs: openings, trees: [] }) });
  await expectCaught(reader.chart(session), 'omitted-record');
});

test('catches malformed manifests instead of failing on them', async () => {
  const session = await open();
  lie({ manifest: (page) => withTrees(page, (tree) => ({ ...tree, leaves: [{ leafHash: 'not base64!' }] })) });
  await expect(reader.chart(session)).rejects.toMatchObject({ name: 'RecordsError' });
  // Pages without end, and names that fill the memory.
  lie({ manifest: (page) => ({ ...page, next: 'again' }) });
  await expectCaught(reader.chart(session), 'proof-invalid');
  lie({ manifest: (page) => withTrees(page, (tree) => ({ ...tree, callId: 'x'.repeat(1_000_000) })) });
  await expectCaught(reader.chart(session), 'proof-invalid');
  lie({ manifest: () => ({}) as ManifestPage });
  await expectCaught(reader.chart(session), 'proof-invalid');
});

test('catches a superseded version that is served as current', async () => {
  const { consortium, author } = story;
  const [added = ''] = await consortium.import(author, [laterMedication(story, 'old')]);
  const old = await consortium.record(author, added);
  const session = await open();
  await reader.chart(session);
  let served: ReleasedRecord | undefined;
  lie({
    fetch: (result) => {
      served = result.records[0];
      return result;
    },
  });
  await reader.read(session, [old.recordId]);
  await consortium.correct(author, added, (resource) => {
    resource.medicationCodeableConcept = { text: 'new' };
  });
  lie({ fetch: (result) => ({ ...result, records: [served!] }) });
  await expectCaught(reader.read(session, [old.recordId]), 'superseded-served');
  lie({
    manifest: (page) =>
      withTrees(page, (tree) => ({
        ...tree,
        leaves: tree.leaves.map((leaf) =>
          leaf.leafHash === old.leafHash
            ? { ...leaf, record: { ...old, type: 'MedicationRequest', dataFromMs: null, dataToMs: null } }
            : leaf,
        ),
      })),
  });
  await expectCaught(reader.chart(session, { fresh: true }), 'superseded-served');
});

test('catches an erased version that is served from memory', async () => {
  const { consortium, author, patient } = story;
  const [added = ''] = await consortium.import(author, [laterMedication(story, 'to be erased')]);
  const { recordId } = await consortium.record(author, added);
  const session = await open();
  await reader.chart(session);
  let served: ReleasedRecord | undefined;
  lie({
    fetch: (result) => {
      served = result.records[0];
      return result;
    },
  });
  await reader.read(session, [recordId]);
  await consortium.erase(author, patient, added);
  lie({ fetch: (result) => ({ ...result, records: [served!], refused: [] }) });
  await expectCaught(reader.read(session, [recordId]), 'erased-served');
});

test('catches swapped and changed ciphertexts, wraps, salts and keys', async () => {
  const session = await open();
  const ids = [...(await reader.chart(session)).records.keys()].slice(0, 2);
  const changeFirst = (change: (record: ReleasedRecord, other: ReleasedRecord) => Partial<ReleasedRecord>) => {
    lie({
      fetch: (result) => {
        const [first, second] = result.records as [ReleasedRecord, ReleasedRecord];
        return { ...result, records: [{ ...first, ...change(first, second) }, second] };
      },
    });
  };
  changeFirst((_, other) => ({ ciphertext: other.ciphertext }));
  await expectCaught(reader.read(session, ids), 'content-mismatch');
  changeFirst((_, other) => ({
    ciphertext: other.ciphertext,
    ciphertextHash: toBase64url(sha256(Buffer.from(other.ciphertext, 'base64url'))),
  }));
  await expectCaught(reader.read(session, ids), 'proof-invalid');
  changeFirst((_, other) => ({ ...other, recordId: ids[0]! }));
  await expectCaught(reader.read(session, ids), 'proof-invalid');
  changeFirst((_, other) => ({ wrap: other.wrap }));
  await expectCaught(reader.read(session, ids), 'key-mismatch');
  changeFirst(() => ({ salt: toBase64url(randomBytes(32)) }));
  await expectCaught(reader.read(session, ids), 'content-mismatch');
});

test('catches a key that was sealed for another epoch, and a key that is not sealed at all', async () => {
  const wrongEpoch = await open();
  const ids = [...(await reader.chart(wrongEpoch)).records.keys()].slice(0, 1);
  lie({ fetch: (result) => ({ ...result, keys: result.keys.map((key) => ({ ...key, epoch: key.epoch + 1 })) }) });
  await expectCaught(reader.read(wrongEpoch, ids), 'key-mismatch');
  lie({ fetch: (result) => ({ ...result, keys: [] }) });
  await expectCaught(reader.read(wrongEpoch, ids), 'key-mismatch');
});

test('catches a listed record that is not handed over', async () => {
  const session = await open();
  const ids = [...(await reader.chart(session)).records.keys()].slice(0, 2);
  lie({ fetch: (result) => ({ ...result, records: result.records.slice(1) }) });
  await expectCaught(reader.read(session, ids), 'omitted-record');
});

test('catches a referenced record with a forged place, or of another name', async () => {
  const session = await open();
  const [first = ''] = (await reader.chart(session)).records.keys();
  await reader.read(session, [first]);
  const ask = (): Promise<unknown> => reader.readReferences(session, first, [story.practitioner]);
  const change = (part: Partial<ReleasedRecord>): void => {
    lie({ references: (result) => ({ ...result, records: result.records.map((record) => ({ ...record, ...part })) }) });
  };
  change({ leafIndex: 1, proof: [] });
  await expectCaught(ask(), 'proof-invalid');
  change({ callId: toBase64url(randomBytes(32)) });
  await expectCaught(ask(), 'key-mismatch');
  lie({});
  await ask();
});

test('believes no session that the ledger does not hold', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { gateway } = author.exchange;
  lie({});
  consortium.peers.set('hospital-a', {
    ...({} as ExchangePeer),
    open: async (request) => ({
      kind: 'ok',
      result: { session: request.payload.nonce, untilMs: Number.MAX_SAFE_INTEGER },
    }),
  });
  await expect(reader.open(await consortium.use(token, readerSide.clinician))).rejects.toMatchObject({
    code: 'proof-invalid',
  });
  expect(gateway).toBeDefined();
});

test('does not take honest work during a read for a lie', async () => {
  const { consortium, author } = story;
  const session = await open();
  let commits = 0;
  const { gateway } = author.exchange;
  consortium.peers.set('hospital-a', {
    ...({} as ExchangePeer),
    manifest: async (request) => {
      const answer = await gateway.manifest(request);
      // Between the author's answer and the reader's look at the ledger, another record is committed.
      if (commits < 3) {
        commits += 1;
        await consortium.import(author, [laterMedication(story, `meanwhile ${commits}`)]);
      }
      return answer;
    },
  });
  const chart = await reader.chart(session);
  expect(commits).toBe(3);
  expect(chart.pairs).toMatchObject([{ state: 'complete' }]);
});
