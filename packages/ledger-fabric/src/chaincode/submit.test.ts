import { callKey, type Json } from '@salus/contracts';
import { createConsentWorld, grantOf, makeGrant, openTerms, revokeOf, useOf } from '@salus/contracts/test-world';
import { generateHpkeKey, utf8 } from '@salus/crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { BUNDLE, createEndorser, type Endorser, endorse, gather, runtime } from '../../test/endorser.ts';
import { MemoryPeer } from '../../test/memory-peer.ts';
import { FabricError } from '../fabric-error.ts';
import {
  FAULT_STATUS,
  findFailure,
  GATHERED_BYTES_MAX,
  METADATA_FUNCTION,
  OK_STATUS,
  PRIVATE_FIELD,
  parseGathered,
  parseOutcomes,
  REJECTED_STATUS,
  TIME_OFF_MAX_MS,
} from '../wire.ts';
import { invoke } from './functions.ts';
import { FABRIC_METADATA_FUNCTION } from './metadata.ts';

const world = await createConsentWorld();
// The founding lies behind every clock that is off.
world.advance(60_000);
const { network } = world.host;
const a = await createEndorser({ network, nowMs: world.nowMs }, 'hospital-a');
const b = await createEndorser({ network, nowMs: world.nowMs }, 'hospital-b');
const { feed, registrar } = world.organisation('hospital-a');

let patients = 0;
const register = (by = feed) => {
  const label = `submit ${patients++}`;
  const pid = `${label}AAAAAAAAAAAAAAAAAAAAAA`.replaceAll(' ', '_').slice(0, 22);
  const claimKey = feed.key.publicKey;
  return world.sign({
    transaction: 'patient.register',
    args: { pid, claimKey, claimNotAfterMs: world.nowMs() + 86_400_000 },
    by,
  });
};

describe('a gathered transaction', () => {
  it('is endorsed with the outcome of every call, the union of their writes, and what they read', async () => {
    const calls = [register(), register(), register()];
    const { argument } = await gather(calls, a);
    const { answer, text, peer } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(answer.status).toBe(OK_STATUS);
    const outcomes = parseOutcomes(utf8(text), 3);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['committed', 'committed', 'committed']);
    const ids = parseGathered(argument).map(({ callId }) => callId);
    for (const id of ids) {
      expect([...peer.writes.keys()]).toContain(callKey(id));
      expect([...peer.reads]).toContain(callKey(id));
    }
    const expected = new Map<string, Json>();
    for (const call of calls) {
      const outcome = await world.submit(call);
      if (outcome.kind !== 'committed') throw new Error('the world commits what was endorsed');
      for (const [key, value] of outcome.writes) expected.set(key, value);
    }
    expect(Object.fromEntries(peer.writes)).toEqual(Object.fromEntries(expected));
    expect([...peer.writes.keys()]).toEqual([...peer.writes.keys()].sort());
  });

  it('gives the same bytes, reads and writes at every endorser, whoever submits', async () => {
    const { argument } = await gather([register(), register()], a);
    const [one, two] = [
      await endorse(a, world.state, { creator: 'hospital-a', argument }),
      await endorse(b, world.state, { creator: 'hospital-a', argument }),
    ];
    expect(one.answer).toEqual(two.answer);
    expect(one.peer.reads).toEqual(two.peer.reads);
    expect(one.peer.writes).toEqual(two.peer.writes);
  });

  it('lets each call see the writes of those before it', async () => {
    const call = register();
    const again = register();
    const late = { ...again, call: { ...again.call } };
    const { argument } = await gather([call, call, late], a);
    const { text } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(parseOutcomes(utf8(text), 3).map(({ kind }) => kind)).toEqual(['committed', 'repeated', 'committed']);
  });

  it('refuses to end the channel: no other ledger could take it over', async () => {
    const { administrator } = world.organisation('hospital-a');
    const moving = world.sign({ transaction: 'membership.proposeMove', args: { channel: 'other' }, by: administrator });
    const { argument } = await gather([register(), moving], a);
    for (const endorser of [a, b]) {
      const { answer, text, peer } = await endorse(endorser, world.state, { creator: 'hospital-a', argument });
      expect(answer.status).toBe(OK_STATUS);
      expect(parseOutcomes(utf8(text), 2)[1]).toEqual({ kind: 'refused', code: 'already-migrated' });
      expect([...peer.writes.keys()].filter((key) => key.startsWith('membership/'))).toEqual([]);
    }
  });

  it('reads a hundred calls in a few round trips', async () => {
    const calls = Array.from({ length: 100 }, () => register());
    const { argument } = await gather(calls, a);
    const { answer, peer } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(answer.status).toBe(OK_STATUS);
    expect(peer.reads.size).toBeGreaterThan(200);
    expect(peer.questions).toBeLessThanOrEqual(6);
  });

  it('keeps a refusal that its signer vouched for beside calls that commit', async () => {
    const known = register();
    await world.submit(known);
    const repeatedPid = world.sign({ transaction: 'patient.register', args: known.call.payload.args, by: feed });
    const { argument } = await gather([register(), repeatedPid], a);
    const { text } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(parseOutcomes(utf8(text), 2)[1]).toEqual({ kind: 'refused', code: 'patient-exists' });
  });

  it('is not endorsed while it holds what may not stand in a block, and names that alone', async () => {
    const known = register();
    await world.submit(known);
    const forged = { call: { ...register().call, signature: known.call.signature } };
    const malformed = world.sign({ transaction: 'patient.register', args: { name: 'Jane Roe' }, by: feed });
    const recorded = world.sign({ transaction: 'patient.register', args: known.call.payload.args, by: feed });
    const { argument } = await gather([register(), forged, recorded, malformed], a);
    const { answer, peer } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(answer.status).toBe(REJECTED_STATUS);
    expect(findFailure(answer.message, 4)).toMatchObject({
      kind: 'rejected',
      refusals: [
        { index: 1, outcome: { code: 'signature-invalid' } },
        { index: 3, outcome: { code: 'args-invalid' } },
      ],
    });
    expect(answer.message).not.toContain('Jane');
    expect(answer.payload).toHaveLength(0);
    expect(peer.writes.size).toBe(0);
  });

  it('is not endorsed when nothing in it commits, and tells every outcome', async () => {
    const known = register();
    await world.submit(known);
    const again = world.sign({ transaction: 'patient.register', args: known.call.payload.args, by: feed });
    const { argument } = await gather([known, again], a);
    const { answer } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(findFailure(answer.message, 2)).toEqual({
      kind: 'rejected',
      refusals: [
        { index: 0, outcome: { kind: 'repeated' } },
        { index: 1, outcome: { kind: 'refused', code: 'patient-exists' } },
      ],
    });
  });
});

