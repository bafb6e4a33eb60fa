import { type EmbeddedLedger, LedgerError } from '@salus/ledger';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type { ExchangeReader } from './reader.ts';

const workers = new BundleWorkers(1);
/** Keys that an alarm has written, as the author's own follower sees them. */
const distrusted = new Set<string>();
let story: Story;
let reader: ExchangeReader;

/** On a machine that may be busy. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

beforeAll(async () => {
  story = await createStory(workers);
  reader = story.readerSide.exchange.reader;
  const { consortium } = story;
  const { ledger } = consortium;
  consortium.ledger = distrusting(ledger);
  story = { ...story, author: await consortium.reopen('hospital-a') };
  consortium.ledger = ledger;
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

/** The ledger of a node whose follower distrusts some keys: what would rest on them is refused, everything else is as it was. */
function distrusting(ledger: EmbeddedLedger): EmbeddedLedger {
  const demand = (isTouched: (key: string) => boolean): void => {
    if ([...distrusted].some(isTouched)) throw new LedgerError('distrusted', 'an alarm wrote it');
  };
  const reads: Partial<EmbeddedLedger> = {
    get: async (key) => {
      demand((each) => each === key);
      return ledger.get(key);
    },
    range: async (start, end, limit) => {
      demand((each) => each >= start && each < end);
      return ledger.range(start, end, limit);
    },
    // A call that writes what is distrusted is committed by peers, and never acknowledged.
    submit: async (call, privateArgs) => {
      const result = await ledger.submit(call, privateArgs);
      const view = result.kind === 'committed' ? await ledger.transaction(result.callId) : undefined;
      const writes = view?.outcome.kind === 'committed' ? view.outcome.writes : [];
      demand((each) => writes.some(([key]) => key === each));
      return result;
    },
    history: async (key, page) => {
      demand((each) => each === key);
      return ledger.history(key, page);
    },
  };
  return new Proxy(ledger, {
    get: (target, name) => {
      if (Object.hasOwn(reads, name)) return reads[name as keyof EmbeddedLedger];
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

test('opens no session on a grant that an alarm has written, however right everything else is', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const key = `grant/${patient.pid}/${token.terms.grant}`;
  distrusted.add(key);
  await expect(reader.open(await consortium.use(token, readerSide.clinician))).rejects.toMatchObject({
    detail: 'distrusted',
  });
  // A grant that nobody tampered with opens the same records.
  distrusted.delete(key);
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  expect((await reader.chart(session)).records.size).toBe(3);
});

test('releases nothing more of an open session once its grant is distrusted', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  const ids = [...(await reader.chart(session)).records.keys()];
  expect((await reader.read(session, ids)).length).toBe(3);
  distrusted.add(`grant/${patient.pid}/${token.terms.grant}`);
  await expect(reader.read(session, ids)).rejects.toMatchObject({ detail: 'distrusted' });
  await expect(reader.chart(session, { fresh: true })).rejects.toMatchObject({ detail: 'distrusted' });
  distrusted.clear();
});

test('releases nothing while the members’ authorities or revocations are distrusted', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  for (const key of ['membership/roots/hospital-b', 'membership/revoked/hospital-b']) {
    distrusted.add(key);
    await expect(reader.chart(session, { fresh: true }), key).rejects.toMatchObject({ detail: 'distrusted' });
    await expect(reader.open(await consortium.use(token, readerSide.clinician)), key).rejects.toMatchObject({
      detail: 'distrusted',
    });
    distrusted.clear();
  }
  expect((await reader.chart(session, { fresh: true })).records.size).toBe(3);
});
