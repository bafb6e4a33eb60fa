import { callId, hashTuple, type Json, kidOf, signerFromPkcs8, toBase64url } from '@salus/crypto';
import { createEmbeddedLedger } from '@salus/ledger';
import { grant, revoke, type StaffWallet } from '@salus/wallet';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { callsSince } from '../../test/calls-since.ts';
import {
  addPatient,
  bringRequest,
  foundConsortium,
  grantMedication,
  revokeGrant,
  type TestConsortium,
  type TestPatient,
} from '../../test/consortium.ts';
import { type Forged, forge, outcomeOf } from '../../test/forged-call.ts';
import { given } from '../demonstration/cast.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

const HOUR_MS = 3_600_000;
const REPLAYS = 20;

let consortium: TestConsortium;
let patient: TestPatient;
let pid: string;

beforeAll(async () => {
  consortium = await foundConsortium(['hospital-a', 'hospital-b', 'laboratory'], 'replay');
  patient = await addPatient(consortium, { at: ['hospital-a'], seed: 21 });
  pid = patient.pids.get('hospital-a')!;
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

function grantTo(reader: string, maxUses?: number): Promise<string> {
  const limit = maxUses === undefined ? {} : { maxUses };
  return grantMedication(consortium, patient, { author: 'hospital-a', reader, ...limit });
}

interface Lie {
  readonly purpose?: string;
  readonly categories?: readonly string[];
  /** Who signs the request and brings the certificate; the clinician of hospital B unless told. */
  readonly account?: string;
  readonly terms?: { readonly [name: string]: Json };
}

/** `consent.use` as a releasing node would submit it that checks nothing: the contract alone decides. */
async function useOf(id: string, lie: Lie = {}): Promise<Forged> {
  const { cast, node, clock } = consortium;
  const reader: StaffWallet = cast.staff(lie.account ?? 'b.novak');
  const request = await forge({
    ...{ network: node.network, transaction: 'consent.useRequest', nowMs: clock.nowMs() },
    args: { pid, grant: id, purpose: lie.purpose ?? 'TREAT', categories: lie.categories ?? ['medication'] },
    ...{ signer: `id:${reader.id}`, key: reader.signer },
  });
  return nodeUse(id, { request: request.call as unknown as Json, chain: reader.chain }, lie.terms);
}

function nodeUse(
  id: string,
  { request, chain }: { readonly request: Json; readonly chain: readonly string[] },
  change: { readonly [name: string]: Json } = {},
): Promise<Forged> {
  const { node, clock, organisations } = consortium;
  const submitter = organisations[0]!.node;
  const { terms, salt } = patient.wallet.content.grants.find((entry) => entry.terms.grant === id)!;
  const { payload } = request as unknown as { readonly payload: Parameters<typeof callId>[0] };
  return forge({
    ...{ network: node.network, transaction: 'consent.use', nowMs: clock.nowMs() },
    args: { pid, grant: id, request: callId(payload) },
    ...{ signer: `id:${submitter.id}`, key: signerFromPkcs8(submitter.key.privateKey) },
    values: {
      request,
      chain,
      terms: { ...(terms as unknown as { [name: string]: Json }), ...change },
      salt,
      ancestors: [],
    },
  });
}

const submit = async (forged: Promise<Forged>): Promise<string> => outcomeOf(consortium.node.ledger, await forged);
const usesOf = async (id: string): Promise<unknown> =>
  ((await consortium.node.ledger.get(`grant/${pid}/${id}`)) as { readonly uses: number }).uses;

describe('one signed request of a reader', () => {
  it('opens one session through the door, however often it is sent', async () => {
    const id = await grantTo('hospital-b');
    const request = await bringRequest(consortium, 'b.novak', { author: 'hospital-a', pid, grant: id });
    const { reader } = consortium.cast.organisation('hospital-b').exchange;
    const opened = await Promise.all(Array.from({ length: REPLAYS }, () => reader.open(request)));
    expect(new Set(opened.map(({ session, untilMs }) => `${session} ${untilMs}`)).size).toBe(1);
    expect(await usesOf(id)).toBe(1);
  });

  it('opens one session on the ledger when a node submits it in many calls of its own at once', async () => {
    const id = await grantTo('hospital-b');
    const { request, chain } = await bringRequest(consortium, 'b.novak', { author: 'hospital-a', pid, grant: id });
    const carried = { request: request as unknown as Json, chain };
    const outcomes = await Promise.all(Array.from({ length: REPLAYS }, () => submit(nodeUse(id, carried))));
    expect(outcomes.sort()).toEqual(['committed', ...Array(REPLAYS - 1).fill('request-used')]);
    expect(await submit(nodeUse(id, carried))).toBe('request-used');
    expect(await usesOf(id)).toBe(1);
  });

  it('opens nothing when another organisation’s node or the reader submits it', async () => {
    const id = await grantTo('hospital-b');
    const { request, chain } = await bringRequest(consortium, 'b.novak', { author: 'hospital-a', pid, grant: id });
    const use = await nodeUse(id, { request: request as unknown as Json, chain });
    const reader = consortium.cast.staff('b.novak');
    const foreign = consortium.organisations[1]!.node;
    const { args } = use.call.payload as { readonly args: { readonly [name: string]: Json } };
    const values = use.privateArgs!.values as { readonly [name: string]: Json };
    const content = { network: consortium.node.network, transaction: 'consent.use' as const, args, values };
    const nowMs = consortium.clock.nowMs();
    const key = signerFromPkcs8(foreign.key.privateKey);
    expect(await submit(forge({ ...content, nowMs, signer: `id:${foreign.id}`, key }))).toBe('caller-foreign');
    expect(await submit(forge({ ...content, nowMs, signer: `id:${reader.id}`, key: reader.signer }))).toBe(
      'member-kind-not-allowed',
    );
    expect(await outcomeOf(consortium.node.ledger, { call: request })).toBe('unknown-transaction');
    expect(await usesOf(id)).toBe(0);
  });
});

describe('the contract refuses, whatever the node did before', () => {
  it('uses by the wrong holder, organisation, purpose, category and terms, each with its code', async () => {
    const id = await grantTo('hospital-b');
    const outcomes = {
      organisation: await submit(useOf(id, { account: 'lab.ivers' })),
      purpose: await submit(useOf(id, { purpose: 'HRESCH' })),
      category: await submit(useOf(id, { categories: ['laboratory'] })),
      terms: await submit(useOf(id, { categories: ['laboratory'], terms: { categories: ['laboratory'] } })),
    };
    expect(outcomes).toEqual({
      organisation: 'organisation-mismatch',
      purpose: 'purpose-mismatch',
      category: 'category-not-granted',
      terms: 'commitment-mismatch',
    });
    expect(await usesOf(id)).toBe(0);
    expect(await submit(useOf(id))).toBe('committed');
  });

  it('uses by another person than the one that the grant names', async () => {
    const named = consortium.cast.staff('b.desk');
    const made = await makeGrant({ kind: 'person', organisation: 'hospital-b', id: named.id });
    expect(await outcomeOf(consortium.node.ledger, given(made))).toBe('committed');
    patient.wallet = made.wallet;
    expect(await submit(useOf(made.terms.grant))).toBe('holder-mismatch');
    expect(await submit(useOf(made.terms.grant, { account: 'b.desk' }))).toBe('committed');
  });

  it('uses beyond the number that the grant allows, and of a revoked grant', async () => {
    const id = await grantTo('hospital-b', 2);
    expect(await Promise.all([1, 2].map(() => submit(useOf(id))))).toEqual(['committed', 'committed']);
    expect(await submit(useOf(id))).toBe('uses-exhausted');
    const other = await grantTo('hospital-b');
    await revokeGrant(consortium, patient, { author: 'hospital-a', grant: other });
    expect(await submit(useOf(other))).toBe('grant-revoked');
  });
});

describe('a statement', () => {
  it('that is sent twice has one effect, at once and after it lapsed', async () => {
    const { ledger } = consortium.node;
    const made = await makeGrant({ kind: 'organisation', organisation: 'hospital-b' });
    const sent = await Promise.all(Array.from({ length: REPLAYS }, () => ledger.submit(made.call, made.privateArgs!)));
    const [first] = sent;
    expect(first).toMatchObject({ kind: 'committed' });
    for (const again of sent) expect(again).toEqual(first);
    const key = `grant/${pid}/${made.terms.grant}`;
    const height = await ledger.height();
    consortium.clock.advance(HOUR_MS);
    expect(await ledger.submit(made.call, made.privateArgs!)).toEqual(first);
    expect(await callsSince(ledger, height)).toEqual([]);
    expect(await ledger.history(key, { limit: 10 })).toHaveLength(1);
  });

  it('that arrives for the first time after it lapsed has none', async () => {
    const made = await makeGrant({ kind: 'organisation', organisation: 'hospital-b' });
    consortium.clock.advance(HOUR_MS);
    expect(await outcomeOf(consortium.node.ledger, given(made))).toBe('not-after-passed');
    expect(await consortium.node.ledger.get(`grant/${pid}/${made.terms.grant}`)).toBeUndefined();
  });

  it('for this network has none on another, with its own words or with changed ones', async () => {
    const made = await makeGrant({ kind: 'organisation', organisation: 'hospital-b' });
    const { payload, signature } = made.call;
    const other = toBase64url(crypto.getRandomValues(new Uint8Array(16)));
    const changed = { payload: { ...payload, network: other }, signature };
    expect(await outcomeOf(consortium.node.ledger, { call: changed, privateArgs: made.privateArgs! })).toBe(
      'wrong-network',
    );
    // The other ledger has the same members and patient, as a copy would.
    await using copy = await createEmbeddedLedger({
      ...{ file: `${consortium.directory}/other.sqlite`, network: other, clock: consortium.clock.nowMs },
      signer: signerFromPkcs8(consortium.organisations[0]!.authority.privateKey),
      ...{ checkpointFile: `${consortium.directory}/other-checkpoint.jsonl`, checkpointSigners: () => [] },
    });
    expect(await outcomeOf(copy, given(made))).toBe('wrong-network');
    expect(await copy.height()).toBe(0);
    expect(await consortium.node.ledger.get(`grant/${pid}/${made.terms.grant}`)).toBeUndefined();
  });

  it('that grants and arrives after its revocation stays without effect for ever', async () => {
    const { ledger } = consortium.node;
    const withheld = await makeGrant({ kind: 'organisation', organisation: 'hospital-b' });
    const revoked = await revoke(withheld.wallet, consortium.cast.occasion(), { pid, grant: withheld.terms.grant });
    // A revocation never lapses: it may be a year late.
    expect(revoked.call.payload.notAfter).toBeNull();
    expect(await outcomeOf(ledger, given(revoked))).toBe('committed');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await outcomeOf(ledger, given(withheld))).toBe('grant-revoked');
    }
    expect(await ledger.get(`grant/${pid}/${withheld.terms.grant}`)).toMatchObject({
      status: 'revoked',
      commitment: null,
    });
    patient.wallet = withheld.wallet;
    expect(await submit(useOf(withheld.terms.grant))).toBe('grant-revoked');
  });

  it('cannot be changed by who carries it: the payload, the signature and the private words are bound together', async () => {
    const { ledger } = consortium.node;
    const made = await makeGrant({ kind: 'organisation', organisation: 'hospital-b' });
    const { payload, signature } = made.call;
    const values = made.privateArgs!.values;
    const terms = { ...(values.terms as { readonly [name: string]: Json }), mayKeep: true };
    const other = { ...made.privateArgs!, values: { ...values, terms } };
    const commitment = hashTuple('grant', 'x', 'y');
    const args = { ...(payload.args as { readonly [name: string]: Json }), commitment };
    expect(await outcomeOf(ledger, { call: made.call, privateArgs: other })).toBe('private-mismatch');
    expect(await outcomeOf(ledger, { call: made.call })).toBe('private-missing');
    expect(
      await outcomeOf(ledger, { call: { payload: { ...payload, args }, signature }, privateArgs: made.privateArgs! }),
    ).toBe('signature-invalid');
    expect(await ledger.get(`grant/${pid}/${made.terms.grant}`)).toBeUndefined();
  });
});

/** A grant that the patient's phone has signed and nobody has submitted. */
function makeGrant(grantee: Parameters<typeof grant>[2]['choice']['grantee']) {
  const { cast, clock } = consortium;
  const hpke = consortium.organisations[1]!.hpke;
  const nowMs = clock.nowMs();
  return grant(patient.wallet, cast.occasion(), {
    choice: {
      ...{ pid, grantee, categories: ['medication'], labelClasses: ['N'], purposes: ['TREAT'] },
      ...{ notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + 100 * HOUR_MS },
    },
    envelopes: [],
    recipients: [{ kid: kidOf(hpke.publicKey), publicKey: hpke.publicKey }],
  });
}
