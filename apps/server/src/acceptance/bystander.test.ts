import { execute, type SignedCall } from '@salus/contracts';
import { callId, canonical, type Json, signerFromPkcs8 } from '@salus/crypto';
import { createPure, type TransactionView } from '@salus/ledger';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  addPatient,
  bringRequest,
  foundConsortium,
  grantMedication,
  readAll,
  revokeGrant,
  type TestConsortium,
} from '../../test/consortium.ts';
import { forge } from '../../test/forged-call.ts';
import { attackByTiming, deviationOf, type Watched, watch } from '../../test/timing-attacker.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const GRANTEES = ['hospital-b', 'laboratory'] as const;
type Grantee = (typeof GRANTEES)[number];
const READERS: { readonly [grantee in Grantee]: string } = { 'hospital-b': 'b.novak', laboratory: 'lab.ivers' };
/** Grants to each grantee; each is used twice and then revoked. */
const GRANTS = scaled(24, 100);
const PIDS = 4;
/** Grants to each grantee whose blocks are watched, when they are given and when they are used. */
const TIMED = scaled(8, 16);
/** Chance is beyond it once in 10⁹ times; who is always right would be at 5.7 and 8. */
const GUESS_DEVIATIONS_MAX = scaled(5.6, 6.2);
/** Anything as long as a random id or a hash. */
const RANDOM = /[A-Za-z0-9_-]{22,}|(?<![0-9])1[0-9]{12}(?![0-9])/g;
/** A bit that differs so much between two groups tells them apart: chance does it to none of all once in 10⁹ times. */
const DEVIATIONS_MAX = scaled(6.8, 8);

interface MadeGrant {
  readonly grantee: Grantee;
  readonly pid: string;
  readonly grant: string;
}

let consortium: TestConsortium;
const made: MadeGrant[] = [];
/** What the ledger published about each grant, in order: the bystander has nothing else. */
const published = new Map<string, TransactionView[]>();
/** Keys that a contract reads when a grant is used, with and without private arguments. */
const reads: { readonly grantee: Grantee; readonly mode: string; readonly keys: string }[] = [];

beforeAll(async () => {
  consortium = await foundConsortium(['hospital-a', ...GRANTEES], 'bystander');
  const patients = [];
  for (let seed = 0; seed < PIDS; seed += 1) patients.push(await addPatient(consortium, { at: ['hospital-a'], seed }));
  for (let index = 0; index < GRANTS * GRANTEES.length; index += 1) {
    const grantee = GRANTEES[index % GRANTEES.length]!;
    const patient = patients[Math.floor(index / GRANTEES.length) % PIDS]!;
    const pid = patient.pids.get('hospital-a')!;
    const grant = await grantMedication(consortium, patient, { author: 'hospital-a', reader: grantee });
    made.push({ grantee, pid, grant });
    for (let use = 0; use < 2; use += 1) {
      const request = await bringRequest(consortium, READERS[grantee], { author: 'hospital-a', pid, grant });
      await consortium.cast.organisation(grantee).exchange.reader.open(request);
    }
    await recordReads({ grantee, pid, grant });
    await revokeGrant(consortium, patient, { author: 'hospital-a', grant });
  }
  await collect();
}, 1_200_000);

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

