import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConsentWorld,
  childOf,
  createConsentWorld,
  delegateOf,
  expireOf,
  innerOf,
  makeGrant,
  narrowOf,
  openTerms,
  revokeOf,
  useOf,
  useRequestOf,
} from '../../test/consent.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, pure } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import type { Json } from '../json.ts';
import { patientKey } from '../patient/patient.ts';
import { grantKey } from './grant-fact.ts';
import { sessionKey } from './reader-request.ts';
import type { OpenedTerms } from './terms.ts';

let world: ConsentWorld;

beforeEach(async () => {
  world = await createConsentWorld();
});

const usesOf = (grant: string): Json | undefined =>
  (world.state.get(grantKey(world.alice.pid, grant)) as { uses?: Json } | undefined)?.uses;

describe('consent.use', () => {
  it('opens one session of 15 minutes and counts it', async () => {
    const opened = await makeGrant(world, 'g');
    world.advance(HOUR_MS);
    const request = useRequestOf(world, { opened });
    const untilMs = world.nowMs() + 15 * MINUTE_MS;
    await expect(world.commit(useOf(world, { opened, request }))).resolves.toEqual({ untilMs });
    expect(world.state.get(sessionKey(pure.callId(request.payload)))).toEqual({
      transaction: 'consent.useRequest',
      session: { pid: world.alice.pid, grant: opened.terms.grant, untilMs },
    });
    expect(world.state.get(grantKey(world.alice.pid, opened.terms.grant))).toMatchObject({
      uses: 1,
      firstMs: world.nowMs() - HOUR_MS,
      lastMs: world.nowMs(),
    });
  });

  it('opens one session for one request, however often a node replays it', async () => {
    const opened = await makeGrant(world, 'g');
    const request = useRequestOf(world, { opened });
    await world.commit(useOf(world, { opened, request }));
    for (let replay = 0; replay < 5; replay++) await world.refuse(useOf(world, { opened, request }), 'request-used');
    expect(usesOf(opened.terms.grant)).toBe(1);
  });

  it("refuses a reader's request that is submitted itself, before and after its use, without effect", async () => {
    const opened = await makeGrant(world, 'g');
    const request = useRequestOf(world, { opened });
    await expect(world.submit({ call: request })).resolves.toMatchObject({ code: 'unknown-transaction' });
    await world.commit(useOf(world, { opened, request }));
    await expect(world.submit({ call: request })).resolves.toMatchObject({ code: 'unknown-transaction' });
  });

  it("cannot block a patient's revocation by naming its id as a request", async () => {
    const opened = await makeGrant(world, 'g');
    const revocation = world.sign(revokeOf(world, opened.terms.grant));
    const id = pure.callId(revocation.call.payload);
    // A node of the pid's own organisation that runs without private arguments could write this key.
    world.state.set(sessionKey(id), { transaction: 'consent.useRequest', session: {} });
    await expect(world.submit(revocation)).resolves.toMatchObject({ kind: 'committed' });
    await world.refuse(useOf(world, { opened }), 'grant-revoked');
  });

  it('refuses every submitter but a node of the organisation that keeps the records', async () => {
    const opened = await makeGrant(world, 'g');
    await world.refuse(useOf(world, { opened, by: world.organisation('hospital-b').node }), 'caller-foreign');
    await world.refuse(useOf(world, { opened, by: world.reader }), 'member-kind-not-allowed');
    await world.refuse(useOf(world, { opened, by: world.organisation('hospital-a').feed }), 'member-kind-not-allowed');
    await world.refuse(useOf(world, { opened, by: world.alice.phone }), 'signer-not-allowed');
  });

  it('refuses an unknown grant, another pid, and a closed patient', async () => {
    const opened = openTerms(world, 'g');
    await world.refuse(useOf(world, { opened }), 'grant-unknown');
    await world.refuse(useOf(world, { opened, args: { pid: testId('nobody') } }), 'patient-unknown');
    const eve = await world.claim('hospital-a', 'eve');
    await makeGrant(world, 'g');
    await world.refuse(useOf(world, { opened, args: { pid: eve.pid } }), 'grant-unknown');
    const fact = world.state.get(patientKey(world.alice.pid)) as { [key: string]: string };
    world.state.set(patientKey(world.alice.pid), { ...fact, status: 'closed' });
    await world.refuse(useOf(world, { opened }), 'patient-closed');
  });

  it('refuses a revoked and an expired grant, each with its code', async () => {
    const revoked = await makeGrant(world, 'revoked');
    await world.commit(revokeOf(world, revoked.terms.grant));
    await world.refuse(useOf(world, { opened: revoked }), 'grant-revoked');
    const forestalled = openTerms(world, 'forestalled');
    await world.commit(revokeOf(world, forestalled.terms.grant));
    await world.refuse(useOf(world, { opened: forestalled }), 'grant-revoked');
    const expired = await makeGrant(world, 'expired', { maxUses: 1 });
    await world.commit(useOf(world, { opened: expired }));
    await world.commit(expireOf(world, expired));
    await world.refuse(useOf(world, { opened: expired }), 'grant-expired');
  });

  it('allows the first and the last millisecond of a grant, and none before or after', async () => {
    const notBeforeMs = world.nowMs() + HOUR_MS;
    const notAfterMs = world.nowMs() + 2 * HOUR_MS;
    const opened = await makeGrant(world, 'g', { notBeforeMs, notAfterMs });
    world.advance(HOUR_MS - 1);
    await world.refuse(useOf(world, { opened }), 'grant-not-yet');
    world.advance(1);
    await world.commit(useOf(world, { opened }));
    world.advance(HOUR_MS);
    await world.commit(useOf(world, { opened }));
    world.advance(1);
    await world.refuse(useOf(world, { opened }), 'grant-expired');
  });

  it('counts sessions up to maxUses', async () => {
    const opened = await makeGrant(world, 'g', { maxUses: 2 });
    await world.commit(useOf(world, { opened }));
    await world.commit(useOf(world, { opened }));
    await world.refuse(useOf(world, { opened }), 'uses-exhausted');
  });

  it("refuses a time before the grant's last call", async () => {
    const opened = await makeGrant(world, 'g');
    world.advance(HOUR_MS);
    await world.commit(useOf(world, { opened }));
    world.advance(-1);
    await world.refuse(useOf(world, { opened }), 'time-backwards');
    world.advance(1);
    await world.commit(useOf(world, { opened }));
  });

  it('refuses grants of other kinds', async () => {
    const list = await makeGrant(world, 'l', { kind: 'locate' });
    await world.refuse(useOf(world, { opened: list }), 'grant-kind');
  });

  it('refuses a purpose and a category that the terms do not name', async () => {
    const opened = await makeGrant(world, 'g');
    await world.refuse(useOf(world, { opened, purpose: 'HRESCH' }), 'purpose-mismatch');
    await world.refuse(useOf(world, { opened, purpose: 'ETREAT' }), 'purpose-mismatch');
    await world.refuse(useOf(world, { opened, categories: ['medication', 'imaging'] }), 'category-not-granted');
    await world.refuse(useOf(world, { opened, categories: [] }), 'args-invalid');
    await world.refuse(useOf(world, { opened, categories: ['laboratory', 'laboratory'] }), 'args-invalid');
    await world.refuse(useOf(world, { opened, purpose: 'CURIOSITY' }), 'args-invalid');
    await world.commit(useOf(world, { opened, purpose: 'COC', categories: ['medication', 'laboratory'] }));
  });

  it('refuses terms and salts that do not open the commitment, and ancestors that a root grant has not', async () => {
    const opened = await makeGrant(world, 'g');
    const wider: OpenedTerms = { ...opened, terms: { ...opened.terms, categories: ['laboratory', 'imaging'] } };
    await world.refuse(useOf(world, { opened: wider, categories: ['imaging'] }), 'commitment-mismatch');
    await world.refuse(useOf(world, { opened: { ...opened, salt: testHash('x') } }), 'commitment-mismatch');
    await world.refuse(useOf(world, { opened, ancestors: [opened] }), 'commitment-mismatch');
  });

  it('refuses terms of another grant, although they open the commitment', async () => {
    const opened = await makeGrant(world, 'g');
    const other = await makeGrant(world, 'h');
    const key = grantKey(world.alice.pid, other.terms.grant);
    const fact = world.state.get(grantKey(world.alice.pid, opened.terms.grant)) ?? null;
    world.state.set(key, fact);
    const request = useRequestOf(world, { opened: other });
    const args = { grant: other.terms.grant };
    await world.refuse(useOf(world, { opened, request, args }), 'terms-mismatch');
  });
});