describe('the time of a transaction', () => {
  it.each([-TIME_OFF_MAX_MS, 0, TIME_OFF_MAX_MS])('may lie %i ms from the clock of the endorser', async (offMs) => {
    const { argument } = await gather([register()], a);
    const timestampMs = world.nowMs() + offMs;
    const { answer } = await endorse(a, world.state, { creator: 'hospital-a', argument, timestampMs });
    expect(answer.status).toBe(OK_STATUS);
  });

  it.each([-TIME_OFF_MAX_MS - 1, TIME_OFF_MAX_MS + 1, Number.NaN])('may not lie %d ms from it', async (offMs) => {
    const { argument } = await gather([register()], a);
    const timestampMs = world.nowMs() + offMs;
    const { answer, peer } = await endorse(a, world.state, { creator: 'hospital-a', argument, timestampMs });
    expect(findFailure(answer.message, 1)).toEqual({ kind: 'fault', code: 'time-off' });
    expect(peer.questions).toBe(0);
  });

  it('is the time of every call', async () => {
    const call = register(registrar);
    const { argument } = await gather([call], a);
    const timestampMs = world.nowMs() - 1234;
    const { peer } = await endorse(a, world.state, { creator: 'hospital-a', argument, timestampMs });
    const [, fact] = [...peer.writes].find(([key]) => key.startsWith('patient/pid/'))!;
    expect(fact).toMatchObject({ registeredMs: timestampMs });
  });
});

describe('what is no gathered transaction', () => {
  it('is refused by its fault and reads nothing', async () => {
    const { argument } = await gather([register()], a);
    const creator = 'hospital-a';
    const cases: readonly [Parameters<typeof endorse>[2], string][] = [
      [{ creator }, 'malformed'],
      [{ creator, args: [argument, argument] }, 'malformed'],
      [{ creator, argument: utf8('{}') }, 'malformed'],
      [{ creator, argument: utf8(' ') }, 'malformed'],
      [{ creator, argument, functionName: 'toString' }, 'malformed'],
      [{ creator, argument, functionName: '' }, 'malformed'],
      [{ creator, argument: new Uint8Array(GATHERED_BYTES_MAX + 1) }, 'too-large'],
    ];
    for (const [proposal, code] of cases) {
      const { answer, peer } = await endorse(a, world.state, proposal);
      expect(findFailure(answer.message, 1)).toEqual({ kind: 'fault', code });
      expect(answer.status).toBe(FAULT_STATUS[code as keyof typeof FAULT_STATUS]);
      expect(peer.questions).toBe(0);
    }
  });
});

