import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, type TestSigner } from '../test/host.ts';
import { testId, testKey } from '../test/keys.ts';
import { createNetwork, deviceArgs, deviceBy, patientOf } from '../test/network.ts';
import type { IdentityFact } from './membership/identity.ts';
import { identityKey } from './membership/identity.ts';
import { signerKeyHint } from './signer.ts';

const registering = (label: string, by: TestSigner, nowMs: number) => {
  const { pid, claimKey } = patientOf('any', label);
  const args = { pid, claimKey: claimKey.publicKey, claimNotAfterMs: nowMs + DAY_MS };
  return { transaction: 'patient.register', args, by } as const;
};

describe('a member who signs', () => {
  it('is refused before and after the certificate’s validity, and accepted at both ends', async () => {
    const network = await createNetwork(['hospital-a']);
    network.advance(DAY_MS);
    const notBeforeMs = network.nowMs() - HOUR_MS;
    const notAfterMs = network.nowMs() + HOUR_MS;
    const subject = { label: 'short', roles: ['registrar'], notBeforeMs, notAfterMs };
    const member = await network.enrol('hospital-a', subject);
    network.advance(HOUR_MS);
    await network.commit(registering('at the end', member, network.nowMs()));
    network.advance(1);
    await network.refuse(registering('late', member, network.nowMs()), 'signer-expired');
    // An engine whose clock ran back, which only a migration may do.
    network.advance(-2 * HOUR_MS - 2);
    await network.refuse(registering('early', member, network.nowMs()), 'signer-expired');
    network.advance(1);
    await network.commit(registering('at the start', member, network.nowMs()));
  });

  it('is refused from revocation on, with every kind of call', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, registrar, node } = network.organisation('hospital-a');
    await network.commit({
      transaction: 'membership.revoke',
      args: { id: registrar.id, reason: 'left' },
      by: administrator,
    });
    await network.refuse(registering('x', registrar, network.nowMs()), 'signer-revoked');
    const onBehalfOf = network.delegate(registrar, node, ['patient.register']);
    await network.refuse({ ...registering('x', node, network.nowMs()), onBehalfOf }, 'delegation-user-revoked');
  });

  it('acts for its own organisation only', async () => {
    const network = await createNetwork();
    const patient = await network.register('hospital-a', 'ann');
    const by = network.organisation('hospital-b').registrar;
    const args = {
      pid: patient.pid,
      claimKey: testKey('another').publicKey,
      claimNotAfterMs: network.nowMs() + DAY_MS,
    };
    await network.refuse({ transaction: 'patient.reissueClaim', args, by }, 'organisation-mismatch');
  });
});

describe('a patient’s key that signs', () => {
  it('is refused for an unknown pid, an unknown device and another pid’s device', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    const bob = await network.claim('hospital-a', 'bob');
    const options = (by: TestSigner) => ({ transaction: 'patient.close', args: { sequence: 2 }, by }) as const;
    await network.refuse(options(deviceBy(testId('nobody'), 'ann phone')), 'signer-unknown');
    await network.refuse(options(deviceBy(ann.pid, 'a stranger')), 'signer-unknown');
    await network.refuse(options(deviceBy(ann.pid, 'bob phone')), 'signer-unknown');
    const swapped = { signer: ann.phone.signer, key: bob.phone.key };
    await network.refuse(options(swapped), 'signature-invalid');
  });

  it('works before the claim only as slip, after it never again', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    const args = (sequence: number) => ({
      sequence,
      devices: [deviceArgs(network, ann.pid, 'ann phone')],
      recovery: ann.recovery.publicKey,
    });
    await network.refuse({ transaction: 'patient.recover', args: args(1), by: ann.recoveryBy }, 'signer-unknown');
    await network.refuse({ transaction: 'patient.close', args: { sequence: 1 }, by: ann.phone }, 'signer-unknown');
    const wrong = { signer: ann.claimBy.signer, key: testKey('a guess') };
    await network.refuse({ transaction: 'patient.claim', args: args(1), by: wrong }, 'signature-invalid');
    await network.commit({ transaction: 'patient.claim', args: args(1), by: ann.claimBy });
    await network.refuse({ transaction: 'patient.claim', args: args(2), by: ann.claimBy }, 'patient-claimed');
  });

  it('of a used slip is verified before it is refused, so that a ledger records the second use and no guess', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    const args = { sequence: 2, devices: [deviceArgs(network, ann.pid, 'thief')], recovery: testKey('r').publicKey };
    const guess = { signer: ann.claimBy.signer, key: testKey('a guess') };
    await network.refuse({ transaction: 'patient.claim', args, by: guess }, 'signature-invalid');
    await network.refuse({ transaction: 'patient.claim', args, by: ann.claimBy }, 'patient-claimed');
  });

  it('still works when its organisation was removed: a patient’s keys depend on no member', async () => {
    const network = await createNetwork();
    const ann = await network.claim('hospital-b', 'ann');
    const [a, b] = ['hospital-a', 'hospital-b'].map((name) => network.organisation(name).administrator);
    const args = { organisation: 'hospital-b', reason: 'left' };
    const answer = await network.commit({ transaction: 'membership.proposeRemoval', args, by: a! });
    const { proposal } = answer as { readonly proposal: string };
    await network.commit({ transaction: 'membership.vote', args: { proposal, approve: true }, by: b! });
    const registrar = network.organisation('hospital-b').registrar;
    await network.refuse(registering('x', registrar, network.nowMs()), 'organisation-removed');
    const device = deviceArgs(network, ann.pid, 'ann laptop');
    await network.commit({ transaction: 'patient.addDevice', args: { sequence: 2, device }, by: ann.phone });
  });
});

describe('signerKeyHint', () => {
  it('gives the key that execute will demand, from state, for every kind of signer', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    const { registrar } = network.organisation('hospital-a');
    const hint = (signer: unknown): string | undefined =>
      signerKeyHint((key) => network.state.get(key), { payload: { signer }, signature: '' });
    expect(hint(registrar.signer)).toBe(registrar.key.publicKey);
    expect(hint(ann.phone.signer)).toBe(ann.phone.key.publicKey);
    expect(hint(ann.claimBy.signer)).toBe(ann.claimKey.publicKey);
    expect(hint(ann.recoveryBy.signer)).toBe(ann.recovery.publicKey);
    for (const signer of [`id:${testId('x')}`, 'id:short', 7, undefined, '__proto__'])
      expect(hint(signer)).toBeUndefined();
    for (const call of [null, undefined, 5, [], {}, { payload: null }]) {
      expect(signerKeyHint((key) => network.state.get(key), call)).toBeUndefined();
    }
  });

  it('is only a hint: execute demands the key of the state it runs on', async () => {
    const network = await createNetwork(['hospital-a']);
    const { registrar } = network.organisation('hospital-a');
    const identity = network.state.get(identityKey(registrar.id)) as unknown as IdentityFact;
    network.state.set(identityKey(registrar.id), { ...identity, publicKey: testKey('renewed').publicKey });
    await network.refuse(registering('x', registrar, network.nowMs()), 'signature-invalid');
  });
});
