import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConsentWorld,
  createConsentWorld,
  expireOf,
  innerOf,
  locateOf,
  makeGrant,
  openTerms,
  revokeOf,
  useRequestOf,
} from '../../test/consent.ts';
import { HOUR_MS, MINUTE_MS, pure } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import { sessionKey } from './reader-request.ts';
import type { OpenedTerms } from './terms.ts';

let world: ConsentWorld;
let list: OpenedTerms;

beforeEach(async () => {
  world = await createConsentWorld();
  list = await makeGrant(world, 'list', { kind: 'locate', categories: [], labelClasses: [], maxUses: 2 });
});

describe('consent.locate', () => {
  it('opens one session on the list of places, for one request', async () => {
    const { pid, grant } = list.terms;
    const request = innerOf(world, 'locateRequest', { pid, grant, purpose: 'TREAT' }, world.reader);
    const untilMs = world.nowMs() + 15 * MINUTE_MS;
    await expect(world.commit(locateOf(world, { opened: list, request }))).resolves.toEqual({ untilMs });
    expect(world.state.get(sessionKey(pure.callId(request.payload)))).toEqual({
      transaction: 'consent.locateRequest',
      session: { pid, grant, untilMs },
    });
    await world.refuse(locateOf(world, { opened: list, request }), 'request-used');
  });

  it('refuses grants of access, and requests of use', async () => {
    const access = await makeGrant(world, 'access');
    await world.refuse(locateOf(world, { opened: access }), 'grant-kind');
    const request = useRequestOf(world, { opened: list });
    await world.refuse(locateOf(world, { opened: list, request }), 'unknown-transaction');
  });

  it('refuses as consent.use does', async () => {
    const { node, registrar } = world.organisation('hospital-b');
    await world.refuse(locateOf(world, { opened: list, by: node }), 'caller-foreign');
    await world.refuse(locateOf(world, { opened: openTerms(world, 'x', { kind: 'locate' }) }), 'grant-unknown');
    await world.refuse(locateOf(world, { opened: list, purpose: 'HRESCH' }), 'purpose-mismatch');
    await world.refuse(locateOf(world, { opened: list, reader: node }), 'holder-mismatch');
    const foreign = world.organisation('hospital-c').clinician;
    await world.refuse(locateOf(world, { opened: list, reader: foreign }), 'organisation-mismatch');
    await world.refuse(locateOf(world, { opened: { ...list, salt: testHash('x') } }), 'commitment-mismatch');
    const { pid } = list.terms;
    const other = innerOf(world, 'locateRequest', { pid, grant: testId('x'), purpose: 'TREAT' }, world.reader);
    await world.refuse(locateOf(world, { opened: list, request: other }), 'request-mismatch');
    world.advance(HOUR_MS);
    await world.commit(locateOf(world, { opened: list, reader: registrar }));
    world.advance(-1);
    await world.refuse(locateOf(world, { opened: list }), 'time-backwards');
    world.advance(1);
    await world.commit(locateOf(world, { opened: list }));
    await world.refuse(locateOf(world, { opened: list }), 'uses-exhausted');
    await world.commit(expireOf(world, list));
    await world.refuse(locateOf(world, { opened: list }), 'grant-expired');
    await world.commit(revokeOf(world, list.terms.grant));
    await world.refuse(locateOf(world, { opened: list }), 'grant-revoked');
  });

  it('refuses a reader whom the patient excepted, and times outside the terms', async () => {
    const excepting = await makeGrant(world, 'excepting', { kind: 'locate', exceptActors: [world.reader.id] });
    await world.refuse(locateOf(world, { opened: excepting }), 'actor-excepted');
    const later = await makeGrant(world, 'later', { kind: 'locate', notBeforeMs: world.nowMs() + 1 });
    await world.refuse(locateOf(world, { opened: later }), 'grant-not-yet');
  });
});
