import { type GrantFact, grantKey } from '@salus/contracts';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';

const workers = new BundleWorkers(1);
let story: Story;

/** On a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

beforeAll(async () => {
  story = await createStory(workers);
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

test('releases nothing under a grant that has expired, though the ledger committed its use at an earlier time', async () => {
  const { consortium, author, readerSide, patient } = story;
  const { reader } = readerSide.exchange;
  const token = await consortium.grant(
    { author, reader: readerSide, patient },
    { notAfterMs: consortium.clock() + 10_000 },
  );
  const { pid, grant } = token.terms;
  const uses = async () => ((await consortium.ledger.get(grantKey(pid, grant))) as GrantFact | undefined)?.uses;
  // The use is backdated by less than the 30 s that endorsers allow, or was endorsed in time and is ordered late.
  consortium.advance(20_000);
  consortium.ledgerLagMs = 15_000;
  const opening = async (): Promise<unknown> => {
    const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
    return reader.chart(session);
  };
  await expect(opening()).rejects.toMatchObject({ detail: 'grant-expired' });
  expect(await uses()).toBe(1);
  // At its own time the ledger refuses it, too.
  consortium.ledgerLagMs = 0;
  await expect(opening()).rejects.toMatchObject({ detail: 'grant-expired' });
  expect(await uses()).toBe(1);
});
