import { beforeEach, describe, expect, it } from 'vitest';
import { type ConsentWorld, createConsentWorld, grantOf, openCard, openTerms, revokeOf } from '../../test/consent.ts';
import { HOUR_MS, pure } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import { deviceArgs, deviceBy } from '../../test/network.ts';
import { patientKey } from '../patient/patient.ts';
import { grantKey } from './grant-fact.ts';
import { grantCommitment } from './terms.ts';

let world: ConsentWorld;

beforeEach(async () => {
  world = await createConsentWorld();
});

describe('consent.grant', () => {
  it('writes commitment, status and times, and nothing of the terms', async () => {
    const opened = openTerms(world, 'g');
    await expect(world.commit(grantOf(world, opened))).resolves.toEqual({ grant: testId('g') });
    const now = world.nowMs();
    expect(world.state.get(grantKey(world.alice.pid, testId('g')))).toEqual({
      kind: 'access',
      commitment: grantCommitment(pure, opened),
      status: 'active',
      uses: 0,
      firstMs: now,
      lastMs: now,
    });
  });

  it('keeps the public key of an emergency card and refuses one where it does not belong', async () => {
    const card = openCard(world, 'card');
    await world.commit(grantOf(world, card));
    expect(world.state.get(grantKey(world.alice.pid, testId('card')))).toMatchObject({
      kind: 'card',
      cardKey: testKey('card card').publicKey,
    });
    await world.refuse(grantOf(world, openCard(world, 'bare'), { args: { cardKey: null } }), 'args-invalid');
    const foreign = { args: { cardKey: testKey('other').publicKey } };
    await world.refuse(grantOf(world, openCard(world, 'foreign'), foreign), 'terms-mismatch');
    await world.refuse(grantOf(world, openTerms(world, 'plain'), foreign), 'args-invalid');
  });

  it('refuses every signer but a device of the pid: slip, recovery key, staff, administrator, node, client', async () => {
    const opened = openTerms(world, 'g');
    const { administrator, clinician, node, feed } = world.organisation('hospital-a');
    for (const by of [world.alice.claimBy, world.alice.recoveryBy, administrator, clinician, node, feed]) {
      await world.refuse(grantOf(world, opened, { by }), 'signer-not-allowed');
    }
  });

  it('refuses an administrator with every organisation key who signs as the pid or smuggles in a device', async () => {
    const opened = openTerms(world, 'g');
    const { administrator, node } = world.organisation('hospital-a');
    const { pid } = world.alice;
    for (const thief of [administrator, node]) {
      const posing = { signer: `pid:${pid}/${thief.key.kid}`, key: thief.key };
      await world.refuse(grantOf(world, opened, { by: posing }), 'signer-unknown');
      const forging = { signer: world.alice.phone.signer, key: thief.key };
      await world.refuse(grantOf(world, opened, { by: forging }), 'signature-invalid');
      const device = deviceArgs(world, pid, 'thief');
      for (const signer of [thief.signer, `pid:${pid}/${thief.key.kid}`]) {
        const smuggled = await world.submit(
          world.sign({
            transaction: 'patient.addDevice',
            args: { sequence: 2, device },
            by: { signer, key: thief.key },
          }),
        );
        expect(smuggled).toMatchObject({ kind: 'refused' });
      }
    }
    expect(world.state.has(grantKey(pid, testId('g')))).toBe(false);
  });

  it('refuses an unclaimed pid, even if a device stood in the state', async () => {
    const unclaimed = await world.register('hospital-a', 'bob');
    const by = deviceBy(unclaimed.pid, 'bob phone');
    const opened = openTerms(world, 'g', { pid: unclaimed.pid });
    await world.refuse(grantOf(world, opened, { by }), 'signer-unknown');
    await world.refuse(grantOf(world, opened, { by: unclaimed.claimBy }), 'signer-not-allowed');
    world.state.set(`patient/device/${unclaimed.pid}/${by.key.kid}`, {
      kid: by.key.kid,
      publicKey: by.key.publicKey,
      hpke: by.key.publicKey,
      status: 'active',
      addedMs: world.nowMs(),
    });
    await world.refuse(grantOf(world, opened, { by }), 'patient-unclaimed');
  });

  it('refuses a closed pid', async () => {
    const fact = world.state.get(patientKey(world.alice.pid)) as { [key: string]: string };
    world.state.set(patientKey(world.alice.pid), { ...fact, status: 'closed' });
    await world.refuse(grantOf(world, openTerms(world, 'g')), 'patient-closed');
  });

  it("refuses a device of another pid, which cannot grant this pid's records", async () => {
    const eve = await world.claim('hospital-a', 'eve');
    await world.refuse(grantOf(world, openTerms(world, 'g'), { by: eve.phone }), 'terms-mismatch');
    expect(world.state.has(grantKey(world.alice.pid, testId('g')))).toBe(false);
  });

  it('refuses a removed device', async () => {
    const { alice } = world;
    const device = deviceArgs(world, alice.pid, 'alice tablet');
    await world.commit({ transaction: 'patient.addDevice', args: { sequence: 2, device }, by: alice.phone });
    const tablet = deviceBy(alice.pid, 'alice tablet');
    await world.commit(grantOf(world, openTerms(world, 'by tablet'), { by: tablet }));
    const args = { sequence: 3, kid: tablet.key.kid };
    await world.commit({ transaction: 'patient.removeDevice', args, by: alice.phone });
    await world.refuse(grantOf(world, openTerms(world, 'later'), { by: tablet }), 'signer-revoked');
  });

  it('refuses a grant id twice, with the same or other terms', async () => {
    await world.commit(grantOf(world, openTerms(world, 'g')));
    await world.refuse(grantOf(world, openTerms(world, 'g')), 'grant-exists');
    await world.refuse(grantOf(world, openTerms(world, 'g', { mayKeep: true })), 'grant-exists');
  });

  it('refuses a withheld grant that arrives after its revocation', async () => {
    const withheld = world.sign({ ...grantOf(world, openTerms(world, 'g')), notAfter: world.nowMs() + 20 * HOUR_MS });
    world.advance(HOUR_MS);
    await world.commit(revokeOf(world, testId('g')));
    world.advance(HOUR_MS);
    await expect(world.submit(withheld)).resolves.toMatchObject({ kind: 'refused', code: 'grant-revoked' });
  });

  it('refuses terms that do not open the commitment, or lie about network, pid, grant, kind or parent', async () => {
    const opened = openTerms(world, 'g');
    await world.refuse(grantOf(world, opened, { args: { commitment: testHash('x') } }), 'commitment-mismatch');
    await world.refuse(grantOf(world, openTerms(world, 'g', { network: testId('elsewhere') })), 'wrong-network');
    await world.refuse(grantOf(world, openTerms(world, 'g', { pid: testId('mallory') })), 'terms-mismatch');
    await world.refuse(grantOf(world, opened, { args: { grant: testId('h') } }), 'terms-mismatch');
    await world.refuse(grantOf(world, opened, { args: { kind: 'locate' } }), 'terms-mismatch');
    await world.refuse(grantOf(world, openTerms(world, 'g', { parent: testId('p') })), 'terms-mismatch');
  });

  it('refuses to run in full without private arguments, and without a commitment to them', async () => {
    const options = grantOf(world, openTerms(world, 'g'));
    const signed = world.sign(options);
    await expect(world.submit({ call: signed.call })).resolves.toMatchObject({ code: 'private-missing' });
    const { values, ...bare } = options;
    expect(values).toBeDefined();
    await world.refuse(bare, 'private-missing');
    const other = { salt: testHash('salt'), values: { ...options.values } };
    await expect(world.submit({ call: signed.call, privateArgs: other })).resolves.toMatchObject({
      code: 'private-mismatch',
    });
  });

  it("accepts keys sealed to the listed key of the grantee's organisation and to no other", async () => {
    const seal = (recipientKid: string) => [{ keyId: testId('key'), recipientKid, digest: testHash('envelope') }];
    const kidOf = (name: string): string => world.organisation(name).hpke.kid;
    await world.commit(grantOf(world, openTerms(world, 'g'), { seals: seal(kidOf('hospital-b')) }));
    for (const recipient of [kidOf('hospital-a'), kidOf('hospital-c'), world.reader.key.kid]) {
      await world.refuse(grantOf(world, openTerms(world, 'h'), { seals: seal(recipient) }), 'seal-recipient');
    }
    await world.refuse(grantOf(world, openCard(world, 'c'), { seals: seal(kidOf('hospital-b')) }), 'seal-recipient');
    const gone = openTerms(world, 'i', { grantee: { kind: 'organisation', organisation: 'nowhere' } });
    await world.refuse(grantOf(world, gone, { seals: seal(kidOf('hospital-b')) }), 'seal-recipient');
    const twice = [...seal(kidOf('hospital-b')), ...seal(kidOf('hospital-b'))];
    await world.refuse(grantOf(world, openTerms(world, 'j'), { seals: twice }), 'args-invalid');
  });

  it("accepts keys sealed to a client's own listed key only when that client is the grantee", async () => {
    const { administrator, feed } = world.organisation('hospital-b');
    const key = testKey('feed hpke');
    await world.commit({
      transaction: 'membership.addHpkeKey',
      args: { publicKey: key.publicKey, holder: feed.id },
      by: administrator,
    });
    const seals = [{ keyId: testId('key'), recipientKid: key.kid, digest: testHash('envelope') }];
    const client = { kind: 'client', organisation: 'hospital-b', id: feed.id } as const;
    await world.commit(grantOf(world, openTerms(world, 'g', { grantee: client }), { seals }));
    await world.refuse(grantOf(world, openTerms(world, 'h'), { seals }), 'seal-recipient');
    const other = { ...client, id: testId('other client') };
    await world.refuse(grantOf(world, openTerms(world, 'i', { grantee: other }), { seals }), 'seal-recipient');
  });

  it('has no second effect when sent twice, and none on another network', async () => {
    const call = world.sign(grantOf(world, openTerms(world, 'g')));
    await expect(world.submit(call)).resolves.toMatchObject({ kind: 'committed' });
    const state = structuredClone([...world.state]);
    world.advance(2 * HOUR_MS);
    await expect(world.submit(call)).resolves.toMatchObject({ kind: 'repeated', result: { grant: testId('g') } });
    expect([...world.state]).toEqual(state);
    const elsewhere = { ...grantOf(world, openTerms(world, 'h')), network: testId('elsewhere') };
    await world.refuse(elsewhere, 'wrong-network');
  });
});
