import type { SignedCall } from '@salus/contracts';
import { answerDispute, dispute } from '@salus/wallet';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createStory, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type { StoredRecord } from '../vault-types.ts';
import type { ExchangePeer } from './exchange-peer.ts';
import type { ArrivedDispute, SentDispute } from './sent-dispute.ts';

/** On a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const workers = new BundleWorkers(1);
let story: Story;
let disputed: StoredRecord;
let other: StoredRecord;

beforeAll(async () => {
  story = await createStory(workers);
  const { consortium, author, patient, medications } = story;
  [disputed, other] = (await Promise.all(
    medications.slice(0, 2).map((reference) => consortium.record(author, reference)),
  )) as [StoredRecord, StoredRecord];
  const { pid, wallet } = patient;
  const { leafHash, keyId, callId: batch, leafIndex: index, recordId, version } = disputed;
  const leaf = { leafHash, keyId, batch, index, proof: await author.vault.rows.inclusionProof(disputed) };
  const stated = await dispute(wallet, consortium.occasion, { pid, leaf, text: 'I never took this.' });
  await consortium.commit(stated);
  const { disputes } = author.exchange;
  await disputes.keep({
    ...{ dispute: stated.dispute, pid, recordId, version, reference: medications[0]!, call: stated.call, answer: null },
    ...(stated.privateArgs?.values as unknown as Pick<SentDispute, 'statement' | 'salt'>),
  });
  const said = { pid, dispute: stated.dispute, outcome: 'declined', text: 'It was dispensed.' } as const;
  const answered = await answerDispute(author.clinician, consortium.occasion, said);
  await consortium.commit(answered);
  const words = answered.privateArgs?.values as unknown as Pick<NonNullable<SentDispute['answer']>, 'answer' | 'salt'>;
  await disputes.answer(pid, stated.dispute, { ...words, by: author.clinician.id, call: answered.call });
});

afterEach(() => {
  story.consortium.peers.set('hospital-a', story.author.exchange.gateway);
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

/** What a reader sees of statements where the author's node answers with a changed one. */
async function readWith(change: (sent: SentDispute) => ArrivedDispute) {
  const { consortium, author, readerSide, patient } = story;
  const { gateway, reader } = { ...author.exchange, reader: readerSide.exchange.reader };
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  const disputes: ExchangePeer['disputes'] = async (request) => {
    const answer = await gateway.disputes(request);
    if (answer.kind !== 'ok') return answer;
    return { kind: 'ok', result: { disputes: (answer.result.disputes as readonly SentDispute[]).map(change) } };
  };
  consortium.peers.set('hospital-a', {
    ...({} as ExchangePeer),
    manifest: (request) => gateway.manifest(request),
    disputes,
  });
  return reader.readDisputes(session);
}

test('a statement reaches another organisation with the record that the patient named, and who answered', async () => {
  const { disputes, withheld } = await readWith((sent) => sent);
  expect(withheld).toBe(0);
  expect(disputes).toMatchObject([
    {
      ...{ recordId: disputed.recordId, version: 1, reference: story.medications[0], status: 'declined' },
      statement: { text: 'I never took this.' },
      answer: { answer: { text: 'It was dispensed.' }, by: story.author.clinician.id },
    },
  ]);
});

test.each<readonly [string, (sent: SentDispute) => SentDispute]>([
  ['on another record of the same patient', (sent) => ({ ...sent, recordId: other.recordId })],
  [
    'on another record with the leaf of that one',
    (sent) => {
      const { recordId, version, keyId, ciphertextHash, contentHash } = other;
      return { ...sent, recordId, version, leaf: { keyId, ciphertextHash, contentHash } };
    },
  ],
  [
    'on another record with a statement that names its leaf',
    (sent) => {
      const { recordId, version, keyId, ciphertextHash, contentHash, leafHash } = other;
      const statement = { ...sent.statement, leafHash };
      return { ...sent, recordId, version, statement, leaf: { keyId, ciphertextHash, contentHash } };
    },
  ],
  ['on another version', (sent) => ({ ...sent, version: 2 })],
])('the author’s node cannot hang a statement %s', async (_case, change) => {
  await expect(readWith(change)).rejects.toMatchObject({ name: 'RecordsError', code: 'content-mismatch' });
  const [line] = await story.readerSide.vault.audit.listOfPid(story.patient.pid, { limit: 1 });
  expect(line?.event).toMatchObject({ kind: 'refusal', outcome: 'content-mismatch' });
});

test('a statement that is given out as one about another type of document is not shown, and is counted', async () => {
  const { disputes, withheld } = await readWith((sent) => ({ ...sent, reference: 'Observation/1' }));
  expect(disputes).toEqual([]);
  expect(withheld).toBe(1);
});

test('a statement of a node that opens no leaf takes nothing else away: it is not shown, and is counted', async () => {
  expect(await readWith(({ leaf: _leaf, ...sent }) => sent)).toEqual({ disputes: [], withheld: 1 });
});

test.each<readonly [string, (payload: SignedCall['payload']) => object]>([
  ['without arguments', ({ args: _args, ...payload }) => payload],
  ['with a text as arguments', (payload) => ({ ...payload, args: 'none' })],
  ['without a signer', ({ signer: _signer, ...payload }) => payload],
])('an answer whose call comes %s is a malformed answer, and no failure of this node', async (_case, spoil) => {
  const change = (sent: SentDispute): SentDispute => {
    const { answer } = sent;
    if (answer?.call === undefined) throw new Error('the answer came without its call');
    const call = { ...answer.call, payload: spoil(answer.call.payload) } as SignedCall;
    return { ...sent, answer: { ...answer, call } };
  };
  await expect(readWith(change)).rejects.toMatchObject({ name: 'RecordsError', code: 'proof-invalid' });
});

test.each<readonly [string, (call: SignedCall, by: string) => { readonly call: SignedCall; readonly by: string }]>([
  ['another person than signed', (call) => ({ call, by: story.author.administrator.id })],
  [
    'whoever is written into the call',
    (call) => {
      const by = story.author.administrator.id;
      return { by, call: { ...call, payload: { ...call.payload, signer: `id:${by}` } } };
    },
  ],
])('an answer is not shown as one of %s', async (_case, lie) => {
  const change = (sent: SentDispute): SentDispute => {
    const { answer } = sent;
    if (answer?.call === undefined) throw new Error('the answer came without its call');
    return { ...sent, answer: { ...answer, ...lie(answer.call, answer.by) } };
  };
  await expect(readWith(change)).rejects.toMatchObject({ code: 'content-mismatch' });
});
