import type { Json, Write } from '@salus/contracts';
import { generateSigningKeySync, kidOf } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { departures } from './session-follower.ts';
import type { Principal } from './sessions.ts';

type Transactions = Parameters<typeof departures>[0]['transactions'];

function endedBy(...writes: Write[]): (principal: Principal) => boolean {
  const outcome = { kind: 'committed', result: null, events: [], writes };
  const isOut = departures({ transactions: [{ outcome }] as unknown as Transactions });
  return (principal) => isOut.some((test) => test(principal));
}

const staff: Principal = { kind: 'staff', organisation: 'hospital-a', id: 'x', roles: [], account: 'x' };
const patient: Principal = { kind: 'patient', organisation: 'hospital-a', pid: 'p', kid: 'k' };

describe('departures', () => {
  it('end the sessions of a revoked identity and of a removed organisation', () => {
    const revoked: Json = { id: 'x', status: 'revoked' };
    expect(endedBy(['membership/identity/x', revoked])(staff)).toBe(true);
    expect(endedBy(['membership/revoked/hospital-a', [['x', 9]]])(staff)).toBe(true);
    expect(endedBy(['membership/roots/hospital-a', { status: 'removed' }])(staff)).toBe(true);
    expect(endedBy(['membership/identity/y', revoked])(staff)).toBe(false);
    expect(endedBy(['membership/identity/x', { id: 'x', status: 'active' }])(staff)).toBe(false);
    expect(endedBy(['membership/roots/hospital-a', { status: 'active' }])(staff)).toBe(false);
  });

  it('end the sessions of a removed device and of a closed pid, and of a recovery key that was replaced', () => {
    const recovery = generateSigningKeySync().publicKey;
    const claimed: Json = { pid: 'p', status: 'claimed', recovery };
    expect(endedBy(['patient/device/p/k', { status: 'removed' }])(patient)).toBe(true);
    expect(endedBy(['patient/device/p/other', { status: 'removed' }])(patient)).toBe(false);
    expect(endedBy(['patient/device/p/k', { status: 'active' }])(patient)).toBe(false);
    expect(endedBy(['patient/pid/p', { pid: 'p', status: 'closed' }])(patient)).toBe(true);
    expect(endedBy(['patient/pid/p', claimed])(patient)).toBe(false);
    const recoverer = (kid: string): Principal => ({ ...patient, kind: 'recovery', kid });
    expect(endedBy(['patient/pid/p', claimed])(recoverer(kidOf(recovery)))).toBe(false);
    expect(endedBy(['patient/pid/p', claimed])(recoverer('old'))).toBe(true);
  });

  it('end the sessions of everybody of whom a distrusted call wrote', () => {
    const keys = ['membership/identity/x', 'patient/device/p/k', 'grant/p/g'];
    const outcome = { kind: 'distrusted', keys, leafHash: '' };
    const isOut = departures({ transactions: [{ outcome }] as unknown as Transactions });
    const ends = (principal: Principal): boolean => isOut.some((test) => test(principal));
    expect([staff, patient].map(ends)).toEqual([true, true]);
    expect(ends({ ...staff, id: 'y' })).toBe(false);
    expect(endedBy(['membership/revoked/hospital-a', null])({ ...staff, id: 'y' })).toBe(true);
    expect(endedBy(['membership/revoked/hospital-b', null])(staff)).toBe(false);
  });

  it('ignore refused calls and keys that concern nobody’s session', () => {
    const refused = { outcome: { kind: 'refused', code: 'role-missing' } };
    expect(departures({ transactions: [refused] as unknown as Transactions })).toEqual([]);
    expect(endedBy(['grant/p/g', null])(patient)).toBe(false);
  });
});