/** Runs one more use without submitting it, and notes which keys the contract asks for. */
async function recordReads({ grantee, pid, grant }: MadeGrant): Promise<void> {
  const { node, organisations, clock } = consortium;
  const { request, chain, token } = await bringRequest(consortium, READERS[grantee], {
    author: 'hospital-a',
    pid,
    grant,
  });
  const submitter = organisations[0]!.node;
  const { call, privateArgs } = await forge({
    ...{ network: node.network, transaction: 'consent.use', nowMs: clock.nowMs(), signer: `id:${submitter.id}` },
    args: { pid, grant, request: callId(request.payload as Parameters<typeof callId>[0]) },
    key: signerFromPkcs8(submitter.key.privateKey),
    values: {
      request: request as unknown as Json,
      chain,
      ...(token as unknown as { terms: Json; salt: string }),
      ancestors: [],
    },
  });
  for (const mode of ['full', 'public'] as const) {
    const keys: string[] = [];
    const host = {
      ...{ network: node.network, pure: createPure() },
      get: (key: string) => {
        keys.push(key);
        return node.ledger.get(key);
      },
      range: (start: string, end: string, limit: number) => {
        keys.push(`${start} to ${end}`);
        return node.ledger.range(start, end, limit);
      },
    };
    const given = mode === 'full' ? { privateArgs } : {};
    const outcome = await execute(host, { call: call as SignedCall, ...given, timestampMs: clock.nowMs(), mode });
    expect(outcome.kind).toBe('committed');
    reads.push({ grantee, mode, keys: masked(keys.join('\n')) });
  }
}

/** Everything in the blocks that names a grant, block by block. */
async function collect(): Promise<void> {
  const { ledger } = consortium.node;
  const byGrant = new Map(made.map(({ grant }) => [grant, [] as TransactionView[]]));
  for (let number = 0; number <= (await ledger.height()); number += 1) {
    for (const transaction of (await ledger.block(number))!.transactions) {
      const text = canonical(transaction as unknown as Json);
      for (const [grant, list] of byGrant) if (text.includes(grant)) list.push(transaction);
    }
  }
  for (const [grant, list] of byGrant) published.set(grant, list);
}

function masked(text: string): string {
  return text.replaceAll(RANDOM, (found) => `<${found.length}>`);
}

/**
 * A transaction without its place in the chain, which says when and nothing else. Writes stand in the order of their kinds:
 * the keys' own order is that of random hashes.
 */
function publicText({ call, outcome }: TransactionView): string {
  const { writes, ...rest } = outcome as { readonly writes: readonly Json[] };
  const ordered = writes
    .map((write) => canonical(write))
    .sort((left, right) => (masked(left) < masked(right) ? -1 : 1));
  return `${canonical({ call, rest } as unknown as Json)}\n${ordered.join('\n')}`;
}

function textsOf(grantee: Grantee): readonly (readonly string[])[] {
  return made.filter((grant) => grant.grantee === grantee).map(({ grant }) => published.get(grant)!.map(publicText));
}

test('two grantees leave transactions of the same kinds, members, keys and lengths', () => {
  const [first, second] = GRANTEES.map((grantee) => histogram(textsOf(grantee)));
  expect([...first!.values()].reduce((sum, count) => sum + count, 0)).toBe(GRANTS);
  expect(first).toEqual(second);
});

/** How often each shape occurs. Epochs count the pid's revocations, which say nothing of grantees. */
function histogram(grants: readonly (readonly string[])[]): Map<string, number> {
  const shapes = new Map<string, number>();
  for (const texts of grants) {
    // A grant, two uses and a revocation at least.
    expect(texts.length).toBeGreaterThanOrEqual(4);
    const shape = masked(texts.join('\n')).replaceAll(/"epoch":\d+/g, '"epoch":<n>');
    shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
  }
  return shapes;
}

test('reading the same keys, whoever the grantee is, with the private arguments and without them', () => {
  for (const mode of ['full', 'public']) {
    const [first, second] = GRANTEES.map((grantee) => {
      return new Set(reads.filter((read) => read.mode === mode && read.grantee === grantee).map(({ keys }) => keys));
    });
    expect(first!.size).toBe(1);
    expect(first).toEqual(second);
  }
  expect(reads).toHaveLength(GRANTS * GRANTEES.length * 2);
});

