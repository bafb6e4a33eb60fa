import {
  type DisputeFact,
  disputeAnswerCommitment,
  disputeCommitment,
  disputeKey,
  type SignedCall,
} from '@salus/contracts';
import { hashTuple, type Json, newNonce } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { DisputeStore } from './dispute-store.ts';
import {
  checkDispute,
  DISPUTES_OPEN_PER_PID_MAX,
  DISPUTES_PER_PID_MAX,
  DisputeBook,
  type KeptDispute,
} from './disputes.ts';
import type { Documents } from './documents.ts';
import type { RecordRows } from './vault-types.ts';

const salt = hashTuple('test', 'salt');
const [network, pid, dispute, recordId] = [newNonce(), newNonce(), newNonce(), newNonce()];
const leafHash = hashTuple('test', 'leaf');
const named = { network, pid, dispute };
const statement = { version: 'salus:dispute:v1', ...named, leafHash, text: 'I never smoked.' } as const;
const said = { version: 'salus:dispute-answer:v1', ...named, outcome: 'declined', text: 'You told us so.' } as const;
const answer = { answer: said, salt, by: newNonce() };
const reference = 'Observation/1';
const kept: KeptDispute = {
  dispute,
  pid,
  recordId,
  version: 1,
  reference,
  statement,
  salt,
  call: {} as SignedCall,
  answer,
};
const fact: DisputeFact = {
  ...{ keyId: newNonce(), leafHash, commitment: disputeCommitment({ hashTuple }, statement, salt) },
  ...{ status: 'declined', ms: 1, answer: disputeAnswerCommitment({ hashTuple }, said, salt), answeredMs: 2 },
};

it('takes a statement only as the ledger committed to it, and an answer likewise', () => {
  expect(checkDispute(kept, fact)).toMatchObject({ status: 'declined', atMs: 1, answeredMs: 2, answer });
  const lies: readonly [KeptDispute, DisputeFact | undefined][] = [
    [kept, undefined],
    [{ ...kept, statement: { ...statement, text: 'I smoke.' } }, fact],
    [{ ...kept, salt: hashTuple('test', 'other') }, fact],
    [{ ...kept, pid: newNonce() }, fact],
    [kept, { ...fact, leafHash: hashTuple('test', 'other leaf') }],
  ];
  for (const [given, known] of lies) expect(checkDispute(given, known)).toBeUndefined();
  const put = { ...kept, answer: { ...answer, answer: { ...said, text: 'The patient is right.' } } };
  expect(checkDispute(put, fact)?.answer).toBeNull();
});

const NOW_MS = 1_700_000_000_000;
const PAST_MS = NOW_MS - 2 * 3_600_000;

/** A book over documents and a ledger of this test. */
function openBook() {
  const documents = new Map<string, Json>();
  const facts = new Map<string, DisputeFact>();
  const store = new DisputeStore({
    find: async (_kind, name) => structuredClone(documents.get(name)),
    put: async (_kind, name, value) => void documents.set(name, structuredClone(value)),
    delete: async (_kind, name) => void documents.delete(name),
    list: async () => [],
  } satisfies Documents);
  const ledger = { get: async (key: string) => facts.get(key) as Json | undefined, range: async () => [] };
  const book = new DisputeBook({ store, ledger, rows: {} as RecordRows, clock: () => NOW_MS });
  /** As a patient's device and the ledger do; `status` null: the call was never committed. */
  const state = async (status: DisputeFact['status'] | null, notAfter = NOW_MS): Promise<KeptDispute> => {
    const id = newNonce();
    const own = { ...statement, dispute: id };
    const call = { payload: { notAfter } } as SignedCall;
    const given: KeptDispute = { ...kept, dispute: id, statement: own, call, answer: null };
    await book.keep(given);
    const commitment = disputeCommitment({ hashTuple }, own, salt);
    if (status !== null) facts.set(disputeKey(pid, id), { ...fact, commitment, status });
    return given;
  };
  return { book, facts, state, documents };
}

async function listOpen(book: DisputeBook, after?: string): Promise<readonly string[]> {
  const open: string[] = [];
  for await (const { dispute: id } of book.listOpen(after)) open.push(id);
  return open;
}

describe('room for statements', () => {
  it('is made by withdrawn ones, however many there were; answered ones stay', async () => {
    const { book, state } = openBook();
    const answered = await state('declined');
    for (let number = 0; number < DISPUTES_PER_PID_MAX + 10; number += 1) await state('withdrawn');
    const last = await state('open');
    const known = await book.listOfPid(pid);
    expect(known).toHaveLength(DISPUTES_PER_PID_MAX);
    expect([known[0]?.dispute, known.at(-1)?.dispute]).toEqual([answered.dispute, last.dispute]);
  });

  it('ends with so many open ones, and comes back with the first that is closed or never came to be', async () => {
    const { book, facts, state } = openBook();
    const ids: string[] = [];
    for (let number = 0; number < DISPUTES_OPEN_PER_PID_MAX; number += 1)
      ids.push((await state('open', PAST_MS)).dispute);
    await expect(state('open')).rejects.toMatchObject({ code: 'overloaded' });
    facts.delete(disputeKey(pid, ids[0]!));
    await expect(state('open')).resolves.toBeDefined();
    await expect(state('open')).rejects.toMatchObject({ code: 'overloaded' });
    const key = disputeKey(pid, ids[1]!);
    facts.set(key, { ...facts.get(key)!, status: 'withdrawn' });
    await expect(state('open')).resolves.toBeDefined();
    expect(await listOpen(book)).toHaveLength(DISPUTES_OPEN_PER_PID_MAX);
  });
});

describe('words', () => {
  it('are kept before they are committed, shown to nobody until then, and forgotten when they are refused', async () => {
    const { book, documents, state } = openBook();
    const refused = await state(null);
    const committed = await state('open');
    expect((await book.listOfPid(pid)).map(({ dispute: id }) => id)).toEqual([committed.dispute]);
    for (const { dispute: id } of [refused, committed]) await book.forget(pid, id);
    expect(documents.has(`entry/${pid}/${refused.dispute}`)).toBe(false);
    expect(documents.has(`entry/${pid}/${committed.dispute}`)).toBe(true);
    expect(await listOpen(book)).toEqual([committed.dispute]);
  });

  it('of an answer that was committed win over a colleague’s that came in between', async () => {
    const { book, facts, state } = openBook();
    const { dispute: id } = await state('open');
    const own = { ...answer, answer: { ...said, dispute: id } };
    const other = { ...own, answer: { ...own.answer, text: 'Something else.' }, by: newNonce() };
    await book.answer(pid, id, own);
    await book.answer(pid, id, other);
    expect((await book.find(pid, id))?.answer).toBeNull();
    const key = disputeKey(pid, id);
    const committed = disputeAnswerCommitment({ hashTuple }, own.answer, salt);
    facts.set(key, { ...facts.get(key)!, status: 'declined', answer: committed, answeredMs: 2 });
    await book.answer(pid, id, own);
    await book.answer(pid, id, other);
    expect((await book.find(pid, id))?.answer).toEqual(own);
    await expect(book.answer(pid, newNonce(), own)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('that are open are listed on from where a page ended', async () => {
    const { book, state } = openBook();
    const ids = [];
    for (let number = 0; number < 4; number += 1) ids.push((await state('open')).dispute);
    expect(await listOpen(book, `${pid}/${ids[1]}`)).toEqual(ids.slice(2));
    await book.settle(pid, ids[2]!);
    expect(await listOpen(book)).toEqual([ids[0], ids[1], ids[3]]);
  });
});
