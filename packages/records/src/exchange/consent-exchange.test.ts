import {
  hashTuple,
  type Json,
  newNonce,
  randomBytes,
  type SealedEnvelope,
  sealHpke,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { accessRequest, answer, narrow, prepareCall, revoke, sealToken } from '@salus/wallet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, laterMedication, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import type { ExchangePeer } from './exchange-peer.ts';
import type { GrantToken } from './grant-tokens.ts';
import { signPeerRequest } from './peer-request.ts';

const workers = new BundleWorkers(1);
let story: Story;

beforeAll(async () => {
  story = await createStory(workers);
  await story.consortium.addMember('clinic-c');
}, 240_000);

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
});

const sender = () => {
  const { consortium, readerSide } = story;
  const { network, clock } = consortium;
  return { network, organisation: 'hospital-b', node: readerSide.node, clock };
};

test('keeps the words of a request for its patient, only as the ledger committed to them', async () => {
  const { consortium, author, patient } = story;
  const asked = {
    grantee: { kind: 'organisation', organisation: 'hospital-a' } as const,
    ...{ categories: ['laboratory'], purposes: ['TREAT'] as const, notAfterMs: null, text: 'for your visit' },
  };
  const prepared = await accessRequest(author.clinician, consortium.occasion, { pid: patient.pid, ...asked });
  await consortium.commit(prepared);
  const { values } = prepared.privateArgs!;
  const words = values.asked as never;
  const book = author.exchange.requests;
  const other = book.keep(
    { ...(words as object), text: 'something else' } as never,
    String(values.salt),
    author.clinician.id,
  );
  await expect(other).rejects.toMatchObject({ code: 'proof-invalid' });
  await book.keep(words, String(values.salt), author.clinician.id);
  expect(await book.listOfPid(patient.pid, { limit: 10 })).toMatchObject([
    { status: 'open', asked: { text: 'for your visit' } },
  ]);
  await consortium.commit(
    await answer(patient.wallet, consortium.occasion, {
      pid: patient.pid,
      request: prepared.request,
      answer: 'partly',
    }),
  );
  expect(await book.find(patient.pid, prepared.request)).toMatchObject({ status: 'partly' });
  expect(await book.find(patient.pid, newNonce())).toBeUndefined();
});

test('takes a grant token only for itself, this network and a grant on the ledger', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { tokens } = readerSide.exchange;
  expect(await tokens.find(patient.pid, token.terms.grant)).toEqual(token);
  const [key] = await readerSide.vault.privateKeys.list('hpke');
  const seal = async (change: { readonly [name: string]: Json }) => {
    const { terms, salt, authorOrganisation } = token;
    const fields = {
      ...{ version: 'salus:grant-token:v1', network: consortium.network, authorOrganisation },
      ...{ pid: terms.pid, grant: terms.grant, terms, salt },
      ...change,
    };
    const info = ['salus:grant-token:v1', consortium.network, key!.kid];
    return sealHpke({ publicKey: key!.publicKey, info, plaintext: utf8(JSON.stringify(fields)) });
  };
  const refusals: readonly [{ readonly [name: string]: Json }, string][] = [
    [{ network: newNonce() }, 'bad-input'],
    [{ pid: newNonce() }, 'bad-input'],
    [{ terms: {} }, 'bad-input'],
    [{ salt: toBase64url(randomBytes(32)) }, 'proof-invalid'],
    [{ authorOrganisation: 'clinic-c' }, 'proof-invalid'],
    [{ terms: { ...token.terms, categories: ['medication', 'laboratory'] } as never }, 'proof-invalid'],
  ];
  for (const [change, code] of refusals) {
    await expect(tokens.receive(await seal(change), null), JSON.stringify(change)).rejects.toMatchObject({ code });
  }
  const foreign = await sealToken(patient.wallet, token.terms.grant, (await author.vault.privateKeys.list('hpke'))[0]!);
  await expect(tokens.receive(foreign.envelope, null)).rejects.toMatchObject({ code: 'not-found' });
  await expect(author.exchange.tokens.receive(foreign.envelope, null)).rejects.toMatchObject({ code: 'bad-input' });
});

