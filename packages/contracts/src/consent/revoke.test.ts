import { beforeEach, describe, expect, it } from 'vitest';
import { type ConsentWorld, createConsentWorld, expireOf, makeGrant, revokeOf, useOf } from '../../test/consent.ts';
import { DAY_MS, HOUR_MS } from '../../test/host.ts';
import { testId } from '../../test/keys.ts';
import { deviceArgs, deviceBy } from '../../test/network.ts';
import { epochKey } from '../epoch.ts';
import { patientKey } from '../patient/patient.ts';
import { grantKey } from './grant-fact.ts';

let world: ConsentWorld;

beforeEach(async () => {
  world = await createConsentWorld();
});

const epoch = () => world.state.get(epochKey(`pid:${world.alice.pid}`));
const stored = (grant: string) => world.state.get(grantKey(world.alice.pid, grant));

describe('consent.revoke', () => {
  it("ends a grant and the owner's epoch", async () => {
    const { terms } = await makeGrant(world, 'g');
    world.advance(HOUR_MS);
    const result = await world.commit(revokeOf(world, terms.grant));
    expect(result).toEqual({ grant: terms.grant, revokedMs: world.nowMs() });
    expect(stored(terms.grant)).toMatchObject({ status: 'revoked', lastMs: world.nowMs(), uses: 0 });
    expect(epoch()).toEqual({ epoch: 2 });
  });

  it('writes only the grant, the epoch of its own pid and its own call', async () => {
    const { terms } = await makeGrant(world, 'g');
    const outcome = await world.submit(world.sign(revokeOf(world, terms.grant)));
    const keys = outcome.kind === 'committed' ? outcome.writes.map(([key]) => key) : [];
    const pid = `pid:${world.alice.pid}`;
    expect(keys).toEqual([`call/${outcome.callId}`, grantKey(world.alice.pid, terms.grant), epochKey(pid)].sort());
    expect(outcome).toMatchObject({ events: [{ name: 'consent.revoked' }] });
  });

  it('is never too late: signed long before, with no notAfter', async () => {
    const { terms } = await makeGrant(world, 'g');
    const signed = world.sign(revokeOf(world, terms.grant));
    world.advance(300 * DAY_MS);
    await expect(world.submit(signed)).resolves.toMatchObject({ kind: 'committed' });
  });

  it("takes the grant's last time when its own is earlier", async () => {
    const opened = await makeGrant(world, 'g');
    world.advance(HOUR_MS);
    await world.commit(useOf(world, { opened }));
    const lastMs = world.nowMs();
    world.advance(-2 * HOUR_MS);
    const result = await world.commit(revokeOf(world, opened.terms.grant));
    expect(result).toEqual({ grant: opened.terms.grant, revokedMs: lastMs });
    expect(stored(opened.terms.grant)).toMatchObject({ status: 'revoked', lastMs });
  });

  it('is stored for an unknown grant, whose keys may already be out', async () => {
    const grant = testId('withheld');
    await world.commit(revokeOf(world, grant));
    const atMs = world.nowMs();
    expect(stored(grant)).toEqual({
      kind: null,
      commitment: null,
      status: 'revoked',
      uses: 0,
      firstMs: atMs,
      lastMs: atMs,
    });
    expect(epoch()).toEqual({ epoch: 2 });
  });

  it('wins over an expired grant, and a second one changes nothing', async () => {
    const opened = await makeGrant(world, 'g', { maxUses: 1 });
    await world.commit(useOf(world, { opened }));
    await world.commit(expireOf(world, opened));
    await world.commit(revokeOf(world, opened.terms.grant));
    const before = [stored(opened.terms.grant), epoch()];
    const revokedMs = world.nowMs();
    world.advance(HOUR_MS);
    const result = await world.commit(revokeOf(world, opened.terms.grant));
    expect(result).toEqual({ grant: opened.terms.grant, revokedMs });
    expect([stored(opened.terms.grant), epoch()]).toEqual(before);
  });

  it('is possible from every device, even of a closed pid', async () => {
    const { alice } = world;
    const { terms } = await makeGrant(world, 'g');
    const device = deviceArgs(world, alice.pid, 'alice tablet');
    await world.commit({ transaction: 'patient.addDevice', args: { sequence: 2, device }, by: alice.phone });
    await world.commit(revokeOf(world, terms.grant, deviceBy(alice.pid, 'alice tablet')));
    const other = await makeGrant(world, 'h');
    const fact = world.state.get(patientKey(alice.pid)) as { [key: string]: string };
    world.state.set(patientKey(alice.pid), { ...fact, status: 'closed' });
    await world.commit(revokeOf(world, other.terms.grant));
  });

  it("refuses every signer but a device of the pid, and never touches another's grant", async () => {
    const { terms } = await makeGrant(world, 'g');
    const { administrator, node } = world.organisation('hospital-a');
    for (const by of [administrator, node, world.reader, world.alice.recoveryBy]) {
      await world.refuse(revokeOf(world, terms.grant, by), 'signer-not-allowed');
    }
    const eve = await world.claim('hospital-a', 'eve');
    await world.commit(revokeOf(world, terms.grant, eve.phone));
    expect(stored(terms.grant)).toMatchObject({ status: 'active' });
    expect(world.state.get(grantKey(eve.pid, terms.grant))).toMatchObject({ status: 'revoked', commitment: null });
  });

  it('refuses a removed device', async () => {
    const { alice } = world;
    const { terms } = await makeGrant(world, 'g');
    const device = deviceArgs(world, alice.pid, 'alice tablet');
    await world.commit({ transaction: 'patient.addDevice', args: { sequence: 2, device }, by: alice.phone });
    const tablet = deviceBy(alice.pid, 'alice tablet');
    const args = { sequence: 3, kid: tablet.key.kid };
    await world.commit({ transaction: 'patient.removeDevice', args, by: alice.phone });
    await world.refuse(revokeOf(world, terms.grant, tablet), 'signer-revoked');
  });
});