describe('the holder of a grant', () => {
  it('is anyone of staff or a client of the organisation, and nobody of another', async () => {
    const opened = await makeGrant(world, 'g');
    const { clinician, feed, node } = world.organisation('hospital-b');
    await world.commit(useOf(world, { opened, reader: clinician }));
    await world.commit(useOf(world, { opened, reader: feed }));
    await world.refuse(useOf(world, { opened, reader: node }), 'holder-mismatch');
    const foreign = world.organisation('hospital-c').clinician;
    await world.refuse(useOf(world, { opened, reader: foreign }), 'organisation-mismatch');
    await world.refuse(
      useOf(world, { opened, reader: world.organisation('hospital-a').clinician }),
      'organisation-mismatch',
    );
  });

  it('is staff with the role', async () => {
    const grantee = { kind: 'role', organisation: 'hospital-b', role: 'clinician' } as const;
    const opened = await makeGrant(world, 'g', { grantee });
    const { clinician, registrar } = world.organisation('hospital-b');
    await world.commit(useOf(world, { opened, reader: clinician }));
    await world.refuse(useOf(world, { opened, reader: registrar }), 'holder-mismatch');
    const foreign = world.organisation('hospital-c').clinician;
    await world.refuse(useOf(world, { opened, reader: foreign }), 'organisation-mismatch');
  });

  it('is the person', async () => {
    const { clinician, registrar } = world.organisation('hospital-b');
    const grantee = { kind: 'person', organisation: 'hospital-b', id: clinician.id } as const;
    const opened = await makeGrant(world, 'g', { grantee });
    await world.commit(useOf(world, { opened, reader: clinician }));
    await world.refuse(useOf(world, { opened, reader: registrar }), 'holder-mismatch');
  });

  it('is the client', async () => {
    const { clinician, feed } = world.organisation('hospital-b');
    const grantee = { kind: 'client', organisation: 'hospital-b', id: feed.id } as const;
    const opened = await makeGrant(world, 'g', { grantee });
    await world.commit(useOf(world, { opened, reader: feed }));
    await world.refuse(useOf(world, { opened, reader: clinician }), 'holder-mismatch');
  });

  it('is staff whose certificate names the study', async () => {
    const { authority, clinician } = world.organisation('hospital-b');
    const grantee = { kind: 'study', organisation: 'hospital-b', study: 'asthma-2026' } as const;
    const opened = await makeGrant(world, 'g', { grantee, purposes: ['HRESCH'] });
    const roles = ['researcher', 'study-asthma-2026'];
    const researcher = await world.certify(authority, { label: 'researcher', roles });
    await world.commit(useOf(world, { opened, reader: researcher, purpose: 'HRESCH' }));
    await world.refuse(useOf(world, { opened, reader: clinician, purpose: 'HRESCH' }), 'holder-mismatch');
  });

  it('is nobody whom the patient excepted', async () => {
    const { clinician, feed } = world.organisation('hospital-b');
    const opened = await makeGrant(world, 'g', { exceptActors: [clinician.id] });
    await world.refuse(useOf(world, { opened, reader: clinician }), 'actor-excepted');
    await world.commit(useOf(world, { opened, reader: feed }));
  });

  it('needs no enrolment of their own on the ledger, only a certificate of a member', async () => {
    const opened = await makeGrant(world, 'g');
    const { authority } = world.organisation('hospital-b');
    const reader = await world.certify(authority, { label: 'locum', roles: ['clinician'] });
    await world.commit(useOf(world, { opened, reader }));
  });
});

