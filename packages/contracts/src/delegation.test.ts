import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS } from '../test/host.ts';
import { testId } from '../test/keys.ts';
import { createNetwork, type Member, patientOf } from '../test/network.ts';
import type { DelegationPayload, SignedDelegation } from './context.ts';
import type { ContractCode } from './errors.ts';

const SCOPE = ['patient.register'];
const network = await createNetwork();
const a = network.organisation('hospital-a');
const b = network.organisation('hospital-b');

let count = 0;
function registering(by: Member, onBehalfOf: SignedDelegation | undefined) {
  const { pid, claimKey } = patientOf('hospital-a', `delegation ${count++}`);
  const args = { pid, claimKey: claimKey.publicKey, claimNotAfterMs: network.nowMs() + DAY_MS };
  return { transaction: 'patient.register', args, by, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) } as const;
}
const delegated = (changes: Partial<DelegationPayload> = {}): SignedDelegation =>
  network.delegate(a.registrar, a.node, SCOPE, changes);

describe('a delegation', () => {
  it('lets a node and a client act in the name of staff of their own organisation', async () => {
    await network.commit(registering(a.node, delegated()));
    const client = await network.enrol('hospital-a', { label: 'FHIR back end', kind: 'client' });
    await network.commit(registering(client, network.delegate(a.registrar, client, SCOPE)));
  });

  it('is needed where a node acts, and its user needs the role', async () => {
    await network.refuse(registering(a.node, undefined), 'delegation-required');
    const porter = await network.enrol('hospital-a', { label: 'porter', roles: ['porter'] });
    await network.refuse(registering(a.node, network.delegate(porter, a.node, SCOPE)), 'role-missing');
  });

  it('is refused with its own code for every way to misuse it', async () => {
    const nowMs = network.nowMs();
    const cases: readonly [SignedDelegation, ContractCode][] = [
      [delegated({ network: testId('another') }), 'delegation-mismatch'],
      [delegated({ delegate: b.node.id }), 'delegation-mismatch'],
      [delegated({ scope: ['record.commit'] }), 'delegation-scope'],
      [delegated({ notBeforeMs: nowMs - 1, notAfterMs: nowMs + 12 * HOUR_MS }), 'delegation-too-long'],
      [delegated({ notBeforeMs: nowMs + 1 }), 'delegation-not-yet'],
      [delegated({ notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs - 1 }), 'delegation-expired'],
      [delegated({ notBeforeMs: nowMs + HOUR_MS, notAfterMs: nowMs - HOUR_MS }), 'delegation-not-yet'],
      [delegated({ user: testId('nobody') }), 'delegation-user-unknown'],
      [delegated({ user: b.registrar.id }), 'delegation-organisation'],
      [network.delegate(b.registrar, a.node, SCOPE), 'delegation-organisation'],
      [delegated({ user: a.feed.id }), 'delegation-organisation'],
      [delegated({ user: a.clinician.id }), 'delegation-signature'],
      [{ ...delegated(), signature: delegated({ nonce: testId('n') }).signature }, 'delegation-signature'],
      [delegated({ scope: [] }), 'delegation-malformed'],
      [delegated({ scope: ['*'] }), 'delegation-malformed'],
      [delegated({ alg: 'none' as 'ES256' }), 'delegation-malformed'],
      [{ ...delegated(), extra: 1 } as SignedDelegation, 'delegation-malformed'],
      [null as unknown as SignedDelegation, 'delegation-malformed'],
      ['admin' as unknown as SignedDelegation, 'delegation-malformed'],
    ];
    for (const [delegation, code] of cases) await network.refuse(registering(a.node, delegation), code);
    expect(cases).toHaveLength(19);
  });

  it('is valid at both ends of its span and for at most 12 hours', async () => {
    const nowMs = network.nowMs();
    await network.commit(registering(a.node, delegated({ notBeforeMs: nowMs, notAfterMs: nowMs + 12 * HOUR_MS })));
    await network.commit(registering(a.node, delegated({ notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs })));
  });

  it('is refused where a person signs, where a patient signs, and where no delegation belongs', async () => {
    const toStaff = network.delegate(a.registrar, a.clinician, SCOPE);
    await network.refuse(registering(a.clinician, toStaff), 'delegation-not-allowed');
    const ann = await network.claim('hospital-a', 'ann');
    const closing = { transaction: 'patient.close', args: { sequence: 2 }, by: ann.phone } as const;
    await network.refuse({ ...closing, onBehalfOf: delegated() }, 'delegation-not-allowed');
    const root = { log: 'audit', size: 1, root: 'A'.repeat(43), proof: [] };
    const rooting = { transaction: 'access.root', args: root, by: a.node } as const;
    await network.refuse({ ...rooting, onBehalfOf: delegated({ scope: ['access.root'] }) }, 'delegation-not-allowed');
  });

  it('ends with the user’s certificate', async () => {
    const temp = await network.enrol('hospital-a', {
      label: 'temporary',
      roles: ['registrar'],
      notAfterMs: network.nowMs() + HOUR_MS,
    });
    const span = { notAfterMs: network.nowMs() + 3 * HOUR_MS };
    const delegation = network.delegate(temp, a.node, SCOPE, span);
    await network.commit(registering(a.node, delegation));
    network.advance(HOUR_MS + 1);
    await network.refuse(registering(a.node, delegation), 'delegation-user-expired');
  });
});
