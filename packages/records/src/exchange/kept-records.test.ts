import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Consortium } from '../../test/consortium.ts';
import { createStory, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { crossCheckAudits } from './cross-check.ts';
import type { GrantToken } from './grant-tokens.ts';
import type { KeptFacts } from './kept-records.ts';
import { signPeerRequest } from './peer-request.ts';

const workers = new BundleWorkers(1);
let story: Story;
let consortium: Consortium;
let kept: readonly KeptFacts[];
let texts: ReadonlyMap<string, string>;

const member = (): { kind: 'member'; id: string; organisation: string; roles: readonly string[] } => {
  const { id, organisation, roles } = story.readerSide.clinician;
  return { kind: 'member', id, organisation, roles };
};

async function openWith(token: GrantToken): Promise<{ session: string; ids: readonly string[] }> {
  const { reader } = story.readerSide.exchange;
  const { session } = await reader.open(await consortium.use(token, story.readerSide.clinician));
  return { session, ids: [...(await reader.chart(session)).records.keys()] };
}

beforeAll(async () => {
  story = await createStory(workers);
  ({ consortium } = story);
  const { author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient }, { mayKeep: true });
  const { session, ids } = await openWith(token);
  const { exchange } = readerSide;
  texts = new Map((await exchange.reader.read(session, ids)).map(({ recordId, text }) => [recordId, text]));
  const { keepings, terms } = await exchange.reader.readToKeep(session, ids);
  kept = await exchange.kept.keep({ author: 'hospital-a', terms, who: member() }, keepings);
}, 240_000);

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

test('keeps what the terms allow, and both organisations log it as an export', async () => {
  expect(kept.length).toBe(texts.size);
  expect(kept.length).toBeGreaterThan(0);
  for (const side of [story.author, story.readerSide]) {
    const lines = await side.vault.audit.list({ limit: 50 });
    expect(lines.filter(({ event }) => event.kind === 'export' && event.outcome === 'ok')).toHaveLength(1);
  }
  const sides = [story.author, story.readerSide].map(({ name, vault }) => ({ organisation: name, audit: vault.audit }));
  expect(await crossCheckAudits(sides[0]!, sides[1]!)).toEqual([]);
});

test('refuses to keep what the terms only let read, at the reader’s side and at the author’s', async () => {
  const { author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { session, ids } = await openWith(token);
  await expect(readerSide.exchange.reader.readToKeep(session, ids)).rejects.toMatchObject({ code: 'denied' });
  const sender = {
    network: consortium.network,
    organisation: 'hospital-b',
    node: readerSide.node,
    clock: consortium.clock,
  };
  const body = { session, records: ids, knownKeys: [], withProofs: true, keep: true };
  const asked = await signPeerRequest(sender, 'hospital-a', 'fetch', body);
  expect(await author.exchange.gateway.fetch(asked)).toEqual({ kind: 'refused', code: 'denied' });
});

test('reads a copy byte for byte, proven by the reader’s own ledger, without asking its author', async () => {
  consortium.peers.delete('hospital-a');
  const { exchange, vault } = story.readerSide;
  const listed = await exchange.kept.list(kept[0]!.pid, member());
  expect(listed).toEqual(kept);
  for (const { pid, recordId } of kept) {
    const copy = await exchange.kept.read(pid, recordId, member());
    expect(copy.text).toBe(texts.get(recordId));
    expect(copy.status).toBe('current');
  }
  const [newest] = await vault.audit.list({ limit: 1 });
  expect(newest?.event).toMatchObject({ kind: 'read', who: { id: member().id } });
});

test('shows a copy to nobody whom the grant did not cover', async () => {
  const { exchange } = story.readerSide;
  const stranger = { ...member(), organisation: 'hospital-a' };
  expect(await exchange.kept.list(kept[0]!.pid, stranger)).toEqual([]);
  const asked = exchange.kept.read(kept[0]!.pid, kept[0]!.recordId, stranger);
  await expect(asked).rejects.toMatchObject({ code: 'not-found' });
});

test('finds out a copy that somebody changed', async () => {
  const { exchange, vault } = story.readerSide;
  const [{ pid, recordId } = { pid: '', recordId: '' }] = kept;
  const name = `${pid}/${recordId}`;
  const stored = (await vault.documents.find('kept-record', name)) as { readonly text: string };
  await vault.documents.put('kept-record', name, { ...stored, text: stored.text.replace('active', 'stopped') });
  await expect(exchange.kept.read(pid, recordId, member())).rejects.toMatchObject({ code: 'content-mismatch' });
});