describe("the reader's request", () => {
  it('is refused with a foreign, expired, forged or borrowed certificate', async () => {
    const opened = await makeGrant(world, 'g');
    const { authority, clinician, registrar } = world.organisation('hospital-b');
    const rogue = await world.certify(world.organisation('hospital-c').authority, {
      label: 'rogue',
      organisation: 'hospital-b',
    });
    await world.refuse(useOf(world, { opened, reader: rogue }), 'certificate-invalid');
    const old = await world.certify(authority, { label: 'old', notAfterMs: world.nowMs() - 1 });
    await world.refuse(useOf(world, { opened, reader: old }), 'certificate-invalid');
    await world.refuse(useOf(world, { opened, chain: ['AAAA'] }), 'certificate-invalid');
    await world.refuse(useOf(world, { opened, reader: clinician, chain: registrar.chain }), 'signer-not-allowed');
    const posing = { ...clinician, key: registrar.key };
    await world.refuse(useOf(world, { opened, reader: posing }), 'signature-invalid');
  });

  it('is refused of a revoked reader', async () => {
    const opened = await makeGrant(world, 'g');
    const { administrator, clinician } = world.organisation('hospital-b');
    await world.commit({
      transaction: 'membership.revoke',
      args: { id: clinician.id, reason: 'keyCompromise' },
      by: administrator,
    });
    await world.refuse(useOf(world, { opened, reader: clinician }), 'signer-revoked');
  });

  it('is refused for another network, another transaction, too late, with a delegation or private parts', async () => {
    const opened = await makeGrant(world, 'g');
    const { pid, grant } = opened.terms;
    const args = { pid, grant, purpose: 'TREAT', categories: ['laboratory'] };
    const ask = (transaction: string, options = {}) => innerOf(world, transaction, args, world.reader, options);
    const elsewhere = ask('useRequest', { network: testId('elsewhere') });
    await world.refuse(useOf(world, { opened, request: elsewhere }), 'wrong-network');
    await world.refuse(useOf(world, { opened, request: ask('locateRequest') }), 'unknown-transaction');
    const values = { text: 'x' };
    await world.refuse(useOf(world, { opened, request: ask('useRequest', { values }) }), 'private-unexpected');
    const { feed } = world.organisation('hospital-b');
    const onBehalfOf = world.delegate(world.reader, feed, ['consent.useRequest']);
    const delegated = innerOf(world, 'useRequest', args, feed, { onBehalfOf });
    await world.refuse(useOf(world, { opened, request: delegated, reader: feed }), 'delegation-not-allowed');
    const endless = ask('useRequest', { notAfter: null });
    await world.refuse(useOf(world, { opened, request: endless }), 'not-after-required');
    const early = ask('useRequest', { notAfter: world.nowMs() + 2 * DAY_MS });
    await world.refuse(useOf(world, { opened, request: early }), 'not-after-too-far');
    const late = ask('useRequest');
    world.advance(HOUR_MS);
    await world.refuse(useOf(world, { opened, request: late }), 'not-after-passed');
    const bytes = { payload: { ...ask('useRequest').payload, extra: 1 }, signature: '' };
    await world.refuse(
      useOf(world, { opened, request: bytes as never, args: { request: testHash('id') } }),
      'call-malformed',
    );
  });

  it('is refused under another id, or for another pid or grant than the node states', async () => {
    const opened = await makeGrant(world, 'g');
    const other = await makeGrant(world, 'h');
    await world.refuse(useOf(world, { opened, args: { request: testHash('another') } }), 'request-mismatch');
    const forOther = useRequestOf(world, { opened: other });
    await world.refuse(useOf(world, { opened, request: forOther }), 'request-mismatch');
    const eve = await world.claim('hospital-a', 'eve');
    const forEve = useRequestOf(world, { opened: { ...opened, terms: { ...opened.terms, pid: eve.pid } } });
    await world.refuse(useOf(world, { opened, request: forEve }), 'request-mismatch');
  });
});

