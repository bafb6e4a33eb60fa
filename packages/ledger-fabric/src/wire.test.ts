import {
  type CallPayload,
  canonical,
  generateHpkeKey,
  generateSigningKey,
  sealHpke,
  sha256,
  signCall,
  signerFromPkcs8,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import {
  FAULT_STATUS,
  type FaultCode,
  faultText,
  findFailure,
  GATHERED_BYTES_MAX,
  GATHERED_CALLS_MAX,
  type GatheredOutcome,
  gatheredCallBytes,
  gatheredText,
  openPrivate,
  outcomesText,
  PRIVATE_BYTES_MAX,
  parseGathered,
  parseOutcomes,
  REJECTED_BYTES_MAX,
  rejectedText,
  sealPrivate,
} from './wire.ts';

const network = 'AAAAAAAAAAAAAAAAAAAAAA';
const payload: CallPayload = {
  version: 'salus:call:v1',
  alg: 'ES256',
  network,
  contract: 'record',
  transaction: 'commit',
  args: { text: 'ä"\u0001' },
  signer: 'id:AAAAAAAAAAAAAAAAAAAAAA',
  nonce: 'AAAAAAAAAAAAAAAAAAAAAA',
  notAfter: 1,
};
const call = await signCall(payload, signerFromPkcs8((await generateSigningKey()).privateKey));
const bytes = (value: unknown): Uint8Array => utf8(typeof value === 'string' ? value : canonical(value as never));
const badWire = expect.objectContaining({ code: 'bad-wire' });

describe('a gathered argument', () => {
  it('gives back every call with the text that was signed and its id', () => {
    const text = gatheredText([call, call] as never);
    const calls = parseGathered(utf8(text));
    expect(calls.map((item) => item.call)).toEqual([call, call]);
    expect(calls[0]?.payloadText).toBe(canonical(payload as never));
    expect(calls[0]?.callId).toHaveLength(43);
    expect(gatheredText(calls.map((item) => item.call))).toBe(text);
  });

  it('has the size that its calls are told to add', () => {
    const [one, two] = [gatheredText([call] as never), gatheredText([call, call] as never)].map(
      (text) => utf8(text).length,
    );
    expect(two! - one!).toBe(gatheredCallBytes(call as never));
  });

  it.each<[string, unknown]>([
    ['nothing', ''],
    ['what is no JSON', '{'],
    ['what is no UTF-8', new Uint8Array([0xff, 0xfe])],
    ['a list', []],
    ['another version', { version: 'salus:gathered:v2', calls: [call] }],
    ['no calls', { version: 'salus:gathered:v1', calls: [] }],
    ['calls that are no list', { version: 'salus:gathered:v1', calls: { 0: call } }],
    ['an unknown member', { version: 'salus:gathered:v1', calls: [call], more: 1 }],
    ['a call without signature', { version: 'salus:gathered:v1', calls: [{ payload }] }],
    ['a call with a private value beside it', { version: 'salus:gathered:v1', calls: [{ ...call, private: {} }] }],
    ['a payload that is a text', { version: 'salus:gathered:v1', calls: [{ ...call, payload: 'text' }] }],
    [
      'a signature beyond its bound',
      { version: 'salus:gathered:v1', calls: [{ ...call, signature: 'A'.repeat(101) }] },
    ],
    ['members out of order', JSON.stringify({ version: 'salus:gathered:v1', calls: [call] })],
    ['white space', `${gatheredText([call] as never)} `],
    ['two members of one name', gatheredText([call] as never).replace('"alg":"ES256"', '"alg":"ES256","alg":"ES256"')],
    ['a lone surrogate', gatheredText([call] as never).replace('ä', '\\ud800')],
    ['nesting without end', `{"calls":${'['.repeat(100_000)}`],
    ['a payload nested too deep', `{"calls":[{"payload":{"a":${'['.repeat(200)}${']'.repeat(200)}},"signature":""}]}`],
  ])('is refused when it is %s', (_, value) => {
    expect(() => parseGathered(value instanceof Uint8Array ? value : bytes(value))).toThrow(badWire);
  });

  it('has a bound in calls and in bytes, for the writer and the reader', () => {
    const many = Array.from({ length: GATHERED_CALLS_MAX + 1 }, () => call);
    expect(() => gatheredText(many as never)).toThrow(badWire);
    expect(() => gatheredText([])).toThrow(badWire);
    expect(() => parseGathered(bytes({ version: 'salus:gathered:v1', calls: many }))).toThrow(badWire);
    const large = { ...call, payload: { ...payload, args: { text: 'a'.repeat(GATHERED_BYTES_MAX) } } };
    expect(() => gatheredText([large] as never)).toThrow(badWire);
    expect(() => parseGathered(bytes({ version: 'salus:gathered:v1', calls: [large] }))).toThrow(badWire);
  });
});

describe('private values', async () => {
  const own = await generateHpkeKey();
  const argument = utf8(gatheredText([call] as never));
  const callId = parseGathered(argument)[0]!.callId;
  const callIds = new Set([callId]);
  const values = new Map([[callId, { salt: 'salt', values: { terms: 1 } }]]);
  const sealed = await sealPrivate(values, { network, argument, publicKey: own.publicKey });
  const badPrivate = expect.objectContaining({ code: 'bad-private' });

  it('open beside their argument with the key of the organisation', async () => {
    expect(await openPrivate(sealed, { network, argument, key: own, callIds })).toEqual(values);
    expect(Buffer.from(sealed).toString()).not.toContain('terms');
  });

  it('have one of a few lengths when they are sealed, whatever they say', async () => {
    const sealedLength = async (textBytes: number): Promise<number> => {
      const long = new Map([[callId, { salt: '', values: { text: 'a'.repeat(textBytes) } }]]);
      const field = await sealPrivate(long, { network, argument, publicKey: own.publicKey });
      expect(await openPrivate(field, { network, argument, key: own, callIds })).toEqual(long);
      return field.length;
    };
    const frame = canonical(Object.fromEntries([[callId, { salt: '', values: { text: '' } }]])).length;
    const short = await sealedLength(0);
    expect(await sealedLength(1_000)).toBe(short);
    expect(await sealedLength(4_096 - frame)).toBe(short);
    const next = await sealedLength(4_097 - frame);
    expect(next).toBeGreaterThan(short);
    expect(await sealedLength(8_192 - frame)).toBe(next);
    expect(await sealedLength(PRIVATE_BYTES_MAX - frame)).toBeGreaterThan(next);
  });

  it('are refused with any other padding', async () => {
    const text = canonical(Object.fromEntries(values));
    const info = ['salus:private:v1', network, toBase64url(sha256(argument))];
    const open = async (plaintext: string): Promise<unknown> => {
      const envelope = await sealHpke({ publicKey: own.publicKey, info, plaintext: utf8(plaintext) });
      return openPrivate(utf8(canonical(envelope)), { network, argument, key: own, callIds });
    };
    expect(await open(text.padEnd(4_096))).toEqual(values);
    for (const padded of [text, text.padEnd(4_095), text.padEnd(8_192), text.padStart(4_096), ' '.repeat(4_096), '']) {
      await expect(open(padded)).rejects.toThrow(badPrivate);
    }
    await expect(open(text.padEnd(4_096, '\n'))).rejects.toThrow(badPrivate);
  });

  it('do not open beside another argument, on another network, or with another key', async () => {
    const on = { network, argument, key: own, callIds };
    const other = utf8(gatheredText([call, call] as never));
    await expect(openPrivate(sealed, { ...on, argument: other })).rejects.toThrow(badPrivate);
    await expect(openPrivate(sealed, { ...on, network: 'BAAAAAAAAAAAAAAAAAAAAA' })).rejects.toThrow(badPrivate);
    await expect(openPrivate(sealed, { ...on, key: await generateHpkeKey() })).rejects.toThrow(badPrivate);
    await expect(openPrivate(sealed.subarray(1), on)).rejects.toThrow(badPrivate);
    await expect(openPrivate(new Uint8Array(2_000_000), on)).rejects.toThrow(badPrivate);
  });

  it('belong to calls of the argument', async () => {
    const on = { network, argument, key: own, callIds: new Set<string>() };
    await expect(openPrivate(sealed, on)).rejects.toThrow(badPrivate);
    const none = await sealPrivate(new Map(), { network, argument, publicKey: own.publicKey });
    await expect(openPrivate(none, { ...on, callIds })).rejects.toThrow(badPrivate);
  });

  it('never stand in the error that refuses them', async () => {
    const text = await sealPrivate(new Map([[callId, 'secret' as never]]), {
      network,
      argument,
      publicKey: own.publicKey,
    });
    const error = await openPrivate(text, { network, argument, key: own, callIds }).catch((caught: unknown) => caught);
    expect(error).toEqual(badPrivate);
    expect((error as Error).cause).toBeUndefined();
    expect(String(error)).not.toContain('secret');
  });

  it('are refused when they are larger than an envelope', async () => {
    const large = new Map([[callId, { salt: '', values: { text: 'a'.repeat(PRIVATE_BYTES_MAX) } }]]);
    await expect(sealPrivate(large, { network, argument, publicKey: own.publicKey })).rejects.toThrow(badWire);
  });
});

describe('an answer', () => {
  const outcomes: readonly GatheredOutcome[] = [
    { kind: 'committed', result: { a: 1 }, events: [{ name: 'x', value: null }] },
    { kind: 'repeated' },
    { kind: 'refused', code: 'role-missing', detail: 'field' },
  ];

  it('tells the outcomes, without details where it is endorsed', () => {
    const endorsed = outcomesText(outcomes);
    expect(endorsed).not.toContain('detail');
    expect(parseOutcomes(utf8(endorsed), 3)).toEqual([
      ...outcomes.slice(0, 2),
      { kind: 'refused', code: 'role-missing' },
    ]);
  });

  const refusals = [
    { index: 1, outcome: { kind: 'repeated' } },
    { index: 2, outcome: { kind: 'refused', code: 'role-missing', detail: 'field' } },
    { index: 4, outcome: { kind: 'refused', code: 'signer-unknown' } },
  ] as const;

  it('names the calls that must go out of a transaction', () => {
    expect(rejectedText(refusals)).toContain('[[1,null],[2,"role-missing","field"],[4,"signer-unknown"]]');
    expect(findFailure(rejectedText(refusals), 5)).toEqual({ kind: 'rejected', refusals });
    expect(findFailure(rejectedText(refusals), 4)).toBeUndefined();
    expect(findFailure(rejectedText([...refusals].reverse()), 5)).toBeUndefined();
    expect(findFailure(rejectedText([]), 5)).toBeUndefined();
  });

  it('names as many of them as its bound allows', () => {
    const detail = 'd'.repeat(200);
    const many = Array.from({ length: 500 }, (_, index) => {
      return { index, outcome: { kind: 'refused', code: 'args-invalid', detail } as const };
    });
    const text = rejectedText(many);
    expect(text.length).toBeLessThanOrEqual(REJECTED_BYTES_MAX);
    const failure = findFailure(text, 500);
    expect(failure?.kind === 'rejected' && failure.refusals.length).toBeGreaterThan(40);
  });

  it('tells each fault', () => {
    const codes = Object.keys(FAULT_STATUS) as FaultCode[];
    expect(codes.length).toBeGreaterThan(5);
    for (const code of codes) {
      expect(findFailure(faultText(code), 1)).toEqual({ kind: 'fault', code });
      expect(findFailure(faultText(code, 1), 2)).toEqual({ kind: 'fault', code, call: 1 });
      expect(findFailure(faultText(code, 1), 1)).toBeUndefined();
    }
  });

  it.each<[string, unknown]>([
    ['another number of outcomes', outcomesText(outcomes.slice(1))],
    ['a rejection', rejectedText(refusals)],
    ['an endorsed detail', outcomesText(outcomes).replace('"role-missing"', '"role-missing","detail":"field"')],
    ['an unknown kind', { version: 'salus:outcomes:v1', outcomes: [{ kind: 'x' }, { kind: 'x' }, { kind: 'x' }] }],
    ['white space', `${outcomesText(outcomes)}\n`],
    ['nothing', ''],
  ])('is refused as an endorsed one when it holds %s', (_, value) => {
    expect(() => parseOutcomes(bytes(value), 3)).toThrow(badWire);
  });

  it.each<[string, string]>([
    ['the text of a peer', 'chaincode salus not found'],
    ['an unknown fault', '{"code":"x","version":"salus:fault:v1"}'],
    ['a fault with more members', '{"code":"internal","more":1,"version":"salus:fault:v1"}'],
    ['another version', '{"code":"internal","version":"salus:fault:v2"}'],
    ['an inherited name', '{"code":"toString","version":"salus:fault:v1"}'],
    ['a lone surrogate', '\ud800'],
    ['a list', '[]'],
  ])('is no failure of the chaincode when it is %s', (_, text) => {
    expect(findFailure(text, 1)).toBeUndefined();
  });
});