describe('a call with private arguments', () => {
  const opened = openTerms(world, 'submit grant');
  const granting = () => world.sign(grantOf(world, opened));

  it('is checked in full at its organisation, in public elsewhere, with the same bytes and reads', async () => {
    const proposal = await gather([granting()], a);
    const [own, other] = [
      await endorse(a, world.state, { creator: 'hospital-a', ...proposal }),
      await endorse(b, world.state, { creator: 'hospital-a', ...proposal }),
    ];
    expect(own.answer.status).toBe(OK_STATUS);
    expect(own.answer).toEqual(other.answer);
    expect(own.peer.reads).toEqual(other.peer.reads);
    expect(own.peer.writes).toEqual(other.peer.writes);
  });

  it('is submitted by the organisation of its pid alone', async () => {
    const proposal = await gather([register(), granting()], b);
    for (const endorser of [a, b]) {
      const { answer } = await endorse(endorser, world.state, { creator: 'hospital-b', ...proposal });
      expect(findFailure(answer.message, 2)).toEqual({ kind: 'fault', code: 'foreign-submitter', call: 1 });
    }
  });

  it('is refused at its organisation when its private arguments do not travel with it', async () => {
    const { argument } = await gather([register(), granting()], a);
    const { answer } = await endorse(a, world.state, { creator: 'hospital-a', argument });
    expect(findFailure(answer.message, 2)).toMatchObject({
      refusals: [{ index: 1, outcome: { code: 'private-missing' } }],
    });
  });

  it('is not endorsed where the values do not open', async () => {
    const { argument, transient } = await gather([granting()], a);
    const sealed = transient.get(PRIVATE_FIELD)!;
    const other = await gather([granting()], a);
    const strange = await createEndorser({ network, nowMs: world.nowMs }, 'hospital-a');
    const faulty: readonly [Endorser, Uint8Array, ReadonlyMap<string, Uint8Array>][] = [
      [a, argument, new Map([[PRIVATE_FIELD, sealed.subarray(1)]])],
      [a, argument, new Map([[PRIVATE_FIELD, new Uint8Array(0)]])],
      [a, argument, other.transient],
      [strange, argument, transient],
    ];
    for (const [endorser, text, field] of faulty) {
      const proposal = { creator: 'hospital-a', argument: text, transient: field };
      const { answer } = await endorse(endorser, world.state, proposal);
      expect(findFailure(answer.message, 1)).toEqual({ kind: 'fault', code: 'private-not-opened' });
    }
  });

  it('is refused when the values beside it are those of another call', async () => {
    const [one, two] = [granting(), world.sign(grantOf(world, openTerms(world, 'another')))];
    const crossed = [
      { ...one, privateArgs: two.privateArgs! },
      { ...two, privateArgs: one.privateArgs! },
    ];
    const proposal = await gather([register(), ...crossed], a);
    const { answer } = await endorse(a, world.state, { creator: 'hospital-a', ...proposal });
    expect(findFailure(answer.message, 3)).toMatchObject({
      refusals: [
        { index: 1, outcome: { code: 'private-mismatch' } },
        { index: 2, outcome: { code: 'private-mismatch' } },
      ],
    });
  });

  it('goes when its private arguments refuse it, and the endorsed rest is what it would be without it', async () => {
    const grant = await makeGrant(world, 'submit use', { purposes: ['TREAT'] });
    const refused = world.sign(useOf(world, { opened: grant, purpose: 'COC' }));
    const good = register();
    const proposal = await gather([good, refused], a);
    const first = await endorse(a, world.state, { creator: 'hospital-a', ...proposal });
    expect(findFailure(first.answer.message, 2)).toEqual({
      kind: 'rejected',
      refusals: [{ index: 1, outcome: { kind: 'refused', code: 'purpose-mismatch' } }],
    });
    expect(first.peer.writes.size).toBe(0);
    // To everybody else the refused use looks like one that commits.
    const elsewhere = await endorse(b, world.state, { creator: 'hospital-a', ...proposal });
    expect(elsewhere.answer.status).toBe(OK_STATUS);
    const rest = await gather([good], a);
    const second = await endorse(a, world.state, { creator: 'hospital-a', ...rest });
    expect(second.answer.status).toBe(OK_STATUS);
    expect(second.text).not.toContain('purpose-mismatch');
    expect([...second.peer.reads].some((key) => key.startsWith('grant/'))).toBe(false);
  });

  it('is not demanded of a revocation, which any organisation may submit', async () => {
    const proposal = await gather([world.sign(revokeOf(world, opened.terms.grant))], b);
    const { answer } = await endorse(b, world.state, { creator: 'hospital-c', ...proposal });
    expect(answer.status).toBe(OK_STATUS);
  });
});