describe('the use of a delegated grant', () => {
  async function makeFamily(overrides: Partial<OpenedTerms['terms']> = {}) {
    const root = await makeGrant(world, 'root', { delegationDepth: 2, ...overrides });
    const child = childOf(world, root, 'child');
    await world.commit(delegateOf(world, { parent: root, child }));
    const grandchild = childOf(world, child, 'grandchild', { grantee: root.terms.grantee });
    const reader = world.organisation('hospital-c').clinician;
    await world.commit(delegateOf(world, { parent: child, child: grandchild, ancestors: [root], reader }));
    const use = { opened: grandchild, ancestors: [child, root] };
    return { root, child, grandchild, use };
  }

  it('needs the terms of all ancestors and counts for all of them', async () => {
    const { root, child, grandchild, use } = await makeFamily();
    await world.commit(useOf(world, use));
    expect([root, child, grandchild].map(({ terms }) => usesOf(terms.grant))).toEqual([1, 1, 1]);
    await world.refuse(useOf(world, { opened: grandchild }), 'commitment-mismatch');
    await world.refuse(useOf(world, { ...use, ancestors: [root, child] }), 'commitment-mismatch');
  });

  it("cannot multiply the root's uses", async () => {
    const { root, use } = await makeFamily({ maxUses: 2 });
    await world.commit(useOf(world, use));
    await world.commit(useOf(world, { opened: root }));
    await world.refuse(useOf(world, use), 'uses-exhausted');
    await world.refuse(useOf(world, { opened: root }), 'uses-exhausted');
  });

  it('ends with each ancestor', async () => {
    const { root, use } = await makeFamily();
    await world.commit(revokeOf(world, root.terms.grant));
    await world.refuse(useOf(world, use), 'parent-inactive');
  });

  it('ends with an ancestor that expired', async () => {
    const { root, use } = await makeFamily({ maxUses: 1 });
    await world.commit(useOf(world, { opened: root }));
    await world.refuse(useOf(world, use), 'uses-exhausted');
    await world.commit(expireOf(world, root));
    await world.refuse(useOf(world, use), 'parent-inactive');
  });

  it('ends when an ancestor is narrowed away from it', async () => {
    const { root, child, grandchild } = await makeFamily();
    const next = openTerms(world, 'root', { ...root.terms, categories: ['medication'] });
    await world.commit(narrowOf(world, { previous: root, next }));
    const ancestors = [child, next];
    await world.refuse(useOf(world, { opened: grandchild, ancestors }), 'not-narrower');
    await world.refuse(useOf(world, { opened: grandchild, ancestors, categories: ['medication'] }), 'not-narrower');
  });

  it("refuses a time before an ancestor's last call", async () => {
    const { root, use } = await makeFamily();
    world.advance(HOUR_MS);
    await world.commit(useOf(world, { opened: root }));
    world.advance(-1);
    await world.refuse(useOf(world, use), 'time-backwards');
  });
});