test('hands the token of a grant on to its grantee, and keeps nothing that the grantee refuses', async () => {
  const { consortium, author, readerSide, patient } = story;
  const { exchange } = author;
  const envelope = await consortium.grantUntold({ author, reader: readerSide, patient });
  const grant = patient.wallet.content.grants.at(-1)!.terms.grant;
  const of = (sealed: SealedEnvelope) => ({ pid: patient.pid, grant, sealed });
  const { tokens } = readerSide.exchange;
  expect(await tokens.find(patient.pid, grant)).toBeUndefined();
  const { ciphertext } = envelope;
  const changed = { ...envelope, ciphertext: `${ciphertext.startsWith('A') ? 'B' : 'A'}${ciphertext.slice(1)}` };
  const refused = { code: 'proof-invalid', detail: 'key-mismatch' };
  await expect(exchange.handOn(of(changed))).rejects.toMatchObject(refused);
  expect(await tokens.find(patient.pid, grant)).toBeUndefined();
  await exchange.handOn(of(envelope));
  expect(await tokens.find(patient.pid, grant)).toMatchObject({ terms: { grant } });
  // The same again, as after an answer that was lost.
  await exchange.handOn(of(envelope));
  const malformed = await signPeerRequest(sender(), 'hospital-a', 'handOn', { sealed: { kid: 7 } as never });
  expect(await author.exchange.gateway.handOn(malformed)).toEqual({ kind: 'refused', code: 'bad-input' });
});

test('hands nothing on for a grant that the pid did not make here, and asks nobody', async () => {
  const { consortium, author, readerSide, patient } = story;
  const sealed = await consortium.grantUntold({ author, reader: readerSide, patient });
  const { pid } = patient;
  const { grant } = patient.wallet.content.grants.at(-1)!.terms;
  const asked = vi.spyOn(readerSide.exchange.gateway, 'handOn');
  const unknown = [
    { pid: newNonce(), grant, sealed },
    { pid, grant: newNonce(), sealed },
  ];
  for (const handed of unknown) {
    await expect(author.exchange.handOn(handed)).rejects.toMatchObject({ code: 'not-found' });
  }
  // Nor does the grantee's node hand on what was granted elsewhere.
  await expect(readerSide.exchange.handOn({ pid, grant, sealed })).rejects.toMatchObject({ code: 'not-found' });
  expect(asked).not.toHaveBeenCalled();
  asked.mockRestore();
});

const HOSTILE: readonly (readonly [what: string, answer: unknown, code: string])[] = [
  ['a text in place of a code', { kind: 'refused', code: 'Call 555-0100 at once' }, 'proof-invalid'],
  ['a code without end', { kind: 'refused', code: 'a'.repeat(100_000) }, 'proof-invalid'],
  ['another grant', { kind: 'ok', result: { grant: 'another' } }, 'proof-invalid'],
  ['no grant', { kind: 'ok', result: {} }, 'proof-invalid'],
  ['that its contracts are too old', { kind: 'refused', code: 'contracts-unknown' }, 'peer-unreachable'],
  ['that its database is away', { kind: 'refused', code: 'store-unavailable' }, 'peer-unreachable'],
];

test.each(HOSTILE)(
  'tells a patient nothing but codes where the node of the grantee answers %s',
  async (_, answer, code) => {
    const { consortium, author, readerSide, patient } = story;
    const sealed = await consortium.grantUntold({ author, reader: readerSide, patient });
    const { grant } = patient.wallet.content.grants.at(-1)!.terms;
    const asked = vi.spyOn(readerSide.exchange.gateway, 'handOn').mockResolvedValue(answer as never);
    const error: unknown = await author.exchange
      .handOn({ pid: patient.pid, grant, sealed })
      .catch((thrown: unknown) => thrown);
    asked.mockRestore();
    expect(error).toMatchObject({ name: 'RecordsError', code });
    const { message } = error as Error;
    expect(message.length).toBeLessThan(200);
    expect(message).not.toMatch(/555|aaa/);
  },
);

