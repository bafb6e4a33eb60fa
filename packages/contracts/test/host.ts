import {
  callId,
  canonical,
  fromBase64url,
  hashTuple,
  isPublicKey,
  kidOf,
  privateHash,
  utf8,
  verifyCall,
  verifyConsistency,
  verifyEs256,
  verifyInclusion,
} from '@salus/crypto';
import { expect } from 'vitest';
import type { CallPayload, Host, Outcome, PrivateArgs, Pure, SignedCall, SignedDelegation } from '../src/context.ts';
import type { ContractCode } from '../src/errors.ts';
import { execute } from '../src/execute.ts';
import { type Json, type JsonObject, measureJson } from '../src/json.ts';
import { verifyCertificate } from './authority.ts';
import { sign, type TestKey, testHash, testId } from './keys.ts';

/** 2026-11-21T09:00:00Z, where every test's clock starts. */
export const START_MS = 1_795_251_600_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const pure: Pure = {
  canonical,
  hashTuple,
  kidOf,
  callId,
  isPublicKey,
  verifyCall,
  verifySignature: (publicKey, message, signature) => verifyEs256(publicKey, utf8(message), fromBase64url(signature)),
  verifyCertificate,
  verifyInclusion,
  verifyConsistency,
};

/** Who signs a test's call. */
export type TestSigner = { readonly signer: string; readonly key: TestKey };

export type CallOptions = {
  /** `contract.transaction`. */
  readonly transaction: string;
  readonly args: Json;
  readonly by: TestSigner;
  readonly values?: JsonObject;
  readonly onBehalfOf?: SignedDelegation;
  readonly notAfter?: number | null;
  readonly network?: string;
};

export type TestCall = { readonly call: SignedCall; readonly privateArgs?: PrivateArgs };

/** A ledger in memory: a map, a clock that stands still, and calls signed by real keys. */
export interface TestLedger {
  readonly host: Host;
  readonly state: Map<string, Json>;
  nowMs(): number;
  advance(ms: number): void;
  /** Signs a call; its nonce is a counter. */
  sign(options: CallOptions): TestCall;
  /**
   * Runs a call in full, and without private arguments on the same state; asserts that both give the same result, writes and
   * events and read the same keys, that a public refusal is a full one, and that the writes are canonical, sorted and unique; then applies them.
   */
  submit(call: TestCall): Promise<Outcome>;
  /** Signs and submits; the result, or a failing test. */
  commit(options: CallOptions): Promise<Json>;
  /** Signs and submits; asserts the refusal and that it is not a commit of something else. */
  refuse(options: CallOptions, code: ContractCode): Promise<void>;
}

export function createLedger(network = testId('network')): TestLedger {
  const state = new Map<string, Json>();
  let nowMs = START_MS;
  let nonces = 0;
  const host: Host = {
    network,
    pure,
    get: (key) => state.get(key),
    range: (start, end, limit) =>
      [...state]
        .filter(([key]) => key >= start && key < end)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ key, value })),
  };
  const ledger: TestLedger = {
    host,
    state,
    nowMs: () => nowMs,
    advance: (ms) => {
      nowMs += ms;
    },
    sign: (options) => signCall({ network, notAfter: nowMs + 10 * MINUTE_MS, ...options }, `nonce ${nonces++}`),
    submit: async ({ call, privateArgs }) => {
      const [fullReads, fullHost] = withReads(host);
      const [openReads, openHost] = withReads(host);
      const full = await execute(fullHost, { call, privateArgs, timestampMs: nowMs, mode: 'full' });
      const open = await execute(openHost, { call, timestampMs: nowMs, mode: 'public' });
      if (open.kind === 'refused') expect(full.kind, open.code).toBe('refused');
      if (full.kind !== 'refused') {
        expect(open).toEqual(full);
        // Endorsers without private arguments must agree on what was read, and learn no party from it (DESIGN §3).
        expect(openReads).toEqual(fullReads);
      }
      if (full.kind === 'committed') applyWrites(state, full);
      return full;
    },
    commit: async (options) => {
      const outcome = await ledger.submit(ledger.sign(options));
      expect(outcome, JSON.stringify(outcome)).toMatchObject({ kind: 'committed' });
      return outcome.kind === 'committed' ? outcome.result : null;
    },
    refuse: async (options, code) => {
      expect(await ledger.submit(ledger.sign(options))).toMatchObject({ kind: 'refused', code });
    },
  };
  return ledger;
}

/** The host, and the list of what is read from it, in order. */
function withReads(host: Host): readonly [reads: readonly string[], host: Host] {
  const reads: string[] = [];
  const reading: Host = {
    ...host,
    get: (key) => {
      reads.push(key);
      return host.get(key);
    },
    range: (start, end, limit) => {
      reads.push(`${start}..${end}:${limit}`);
      return host.range(start, end, limit);
    },
  };
  return [reads, reading];
}

function applyWrites(state: Map<string, Json>, outcome: Extract<Outcome, { kind: 'committed' }>): void {
  const keys = outcome.writes.map(([key]) => key);
  expect(keys).toEqual([...new Set(keys)].sort());
  expect(keys).toContain(`call/${outcome.callId}`);
  for (const [key, value] of outcome.writes) {
    expect(measureJson(value, { sizeBytesMax: 2 ** 20, depthMax: 12 }), key).toMatchObject({ ok: true });
    if (value === null) state.delete(key);
    else state.set(key, deepFreeze(value));
  }
}

function signCall(
  options: CallOptions & { readonly network: string; readonly notAfter: number | null },
  nonce: string,
): TestCall {
  const [contract = '', transaction = ''] = options.transaction.split('.');
  const salt = testHash(`salt ${nonce}`);
  const payload: CallPayload = {
    version: 'salus:call:v1',
    alg: 'ES256',
    network: options.network,
    contract,
    transaction,
    args: options.args as JsonObject,
    signer: options.by.signer,
    nonce: testId(nonce),
    notAfter: options.notAfter,
    ...(options.values === undefined ? {} : { privateHash: privateHash(salt, options.values) }),
    ...(options.onBehalfOf === undefined ? {} : { onBehalfOf: options.onBehalfOf }),
  };
  const call = { payload, signature: sign(options.by.key, canonical(payload as Json)) };
  return options.values === undefined ? { call } : { call, privateArgs: { salt, values: options.values } };
}

/** State is shared between calls: a contract that changed a value it read would throw here. */
function deepFreeze<T extends Json>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
