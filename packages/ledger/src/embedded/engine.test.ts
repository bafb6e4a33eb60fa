import { readFileSync } from 'node:fs';
import type { SignedCall } from '@salus/contracts';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newWriter, privately, type Writer } from '../../test/notebook.ts';
import { newPlace, type Place, START_MS } from '../../test/open-notebook.ts';
import type { SubmitResult } from '../ledger.ts';
import { QUEUE_CALLS_MAX } from './call-queue.ts';
import type { EmbeddedLedger } from './embedded-ledger.ts';

let place: Place;
let ledger: EmbeddedLedger;
let writer: Writer;

beforeEach(async () => {
  place = newPlace();
  ledger = await place.create();
  writer = newWriter();
  committed(await ledger.submit(await writer.enrol()));
});

afterEach(async () => {
  await ledger[Symbol.asyncDispose]();
  place.remove();
});

function committed(result: SubmitResult): Extract<SubmitResult, { kind: 'committed' }> {
  if (result.kind !== 'committed') throw new Error(`expected a committed call, not ${result.code}`);
  return result;
}

describe('the embedded engine', () => {
  it('commits a lone call at once, in a block of its own', async () => {
    const result = committed(await ledger.submit(await writer.write([['page/1', 'text']])));
    expect(result).toMatchObject({ block: 2, index: 0, timestampMs: START_MS, result: { pages: 1 } });
    expect(await ledger.get('page/1')).toBe('text');
  });

  it('gathers calls of many callers in one block, each succeeding or failing alone', async () => {
    const other = newWriter();
    const stranger = newWriter();
    await ledger.submit(await other.enrol());
    await ledger.submit(await writer.write([['page/1', 0]]));
    const calls = [
      await writer.call('swap', { key: 'page/1', from: 0, to: 1 }),
      await other.call('swap', { key: 'page/1', from: 0, to: 2 }),
      await stranger.write([['page/1', 9]]),
      await other.call('swap', { key: 'page/1', from: 1, to: 3 }),
      await writer.write([['page/2', true]]),
    ];
    const results = await Promise.all(calls.map((call) => ledger.submit(call)));
    expect(results.map((result) => (result.kind === 'refused' ? result.code : result.index))).toEqual([
      0,
      'stale-epoch',
      'signer-unknown',
      2,
      3,
    ]);
    expect(new Set(results.flatMap((result) => (result.kind === 'committed' ? [result.block] : []))).size).toBe(1);
    expect(await ledger.get('page/1')).toBe(3);
    const block = await ledger.block(await ledger.height());
    expect(block?.transactions.map(({ outcome }) => outcome.kind)).toEqual([
      'committed',
      'refused',
      'committed',
      'committed',
    ]);
  });

  it('lets a range see the writes of earlier calls in the same block and hide what they deleted', async () => {
    await ledger.submit(
      await writer.write([
        ['r/b', 1],
        ['r/d', 1],
      ]),
    );
    await Promise.all(
      [
        await writer.write([
          ['r/a', 1],
          ['r/b', null],
          ['r/c', 1],
          ['s', 1],
        ]),
        await writer.call('count', { start: 'r/', end: 'r0', into: 'seen' }),
      ].map((call) => ledger.submit(call)),
    );
    expect(await ledger.get('seen')).toEqual(['r/a', 'r/c', 'r/d']);
    expect((await ledger.range('r/', 'r0', 2)).map(({ key }) => key)).toEqual(['r/a', 'r/c']);
  });

  it('keeps each version of a key that several calls of one block write', async () => {
    const calls = [1, 2, 3].map((value) => writer.write([['page/1', value]]));
    await Promise.all((await Promise.all(calls)).map((call) => ledger.submit(call)));
    await ledger.submit(await writer.write([['page/1', null]]));
    const versions = await ledger.history('page/1', { limit: 10 });
    expect(versions.map(({ value }) => value)).toEqual([null, 3, 2, 1]);
    expect(await ledger.get('page/1')).toBeUndefined();
    const page = await ledger.history('page/1', { limit: 2, before: versions[1]! });
    expect(page.map(({ value }) => value)).toEqual([2, 1]);
  });

  it('answers a repeated call with its first result, in the same block and later', async () => {
    const call = await writer.write([['page/1', 1]]);
    const [first, again] = await Promise.all([ledger.submit(call), ledger.submit(call)]);
    expect(again).toEqual(first);
    place.clock.nowMs += 5_000;
    expect(await ledger.submit(call)).toEqual(first);
    expect((await ledger.history('page/1', { limit: 10 })).length).toBe(1);
  });

  it('never lets time run backwards, also over a restart', async () => {
    place.clock.nowMs = START_MS + 10_000;
    await ledger.submit(await writer.write([['page/1', 1]]));
    place.clock.nowMs = START_MS - 10_000;
    expect(committed(await ledger.submit(await writer.write([['page/1', 2]]))).timestampMs).toBe(START_MS + 10_000);
    await ledger[Symbol.asyncDispose]();
    ledger = await place.open();
    expect(committed(await ledger.submit(await writer.write([['page/1', 3]]))).timestampMs).toBe(START_MS + 10_000);
  });

  it('refuses many calls with wrong signatures in workers, and takes the right ones beside them', async () => {
    const calls: SignedCall[] = [];
    for (let index = 0; index < 300; index += 1) {
      const call = await writer.write([[`page/${index}`, index]]);
      const forged = { ...call.payload, args: { pages: [[`page/${index}`, 'forged']] } };
      calls.push(index % 3 === 0 ? { payload: forged, signature: call.signature } : call);
    }
    const results = await Promise.all(calls.map((call) => ledger.submit(call)));
    results.forEach((result, index) => {
      if (index % 3 === 0) expect(result).toMatchObject({ kind: 'refused', code: 'signature-invalid' });
      else expect(result.kind).toBe('committed');
    });
    expect(await ledger.get('page/0')).toBeUndefined();
    expect(await ledger.get('page/1')).toBe(1);
  });

  it('judges a signature by the key of the moment of execution, not by the one a worker was asked about', async () => {
    const successor = newWriter();
    // While the worker checks the old key, an earlier call of the same queue replaces it.
    const replace = await writer.write([[`key/${writer.id}`, successor.signer.publicKey]]);
    const stale: SignedCall[] = [];
    for (let index = 0; index < 100; index += 1) stale.push(await writer.write([[`late/${index}`, 1]]));
    const [first, ...others] = await Promise.all([replace, ...stale].map((call) => ledger.submit(call)));
    expect(first?.kind).toBe('committed');
    expect(others.length).toBe(100);
    for (const result of others) expect(result).toMatchObject({ kind: 'refused', code: 'signature-invalid' });
  });

  it('stores refusals of authenticated calls only, and finds them by id', async () => {
    const before = await ledger.height();
    expect(await ledger.submit(await newWriter().write([['page/1', 1]]))).toMatchObject({ code: 'signer-unknown' });
    expect(
      await ledger.submit(await writer.write([['page/1', 1]]).then((call) => ({ ...call, signature: 'A'.repeat(86) }))),
    ).toMatchObject({ code: 'signature-invalid' });
    expect(await ledger.submit({} as SignedCall)).toEqual({ kind: 'refused', callId: null, code: 'call-malformed' });
    expect(await ledger.height()).toBe(before);
    const swap = await writer.call('swap', { key: 'page/1', from: 1, to: 2 });
    const refused = await ledger.submit(swap);
    expect(refused).toMatchObject({ kind: 'refused', code: 'stale-epoch' });
    expect(await ledger.height()).toBe(before + 1);
    const view = await ledger.transaction(refused.callId!);
    expect(view).toMatchObject({ block: before + 1, index: 0, outcome: { kind: 'refused', code: 'stale-epoch' } });
    // It may be sent again, and then its committed transaction is the one that is found.
    await ledger.submit(await writer.write([['page/1', 1]]));
    const retried = committed(await ledger.submit(swap));
    expect(await ledger.transaction(retried.callId)).toMatchObject({
      block: retried.block,
      outcome: { kind: 'committed' },
    });
    expect(await ledger.transaction('B'.repeat(43))).toBeUndefined();
  });

  it('writes private arguments to no file', async () => {
    const secret = 'Erika Mustermann, born 12.8.1964';
    const { privateArgs, privateHash } = privately({ text: secret });
    const call = await writer.call('write', { pages: [['page/1', 1]] }, { privateHash });
    expect(await ledger.submit(call)).toMatchObject({ kind: 'refused', code: 'private-missing' });
    const wrong = { ...privateArgs, values: { text: 'another' } };
    expect(await ledger.submit(call, wrong)).toMatchObject({ kind: 'refused', code: 'private-mismatch' });
    expect((await ledger.submit(call, privateArgs)).kind).toBe('committed');
    await ledger[Symbol.asyncDispose]();
    for (const file of [place.file, place.checkpointFile]) {
      const bytes = readFileSync(file);
      expect(bytes.length).toBeGreaterThan(100);
      expect(bytes.includes(secret)).toBe(false);
      expect(bytes.includes(privateArgs.salt)).toBe(false);
    }
    ledger = await place.open();
  });

  it('rejects a call on which a contract breaks, alone', async () => {
    const calls = [
      await writer.write([['page/1', 1]]),
      await writer.call('break', {}),
      await writer.write([['page/2', 2]]),
    ];
    const [first, broken, last] = await Promise.allSettled(calls.map((call) => ledger.submit(call)));
    expect(first).toMatchObject({ status: 'fulfilled', value: { kind: 'committed' } });
    expect(broken).toMatchObject({ status: 'rejected', reason: { code: 'execution-failed' } });
    expect(last).toMatchObject({ status: 'fulfilled', value: { kind: 'committed' } });
  });

  it('leaves no trace of refusals that tell of private arguments, of a reader or of unparsed text', async () => {
    const [wrong, right] = [privately({ right: false }), privately({ right: true })];
    const guess = await writer.call('guess', {}, { privateHash: wrong.privateHash });
    const height = await ledger.height();
    expect(await ledger.submit(guess, wrong.privateArgs)).toMatchObject({ kind: 'refused', code: 'holder-mismatch' });
    for (const code of ['args-invalid', 'caller-foreign', 'delegation-malformed', 'member-kind-not-allowed']) {
      expect(await ledger.submit(await writer.call('refused', { code }))).toMatchObject({ kind: 'refused', code });
    }
    expect(await ledger.height()).toBe(height);
    const again = await writer.call('guess', {}, { privateHash: right.privateHash });
    committed(await ledger.submit(again, right.privateArgs));
    const refused = await ledger.submit(await writer.call('refused', { code: 'stale-epoch' }));
    expect((await ledger.transaction(refused.callId!))?.outcome).toEqual({ kind: 'refused', code: 'stale-epoch' });
  });

  it('counts private arguments among the bytes that wait', async () => {
    const { privateArgs, privateHash } = privately({ right: 'x'.repeat(200_000) });
    const call = await writer.call('guess', {}, { privateHash });
    const results = await Promise.all(Array.from({ length: 1_000 }, () => ledger.submit(call, privateArgs)));
    const codes = results.map((result) => (result.kind === 'refused' ? result.code : result.kind));
    expect(codes.filter((code) => code === 'overloaded').length).toBeGreaterThan(800);
    expect(codes.filter((code) => code === 'holder-mismatch').length).toBeGreaterThan(100);
  });

  it('says overloaded beyond its queue, and loses none of the calls that it took', async () => {
    const call = await newWriter().write([['page/1', 1]]);
    const results = await Promise.all(Array.from({ length: QUEUE_CALLS_MAX + 50 }, () => ledger.submit(call)));
    const overloaded = results.filter((result) => result.kind === 'refused' && result.code === 'overloaded');
    expect(overloaded.length).toBe(50);
    expect(results.filter((result) => result.kind === 'refused' && result.code === 'signer-unknown').length).toBe(
      QUEUE_CALLS_MAX,
    );
    expect((await ledger.submit(await writer.write([['page/1', 1]]))).kind).toBe('committed');
  });

  it('answers stopped after its end, to waiting calls too', async () => {
    const calls: SignedCall[] = [];
    for (let index = 0; index < 50; index += 1) calls.push(await writer.write([[`page/${index}`, index]]));
    const waiting = calls.map((call) => ledger.submit(call));
    await ledger[Symbol.asyncDispose]();
    const results = await Promise.all(waiting);
    for (const result of results) expect(result.kind === 'committed' || result.code === 'stopped').toBe(true);
    expect(await ledger.submit(calls[0]!)).toMatchObject({ kind: 'refused', code: 'stopped' });
    ledger = await place.open();
    for (const [index, result] of results.entries()) {
      expect(await ledger.get(`page/${index}`)).toBe(result.kind === 'committed' ? index : undefined);
    }
  });

  it('executes what was signed even when the caller changes its object afterwards', async () => {
    const call = structuredClone(await writer.write([['page/1', 1]])) as unknown as {
      payload: { args: { pages: unknown[] } };
    };
    const result = ledger.submit(call as unknown as SignedCall);
    call.payload.args.pages.push(['page/2', 2]);
    expect((await result).kind).toBe('committed');
    expect(await ledger.get('page/2')).toBeUndefined();
  });

  it('gives frozen values', async () => {
    await ledger.submit(await writer.write([['page/1', { deep: { list: [1] } }]]));
    const value = (await ledger.get('page/1')) as { deep: { list: number[] } };
    expect(() => value.deep.list.push(2)).toThrow(TypeError);
    const block = await ledger.block(2);
    expect(Object.isFrozen(block?.transactions[0]?.call.payload)).toBe(true);
    expect(Object.isFrozen(block?.header)).toBe(true);
  });
});