test('takes the narrowed terms of a grant in place of the wider ones, as the answer to the same request', async () => {
  const { consortium, author, readerSide, patient } = story;
  const wide = await consortium.grant(
    { author, reader: readerSide, patient },
    { categories: ['medication', 'laboratory'] },
  );
  const { pid, grant } = wide.terms;
  const { tokens } = readerSide.exchange;
  const [key] = await readerSide.vault.privateKeys.list('hpke');
  const before = (await sealToken(patient.wallet, grant, key!)).envelope;
  const asked = { pid, request: hashTuple('test', 'request') };
  await tokens.receive(before, asked);
  const narrowed = await narrow(patient.wallet, consortium.occasion, { grant, change: { categories: ['laboratory'] } });
  await consortium.commit(narrowed);
  await expect(tokens.receive(before, asked)).rejects.toMatchObject({ code: 'proof-invalid' });
  const after = (await sealToken(narrowed.wallet, grant, key!)).envelope;
  const unwanted = (): void => {
    throw new Error('unwanted');
  };
  await expect(tokens.receive(after, null, unwanted)).rejects.toThrow('unwanted');
  // What is not wanted replaces nothing.
  expect(await tokens.find(pid, grant)).toEqual(wide);
  await tokens.receive(after, null);
  const [held, ...others] = await tokens.listOfRequest(asked.pid, asked.request);
  expect([held?.terms.grant, held?.terms.categories, others]).toEqual([grant, ['laboratory'], []]);
});

test('lists tokens for whom they are meant, while their grants are active', async () => {
  const { consortium, author, readerSide, patient } = story;
  const mine = await consortium.grant(
    { author, reader: readerSide, patient },
    { grantee: { kind: 'person', organisation: 'hospital-b', id: readerSide.clinician.id } },
  );
  const { tokens } = readerSide.exchange;
  const { id, organisation, roles } = readerSide.clinician;
  const usable = async (reader: string): Promise<readonly string[]> =>
    (await tokens.listUsable({ id: reader, organisation, roles })).map(({ terms }) => terms.grant);
  expect(await usable(id)).toContain(mine.terms.grant);
  expect(await usable(newNonce())).not.toContain(mine.terms.grant);
  const { pid, grant } = mine.terms;
  await consortium.commit(await revoke(patient.wallet, consortium.occasion, { pid, grant }));
  expect(await usable(id)).not.toContain(grant);
});

test('passes a part of a grant on by the holder’s request, and opens its keys to the new holder', async () => {
  const { consortium, author, readerSide, patient } = story;
  const clinic = consortium.member('clinic-c');
  const parent = await consortium.grant({ author, reader: readerSide, patient }, { delegationDepth: 1 });
  const child = {
    ...parent.terms,
    ...{ grant: newNonce(), parent: parent.terms.grant, delegationDepth: 0 },
    grantee: { kind: 'organisation', organisation: 'clinic-c' } as const,
  };
  const salt = toBase64url(randomBytes(32));
  const commitment = hashTuple('grant', salt, child as unknown as Json);
  const args = { pid: patient.pid, parent: parent.terms.grant, grant: child.grant, commitment };
  const { clinician } = readerSide;
  const content = { contract: 'consent', transaction: 'delegateRequest', args, signer: `id:${clinician.id}` };
  const { call } = await prepareCall(consortium.occasion, content, clinician.signer);
  const token = { terms: parent.terms, salt: parent.salt };
  const body = { request: call, chain: clinician.chain, token, ancestors: [], child: { terms: child, salt } };
  const { gateway } = author.exchange;
  const asked = await gateway.delegate(await signPeerRequest(sender(), 'hospital-a', 'delegate', body));
  expect(asked).toEqual({ kind: 'ok', result: { grant: child.grant } });
  const again = await gateway.delegate(await signPeerRequest(sender(), 'hospital-a', 'delegate', body));
  expect(again).toEqual({ kind: 'refused', code: 'request-used' });

  const passed: GrantToken = { terms: child, salt, authorOrganisation: 'hospital-a' };
  const request = await consortium.use(passed, clinic.clinician);
  const { reader } = clinic.exchange;
  const { session } = await reader.open({ ...request, ancestors: [token] });
  const chart = await reader.chart(session);
  const records = await reader.read(session, [...chart.records.keys()]);
  expect(records.length).toBeGreaterThanOrEqual(3);
  const { pid, grant } = parent.terms;
  await consortium.commit(await revoke(patient.wallet, consortium.occasion, { pid, grant }));
  await expect(reader.chart(session, { fresh: true })).rejects.toMatchObject({ detail: 'parent-inactive' });
});