describe('what must not happen', () => {
  const secret = 'value of a private argument';
  let proposal: Awaited<ReturnType<typeof gather>>;
  beforeAll(async () => {
    proposal = await gather([register(), world.sign(grantOf(world, openTerms(world, 'invariant')))], a);
  });

  it.each<[string, typeof runtime]>([
    ['a contract that fails', { ...runtime, execute: async () => Promise.reject(new Error(secret)) }],
    [
      'a contract that reads a key with its private arguments only',
      {
        ...runtime,
        execute: async (host, execution) => {
          if (execution.mode === 'full') await host.get('membership/identity/of-the-reader');
          return runtime.execute(host, execution);
        },
      },
    ],
    [
      'a contract that reads a range with its private arguments only',
      {
        ...runtime,
        execute: async (host, execution) => {
          if (execution.mode === 'full') await host.range('a', 'b', 1);
          return runtime.execute(host, execution);
        },
      },
    ],
    [
      'a contract that writes something else with its private arguments',
      {
        ...runtime,
        execute: async (host, execution) => {
          const outcome = await runtime.execute(host, execution);
          if (execution.mode === 'public' || outcome.kind !== 'committed') return outcome;
          return { ...outcome, writes: [...outcome.writes, ['z/reader', 'hospital-b']] };
        },
      },
    ],
    [
      'a call with private arguments that commits without an organisation',
      { ...runtime, readPrivateOrganisation: async () => undefined },
    ],
  ])('is answered with internal, whose cause stays here: %s', async (name, faulty) => {
    const endorser = await createEndorser({ network, nowMs: world.nowMs }, 'hospital-a', {
      runtime: faulty,
      key: a.configuration.privateKey,
    });
    const { answer, peer } = await endorse(endorser, world.state, { creator: 'hospital-a', ...proposal });
    const call = name === 'a contract that fails' ? 0 : 1;
    expect(findFailure(answer.message, 2)).toEqual({ kind: 'fault', code: 'internal', call });
    expect(answer.message).not.toContain(secret);
    expect(endorser.faults).toHaveLength(1);
    expect(peer.writes.size).toBe(0);
  });

  it('is answered with internal when the peer fails, answers too little, or has state that is none', async () => {
    const faulty: readonly Partial<MemoryPeer>[] = [
      { getStates: async () => Promise.reject(new FabricError('peer-failed', 'no answer')) },
      { getStates: async () => [] },
      { getStates: async (keys) => keys.map(() => utf8('{')) },
      { write: async () => Promise.reject(new FabricError('peer-failed', 'no answer')) },
    ];
    for (const failing of faulty) {
      const peer = Object.assign(new MemoryPeer(world.state), failing);
      const before = a.faults.length;
      const { answer } = await endorse(a, world.state, { creator: 'hospital-a', ...proposal, peer });
      expect(findFailure(answer.message, 2)).toEqual({ kind: 'fault', code: 'internal' });
      expect(a.faults.length).toBe(before + 1);
    }
  });
});

describe('the metadata', () => {
  it('names contracts, bundle and every transaction, also where Fabric’s tools look for it', async () => {
    for (const functionName of [METADATA_FUNCTION, FABRIC_METADATA_FUNCTION]) {
      const { answer, text } = await endorse(a, world.state, { creator: 'hospital-b', functionName });
      expect(answer.status).toBe(OK_STATUS);
      const told = JSON.parse(text) as { readonly transactions: readonly { readonly name: string }[] };
      expect(told).toMatchObject({ bundle: BUNDLE, contracts: { salus: { name: 'salus' } } });
      expect(told.transactions.length).toBeGreaterThan(30);
      expect(told.transactions.find(({ name }) => name === 'consent.grant')).toMatchObject({
        private: { pid: 'signer' },
      });
    }
  });

  it('says the same whoever asks', async () => {
    const key = await generateHpkeKey();
    const other = await createEndorser({ network, nowMs: () => 0 }, 'hospital-c', { key });
    const asked = {
      channel: 'channel',
      functionName: METADATA_FUNCTION,
      args: [],
      transient: new Map(),
      timestampMs: 0,
    };
    const peer = new MemoryPeer(new Map());
    const [one, two] = await Promise.all(
      [a, other].map((endorser) => invoke(endorser, { ...asked, creator: 'hospital-a', peer })),
    );
    expect(one).toEqual(two);
  });
});
