import { beforeEach, describe, expect, it } from 'vitest';
import {
  type ConsentWorld,
  createConsentWorld,
  expireOf,
  makeGrant,
  openTerms,
  revokeOf,
  useOf,
} from '../../test/consent.ts';
import { DAY_MS, HOUR_MS } from '../../test/host.ts';
import { testHash } from '../../test/keys.ts';
import { epochKey } from '../epoch.ts';
import { grantKey } from './grant-fact.ts';

let world: ConsentWorld;

beforeEach(async () => {
  world = await createConsentWorld();
});

describe('consent.expire', () => {
  it('ends a grant after its last millisecond, and the epoch with it', async () => {
    const opened = await makeGrant(world, 'g');
    world.advance(DAY_MS);
    await world.refuse(expireOf(world, opened), 'grant-not-expired');
    world.advance(1);
    await world.commit(expireOf(world, opened));
    expect(world.state.get(grantKey(world.alice.pid, opened.terms.grant))).toMatchObject({
      status: 'expired',
      lastMs: world.nowMs(),
    });
    expect(world.state.get(epochKey(`pid:${world.alice.pid}`))).toEqual({ epoch: 2 });
    await world.refuse(expireOf(world, opened), 'grant-expired');
  });

  it('ends a grant whose uses are used up', async () => {
    const opened = await makeGrant(world, 'g', { maxUses: 2 });
    await world.commit(useOf(world, { opened }));
    await world.refuse(expireOf(world, opened), 'grant-not-expired');
    await world.commit(useOf(world, { opened }));
    await world.commit(expireOf(world, opened));
  });

  it('is sent by a node of the organisation that keeps the records', async () => {
    const opened = await makeGrant(world, 'g', { maxUses: 1 });
    await world.commit(useOf(world, { opened }));
    const { node } = world.organisation('hospital-b');
    await world.refuse(expireOf(world, opened, node), 'caller-foreign');
    await world.refuse(expireOf(world, opened, world.alice.phone), 'signer-not-allowed');
    await world.refuse(expireOf(world, opened, world.reader), 'member-kind-not-allowed');
  });

  it('refuses unknown and revoked grants, times that run backwards and terms that open nothing', async () => {
    const opened = await makeGrant(world, 'g', { maxUses: 1 });
    await world.refuse(expireOf(world, openTerms(world, 'h')), 'grant-unknown');
    world.advance(HOUR_MS);
    await world.commit(useOf(world, { opened }));
    world.advance(-1);
    await world.refuse(expireOf(world, opened), 'time-backwards');
    world.advance(1);
    await world.refuse(expireOf(world, { ...opened, salt: testHash('x') }), 'commitment-mismatch');
    await world.commit(revokeOf(world, opened.terms.grant));
    await world.refuse(expireOf(world, opened), 'grant-revoked');
  });
});