test('gives the list of places to the holder of a locate grant, sealed as the patient left it', async () => {
  const { consortium, author, readerSide, patient } = story;
  const located = await consortium.grant(
    { author, reader: readerSide, patient },
    { kind: 'locate', categories: [], labelClasses: [] },
  );
  const [key] = await readerSide.vault.privateKeys.list('hpke');
  const list = await sealHpke({ publicKey: key!.publicKey, info: ['places'], plaintext: utf8('[]') });
  const { pid, grant } = located.terms;
  const { clinician } = readerSide;
  const ask = async () => {
    const args = { pid, grant, purpose: 'TREAT' };
    const content = { contract: 'consent', transaction: 'locateRequest', args, signer: `id:${clinician.id}` };
    const { call } = await prepareCall(consortium.occasion, content, clinician.signer);
    const token = { terms: located.terms, salt: located.salt };
    const body = { request: call, chain: clinician.chain, token, ancestors: [], recipientKid: key!.kid };
    return author.exchange.gateway.places(await signPeerRequest(sender(), 'hospital-a', 'places', body));
  };
  expect(await ask()).toEqual({ kind: 'refused', code: 'not-found' });
  await author.exchange.places.keep(pid, grant, list);
  expect(await ask()).toEqual({ kind: 'ok', result: { sealed: list } });
});

test('ends grants whose uses are spent, once their last session is over', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient }, { maxUses: 1 });
  const { reader } = readerSide.exchange;
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  await author.exchange.expiries.sweep();
  await reader.chart(session);
  consortium.advance(16 * 60_000);
  expect(await author.exchange.expiries.sweep()).toBe(1);
  expect(await author.exchange.expiries.sweep()).toBe(0);
  const fact = await consortium.ledger.get(`grant/${token.terms.pid}/${token.terms.grant}`);
  expect(fact).toMatchObject({ status: 'expired' });
});

test('reads a record with a large attachment whole, and refuses a piece that was changed', async () => {
  const { consortium, author, readerSide, patient } = story;
  const data = Buffer.alloc(1_500_000, 'salus').toString('base64');
  const [added = ''] = await consortium.import(author, [
    {
      ...{ resourceType: 'DocumentReference', id: newNonce(), status: 'current' },
      subject: { reference: `Patient/${patient.fhirId}` },
      content: [{ attachment: { contentType: 'application/pdf', data } }],
    },
  ]);
  const { meta, recordId } = await consortium.record(author, added);
  const { PAIRS } = await import('@salus/fhir');
  const { category, labelClass } = PAIRS[meta.pair]!;
  const token = await consortium.grant(
    { author, reader: readerSide, patient },
    { categories: [category], labelClasses: [labelClass] },
  );
  const { reader } = readerSide.exchange;
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  const [record] = await reader.read(session, [recordId]);
  expect(JSON.parse(record!.text).content[0].attachment.data).toBe(data);
  const { gateway } = author.exchange;
  consortium.peers.set('hospital-a', {
    ...({} as ExchangePeer),
    fetch: (request) => gateway.fetch(request),
    attachment: async (request) => {
      const answered = await gateway.attachment(request);
      if (answered.kind === 'refused') return answered;
      const bytes = Buffer.from(answered.result.piece, 'base64url');
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      return { kind: 'ok', result: { piece: bytes.toString('base64url') } };
    },
  });
  await expect(reader.read(session, [recordId])).rejects.toMatchObject({ code: 'content-mismatch' });
  consortium.peers.set('hospital-a', gateway);
});

test('refuses to take a record into a session whose grant came before the category was asked for', async () => {
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant(
    { author, reader: readerSide, patient },
    { categories: ['medication', 'laboratory'] },
  );
  const { reader } = readerSide.exchange;
  const { session } = await reader.open(
    await consortium.use(token, readerSide.clinician, { categories: ['laboratory'] }),
  );
  const chart = await reader.chart(session);
  expect([...chart.records.values()].map(({ type }) => type)).toEqual(['Observation']);
  const [added = ''] = await consortium.import(author, [laterMedication(story, 'not asked for')]);
  const { recordId } = await consortium.record(author, added);
  await expect(reader.read(session, [recordId])).rejects.toMatchObject({ code: 'not-found' });
});