test('no value returns in the grants of one grantee that is absent from the other’s', () => {
  const seenIn = new Map<string, Set<string>>();
  for (const { grant } of made) {
    for (const text of published.get(grant)!.map(publicText)) {
      for (const [value] of text.matchAll(RANDOM)) seenIn.set(value, (seenIn.get(value) ?? new Set()).add(grant));
    }
  }
  const granteeOf = new Map(made.map(({ grant, grantee }) => [grant, grantee]));
  const telling = [...seenIn].filter(([value, grants]) => {
    // A time is no value of the grantee's; the same millisecond may serve two grants.
    const isTime = /^1[0-9]{12}$/.test(value);
    return !isTime && grants.size > 1 && new Set([...grants].map((grant) => granteeOf.get(grant))).size === 1;
  });
  expect(seenIn.size).toBeGreaterThan(GRANTS * 10);
  expect(telling).toEqual([]);
});

test('nothing that the ledger knows of the grantees’ members stands in what is published of their grants', async () => {
  const { organisations, node } = consortium;
  const known = new Set<string>();
  for (const organisation of organisations.filter(({ slug }) => slug !== 'hospital-a')) {
    known.add(organisation.slug);
    const facts = [await node.ledger.get(`membership/roots/${organisation.slug}`)];
    for (const { id } of [organisation.node, ...organisation.members]) {
      facts.push(await node.ledger.get(`membership/identity/${id}`));
    }
    for (const [value] of JSON.stringify(facts).matchAll(/[A-Za-z0-9_-]{22,}/g)) known.add(value);
  }
  known.delete(node.network);
  expect(known.size).toBeGreaterThan(20);
  const all = made.flatMap(({ grant }) => published.get(grant)!.map(publicText)).join('\n');
  expect([...known].filter((value) => all.includes(value))).toEqual([]);
});

test('no bit of any salted value leans towards one of the grantees', () => {
  const ones = GRANTEES.map((grantee) => countBits(textsOf(grantee)));
  const [first, second] = ones as [Map<string, number>, Map<string, number>];
  expect(first.size).toBeGreaterThan(2_000);
  expect([...first.keys()].sort()).toEqual([...second.keys()].sort());
  const deviation = Math.sqrt(GRANTS / 2);
  const leaning = [...first].filter(([bit, count]) => Math.abs(count - second.get(bit)!) / deviation > DEVIATIONS_MAX);
  expect(leaning).toEqual([]);
});

/** How often each bit of each value, by its place in the grant's transactions, is one. Values that never vary tell nothing. */
function countBits(grants: readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const texts of grants) {
    let place = 0;
    for (const [value] of texts.join('\n').matchAll(/[A-Za-z0-9_-]{22,}/g)) {
      place += 1;
      [...Buffer.from(value, 'base64url')].forEach((byte, at) => {
        for (let bit = 0; bit < 8; bit += 1) {
          const name = `${place}/${at}/${bit}`;
          counts.set(name, (counts.get(name) ?? 0) + ((byte >> bit) & 1));
        }
      });
    }
  }
  return counts;
}

test('no time and no size of anybody’s roots tells who has read, at a quiet hour', async () => {
  const { ledger } = consortium.node;
  const patient = await addPatient(consortium, { at: ['hospital-a'], seed: PIDS });
  const pid = patient.pids.get('hospital-a')!;
  const watched: Watched[] = [];
  for (let index = 0; index < TIMED * GRANTEES.length; index += 1) {
    const grantee = GRANTEES[index % GRANTEES.length]!;
    let grant = '';
    const taken = await watch(ledger, GRANTEES, async () => {
      grant = await grantMedication(consortium, patient, { author: 'hospital-a', reader: grantee });
    });
    const used = await watch(ledger, GRANTEES, async () => {
      const texts = await readAll(consortium, READERS[grantee], { author: 'hospital-a', pid, grant });
      expect(texts.length).toBeGreaterThan(0);
    });
    for (const blocks of [taken, used]) watched.push({ grantee, ...blocks });
    await revokeGrant(consortium, patient, { author: 'hospital-a', grant });
  }
  const guesses = await attackByTiming(ledger, GRANTEES, watched);
  expect(guesses.length).toBeGreaterThan(4);
  expect(guesses.filter((guess) => deviationOf(guess) > GUESS_DEVIATIONS_MAX)).toEqual([]);
}, 1_200_000);