describe('a bystander', () => {
  it('sees the same keys read and written, whoever the grantee and the reader are', async () => {
    const reads: string[] = [];
    const host = world.host as { get: (key: string) => Json | undefined };
    const { get } = host;
    host.get = (key) => {
      reads.push(key);
      return get(key);
    };
    const seen: unknown[] = [];
    for (const name of ['hospital-b', 'hospital-c']) {
      const { clinician, id } = { ...world.organisation(name), id: world.organisation(name).clinician.id };
      const opened = await makeGrant(world, `for ${name}`, { grantee: { kind: 'person', organisation: name, id } });
      const call = world.sign(useOf(world, { opened, reader: clinician }));
      reads.length = 0;
      const outcome = await world.submit(call);
      if (outcome.kind !== 'committed') throw new Error(outcome.kind);
      const blind = (text: string): string =>
        text
          .replaceAll(opened.terms.grant, '<grant>')
          .replaceAll(String((call.call.payload.args as { request: string }).request), '<request>')
          .replaceAll(outcome.callId, '<call>');
      const shown = [call.call.payload.args, ...outcome.writes, outcome.result, outcome.events].map((part) =>
        JSON.stringify(part),
      );
      for (const party of ['hospital-b', 'hospital-c', id]) expect(shown.join()).not.toContain(party);
      // Hashes differ, and with them the order of the two call/ keys.
      const shape = (text: string): string => blind(text).replace(/[\w-]{43}/g, '<hash>');
      seen.push([reads.map(blind), shown.map(shape).sort()]);
      expect(reads.join()).not.toContain(id);
    }
    const [first, second] = seen as [string[][], string[][]];
    expect(first[0]).toEqual(second[0]);
    expect(first[0]?.length).toBeGreaterThan(10);
    expect(first[1]).toEqual(second[1]);
  });
});
