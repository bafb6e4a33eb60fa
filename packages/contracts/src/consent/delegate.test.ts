import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConsentWorld,
  childOf,
  createConsentWorld,
  delegateOf,
  expireOf,
  innerOf,
  makeGrant,
  openTerms,
  revokeOf,
  useOf,
} from '../../test/consent.ts';
import { DAY_MS, HOUR_MS, pure } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import { grantKey } from './grant-fact.ts';
import { sessionKey } from './reader-request.ts';
import { grantCommitment, type OpenedTerms } from './terms.ts';

let world: ConsentWorld;
let parent: OpenedTerms;

beforeEach(async () => {
  world = await createConsentWorld();
  parent = await makeGrant(world, 'parent', { delegationDepth: 2 });
});

describe('consent.delegate', () => {
  it('makes a grant below the parent and spends the request without opening a session', async () => {
    const child = childOf(world, parent, 'child');
    const options = delegateOf(world, { parent, child });
    await expect(world.commit(options)).resolves.toEqual({ grant: child.terms.grant });
    const atMs = world.nowMs();
    expect(world.state.get(grantKey(world.alice.pid, child.terms.grant))).toEqual({
      kind: 'access',
      commitment: grantCommitment(pure, child),
      status: 'active',
      uses: 0,
      firstMs: atMs,
      lastMs: atMs,
      parent: parent.terms.grant,
    });
    const { request } = options.args as { request: string };
    expect(world.state.get(sessionKey(request))).toEqual({
      transaction: 'consent.delegateRequest',
      spent: { pid: world.alice.pid, grant: child.terms.grant },
    });
    expect(world.state.get(grantKey(world.alice.pid, parent.terms.grant))).toMatchObject({ uses: 0 });
  });

  it('refuses one request twice, and a request of another kind', async () => {
    const child = childOf(world, parent, 'child');
    const named = {
      pid: parent.terms.pid,
      parent: parent.terms.grant,
      grant: child.terms.grant,
      commitment: grantCommitment(pure, child),
    };
    const request = innerOf(world, 'delegateRequest', named, world.reader);
    const other = innerOf(world, 'useRequest', named, world.reader);
    await world.refuse(delegateOf(world, { parent, child, request: other }), 'unknown-transaction');
    await world.commit(delegateOf(world, { parent, child, request }));
    await world.refuse(delegateOf(world, { parent, child, request }), 'request-used');
  });

  it('refuses values that the holder did not sign', async () => {
    const child = childOf(world, parent, 'child');
    const signed = {
      pid: parent.terms.pid,
      parent: parent.terms.grant,
      grant: child.terms.grant,
      commitment: grantCommitment(pure, child),
    };
    const lies = [{ pid: testId('x') }, { parent: testId('x') }, { grant: testId('x') }, { commitment: testHash('x') }];
    for (const lie of lies) {
      const request = innerOf(world, 'delegateRequest', { ...signed, ...lie }, world.reader);
      await world.refuse(delegateOf(world, { parent, child, request }), 'request-mismatch');
    }
    const args = { request: testHash('another') };
    await world.refuse(delegateOf(world, { parent, child, args }), 'request-mismatch');
  });

  it('refuses who does not hold the parent', async () => {
    const child = childOf(world, parent, 'child');
    const { node } = world.organisation('hospital-b');
    await world.refuse(delegateOf(world, { parent, child, reader: node }), 'holder-mismatch');
    const foreign = world.organisation('hospital-c').clinician;
    await world.refuse(delegateOf(world, { parent, child, reader: foreign }), 'organisation-mismatch');
    const excepting = await makeGrant(world, 'excepting', { delegationDepth: 1, exceptActors: [world.reader.id] });
    const excepted = childOf(world, excepting, 'excepted');
    await world.refuse(delegateOf(world, { parent: excepting, child: excepted }), 'actor-excepted');
  });

  it('refuses other submitters', async () => {
    const child = childOf(world, parent, 'child');
    const { node } = world.organisation('hospital-b');
    await world.refuse(delegateOf(world, { parent, child, by: node }), 'caller-foreign');
    await world.refuse(delegateOf(world, { parent, child, by: world.alice.phone }), 'signer-not-allowed');
  });

  it('refuses a depth that the parent does not give', async () => {
    const leaf = await makeGrant(world, 'leaf');
    const child = childOf(world, leaf, 'child', { delegationDepth: 0 });
    await world.refuse(delegateOf(world, { parent: leaf, child }), 'delegation-depth');
    const asDeep = childOf(world, parent, 'as deep', { delegationDepth: 2 });
    await world.refuse(delegateOf(world, { parent, child: asDeep }), 'not-narrower');
  });

  it('refuses a ninth level publicly, whatever the terms say', async () => {
    const deepest = await makeGrant(world, 'level 0', { delegationDepth: 8 });
    const chain = [deepest];
    const toB = { grantee: deepest.terms.grantee };
    for (let level = 1; level <= 8; level++) {
      const child = childOf(world, chain[0]!, `level ${level}`, toB);
      await world.commit(delegateOf(world, { parent: chain[0]!, child, ancestors: chain.slice(1) }));
      chain.unshift(child);
    }
    await world.commit(useOf(world, { opened: chain[0]!, ancestors: chain.slice(1) }));
    const child = childOf(world, chain[0]!, 'level 9', toB);
    const options = delegateOf(world, { parent: chain[0]!, child, ancestors: chain.slice(1) });
    await world.refuse(options, 'delegation-depth');
  });

  it('refuses children that allow more than the parent, field by field', async () => {
    const wider = [
      { categories: ['imaging'] },
      { labelClasses: ['HIV'] },
      { purposes: ['HRESCH'] as const },
      { mayKeep: true },
      { notBeforeMs: world.nowMs() - 1 },
      { notAfterMs: world.nowMs() + 2 * DAY_MS },
    ];
    for (const [index, overrides] of wider.entries()) {
      const child = childOf(world, parent, `wider ${index}`, overrides);
      await world.refuse(delegateOf(world, { parent, child }), 'not-narrower');
    }
  });

  it('refuses child terms that are not of the named grant and parent, or do not open the commitment', async () => {
    const child = childOf(world, parent, 'child');
    const misnamed = { ...child, terms: { ...child.terms, parent: testId('x') } };
    await world.refuse(delegateOf(world, { parent, child: misnamed }), 'terms-mismatch');
    const orphan = { ...child, terms: { ...child.terms, parent: null } };
    await world.refuse(delegateOf(world, { parent, child: orphan }), 'terms-mismatch');
    const elsewhere = { ...child, terms: { ...child.terms, network: testId('elsewhere') } };
    await world.refuse(delegateOf(world, { parent, child: elsewhere }), 'not-narrower');
    const options = delegateOf(world, { parent, child });
    const values = { ...options.values, child: { terms: child.terms, salt: testHash('x') } };
    await world.refuse({ ...options, values }, 'commitment-mismatch');
  });

  it('refuses an id that is taken, or revoked before it arrived', async () => {
    const child = childOf(world, parent, 'child');
    await world.commit(delegateOf(world, { parent, child }));
    await world.refuse(delegateOf(world, { parent, child }), 'grant-exists');
    const withheld = childOf(world, parent, 'withheld');
    await world.commit(revokeOf(world, withheld.terms.grant));
    await world.refuse(delegateOf(world, { parent, child: withheld }), 'grant-revoked');
  });

  it('refuses an unknown, revoked, expired, exhausted, future or past parent, and times that run backwards', async () => {
    const unknown = openTerms(world, 'unknown', { delegationDepth: 1 });
    const to = (of: OpenedTerms, label: string) => delegateOf(world, { parent: of, child: childOf(world, of, label) });
    await world.refuse(to(unknown, 'a'), 'grant-unknown');
    const future = await makeGrant(world, 'future', { delegationDepth: 1, notBeforeMs: world.nowMs() + 1 });
    await world.refuse(to(future, 'b'), 'grant-not-yet');
    const once = await makeGrant(world, 'once', { delegationDepth: 1, maxUses: 1 });
    await world.commit(useOf(world, { opened: once }));
    await world.refuse(to(once, 'c'), 'uses-exhausted');
    await world.commit(expireOf(world, once));
    await world.refuse(to(once, 'd'), 'grant-expired');
    const revoked = await makeGrant(world, 'revoked', { delegationDepth: 1 });
    await world.commit(revokeOf(world, revoked.terms.grant));
    await world.refuse(to(revoked, 'e'), 'grant-revoked');
    world.advance(HOUR_MS);
    await world.commit(to(parent, 'f'));
    world.advance(-1);
    await world.refuse(to(parent, 'g'), 'time-backwards');
    world.advance(2 * DAY_MS);
    await world.refuse(to(parent, 'h'), 'grant-expired');
  });

  it('refuses below an inactive ancestor, and grants that are not of access', async () => {
    const child = childOf(world, parent, 'child', { grantee: parent.terms.grantee });
    await world.commit(delegateOf(world, { parent, child }));
    const grandchild = childOf(world, child, 'grandchild');
    const ancestors = [parent];
    await world.commit(revokeOf(world, parent.terms.grant));
    await world.refuse(delegateOf(world, { parent: child, child: grandchild, ancestors }), 'parent-inactive');
    const list = await makeGrant(world, 'list', { kind: 'locate' });
    const below = childOf(world, parent, 'below', { parent: list.terms.grant });
    await world.refuse(delegateOf(world, { parent: list, child: below }), 'grant-kind');
  });

  it("seals keys only to the new grantee's organisation", async () => {
    const child = childOf(world, parent, 'child');
    const seal = (name: string) => [
      { keyId: testId('key'), recipientKid: world.organisation(name).hpke.kid, digest: testHash('envelope') },
    ];
    await world.refuse(delegateOf(world, { parent, child, seals: seal('hospital-b') }), 'seal-recipient');
    await world.commit(delegateOf(world, { parent, child, seals: seal('hospital-c') }));
  });
});
