import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConsentWorld,
  childOf,
  createConsentWorld,
  delegateOf,
  innerOf,
  makeGrant,
  narrowOf,
  openTerms,
  revokeOf,
  useOf,
} from '../../test/consent.ts';
import { HOUR_MS, pure } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import { epochKey } from '../epoch.ts';
import { grantKey } from './grant-fact.ts';
import { sessionKey } from './reader-request.ts';
import { grantCommitment, type OpenedTerms } from './terms.ts';

let world: ConsentWorld;
let previous: OpenedTerms;
let next: OpenedTerms;

beforeEach(async () => {
  world = await createConsentWorld();
  previous = await makeGrant(world, 'g');
  next = openTerms(world, 'g', { categories: ['laboratory'] });
});

const epoch = () => world.state.get(epochKey(`pid:${world.alice.pid}`));
const stored = () => world.state.get(grantKey(world.alice.pid, previous.terms.grant));

describe('consent.narrow by the patient', () => {
  it('replaces the commitment, keeps the uses and ends the epoch', async () => {
    await world.commit(useOf(world, { opened: previous }));
    world.advance(HOUR_MS);
    await world.commit(narrowOf(world, { previous, next }));
    expect(stored()).toMatchObject({ commitment: grantCommitment(pure, next), uses: 1, lastMs: world.nowMs() });
    expect(epoch()).toEqual({ epoch: 2 });
    await world.commit(useOf(world, { opened: next }));
    await world.refuse(useOf(world, { opened: next, categories: ['medication'] }), 'category-not-granted');
    await world.refuse(useOf(world, { opened: previous, categories: ['medication'] }), 'commitment-mismatch');
  });

  it('refuses wider terms, other grants, and terms that open nothing', async () => {
    const wider = openTerms(world, 'g', { categories: ['laboratory', 'imaging'] });
    await world.refuse(narrowOf(world, { previous, next: wider }), 'not-narrower');
    const other = openTerms(world, 'h', { grant: testId('h') });
    await world.refuse(narrowOf(world, { previous, next: other }), 'not-narrower');
    const foreign = openTerms(world, 'g', { grantee: { kind: 'organisation', organisation: 'hospital-c' } });
    await world.refuse(narrowOf(world, { previous, next: foreign }), 'not-narrower');
    const forged = { ...previous, terms: { ...previous.terms, categories: ['imaging'] } };
    const toForged = openTerms(world, 'g', { categories: ['imaging'] });
    await world.refuse(narrowOf(world, { previous: forged, next: toForged }), 'commitment-mismatch');
    const args = { commitment: testHash('x') };
    await world.refuse(narrowOf(world, { previous, next, args }), 'commitment-mismatch');
  });

  it("refuses another pid's device, and a request where the patient signs", async () => {
    const eve = await world.claim('hospital-a', 'eve');
    await world.refuse(narrowOf(world, { previous, next, by: eve.phone }), 'caller-foreign');
    const args = { request: testHash('x') };
    await world.refuse(narrowOf(world, { previous, next, args }), 'args-invalid');
    const options = narrowOf(world, { previous, next, reader: world.reader, by: world.alice.phone });
    await world.refuse(options, 'args-invalid');
    const mixed = { ...options, args: { ...(options.args as object), request: null } };
    await world.refuse(mixed, 'args-invalid');
  });

  it('refuses unknown and ended grants and times that run backwards', async () => {
    const unknown = openTerms(world, 'unknown');
    await world.refuse(narrowOf(world, { previous: unknown, next: unknown }), 'grant-unknown');
    world.advance(-1);
    await world.refuse(narrowOf(world, { previous, next }), 'time-backwards');
    world.advance(1);
    await world.commit(revokeOf(world, previous.terms.grant));
    await world.refuse(narrowOf(world, { previous, next }), 'grant-revoked');
  });
});

describe('consent.narrow by the grantee', () => {
  it('replaces the commitment, spends the request and leaves the epoch', async () => {
    const options = narrowOf(world, { previous, next, reader: world.reader });
    await world.commit(options);
    expect(stored()).toMatchObject({ commitment: grantCommitment(pure, next), uses: 0 });
    expect(epoch()).toBeUndefined();
    const { request } = options.args as { request: string };
    expect(world.state.get(sessionKey(request))).toEqual({
      transaction: 'consent.narrowRequest',
      spent: { pid: world.alice.pid, grant: previous.terms.grant },
    });
  });

  it('refuses a request twice', async () => {
    const { pid, grant } = previous.terms;
    const named = { pid, grant, commitment: grantCommitment(pure, next) };
    const request = innerOf(world, 'narrowRequest', named, world.reader);
    await world.commit(narrowOf(world, { previous, next, reader: world.reader, request }));
    await world.refuse(narrowOf(world, { previous, next, reader: world.reader, request }), 'request-used');
  });

  it('refuses wider terms, who does not hold the grant, and other submitters', async () => {
    const { reader } = world;
    const wider = openTerms(world, 'g', { mayKeep: true });
    await world.refuse(narrowOf(world, { previous, next: wider, reader }), 'not-narrower');
    const foreign = world.organisation('hospital-c').clinician;
    await world.refuse(narrowOf(world, { previous, next, reader: foreign }), 'organisation-mismatch');
    const { node } = world.organisation('hospital-b');
    await world.refuse(narrowOf(world, { previous, next, reader, by: node }), 'caller-foreign');
    await world.refuse(narrowOf(world, { previous, next, by: world.nodeA }), 'args-invalid');
  });

  it('refuses a node that leaves out the reader, and values that the reader did not sign', async () => {
    const { reader } = world;
    const options = narrowOf(world, { previous, next, reader });
    await world.refuse({ ...options, values: { ...options.values, holder: null } }, 'args-invalid');
    const { pid, grant } = previous.terms;
    const signed = { pid, grant, commitment: grantCommitment(pure, next) };
    for (const lie of [{ pid: testId('x') }, { grant: testId('x') }, { commitment: testHash('x') }]) {
      const request = innerOf(world, 'narrowRequest', { ...signed, ...lie }, reader);
      await world.refuse(narrowOf(world, { previous, next, reader, request }), 'request-mismatch');
    }
  });

  it('needs the ancestors of a delegated grant', async () => {
    const root = await makeGrant(world, 'root', { delegationDepth: 1 });
    const child = childOf(world, root, 'child');
    await world.commit(delegateOf(world, { parent: root, child }));
    const reader = world.organisation('hospital-c').clinician;
    const narrower = childOf(world, root, 'child', { categories: ['laboratory'] });
    const narrowing = { previous: child, next: narrower, reader };
    await world.refuse(narrowOf(world, narrowing), 'commitment-mismatch');
    await world.commit(narrowOf(world, { ...narrowing, ancestors: [root] }));
    await world.commit(revokeOf(world, root.terms.grant));
    const again = { previous: narrower, next: narrower, reader, ancestors: [root] };
    await world.refuse(narrowOf(world, again), 'parent-inactive');
  });
});
