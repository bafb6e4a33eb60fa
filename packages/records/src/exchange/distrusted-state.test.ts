import { type GrantFact, grantKey } from '@salus/contracts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { distrusting } from '../../test/distrusting.ts';
import { createStory, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type { ExchangeReader } from './reader.ts';

const workers = new BundleWorkers(1);
/** Keys that an alarm has written, as the author's own follower sees them. */
const distrusted = new Set<string>();
let story: Story;
let reader: ExchangeReader;

/** On a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

beforeAll(async () => {
  story = await createStory(workers);
  reader = story.readerSide.exchange.reader;
  const { consortium } = story;
  const { ledger } = consortium;
  consortium.ledger = distrusting(ledger, distrusted);
  story = { ...story, author: await consortium.reopen('hospital-a') };
  consortium.ledger = ledger;
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

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

test('ends the grants whose time is over, though one among them is distrusted', async () => {
  const { consortium, author, readerSide, patient } = story;
  const notAfterMs = consortium.clock() + 60_000;
  const tainted = await consortium.grant({ author, reader: readerSide, patient }, { notAfterMs });
  const honest = await consortium.grant({ author, reader: readerSide, patient }, { notAfterMs });
  const [taintedKey, honestKey] = [tainted, honest].map(({ terms }) => grantKey(terms.pid, terms.grant));
  consortium.advance(120_000);
  distrusted.add(taintedKey!);
  const told = consortium.failures.length;
  expect(await author.exchange.expiries.sweep()).toBe(1);
  expect(consortium.failures.slice(told)).toMatchObject([{ code: 'distrusted' }]);
  const statuses = await Promise.all([taintedKey!, honestKey!].map((key) => consortium.ledger.get(key)));
  expect(statuses.map((fact) => (fact as GrantFact).status)).toEqual(['active', 'expired']);
  distrusted.clear();
});
