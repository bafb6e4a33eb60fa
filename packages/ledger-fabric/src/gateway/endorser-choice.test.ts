import { common, msp, peer } from '@hyperledger/fabric-protos';
import type { Json } from '@salus/contracts';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from './endorsement-policy.ts';
import { activeMembers, type ChoiceInput, chooseEndorsers } from './endorser-choice.ts';

const MEMBERS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'];

function choose(given: Partial<ChoiceInput> = {}): readonly string[] {
  return chooseEndorsers({
    policy: { required: 2, members: MEMBERS },
    own: 'hospital-a',
    active: MEMBERS,
    callIds: ['call'],
    down: new Map(),
    turn: 0,
    ...given,
  });
}

describe('the endorsing organisations', () => {
  it('are the own one and another that the calls’ ids alone decide, every other equally often', () => {
    const counts = new Map<string, number>();
    for (let at = 0; at < 3_000; at += 1) {
      const [own, second, ...more] = choose({ callIds: [`call-${at}`] });
      expect([own, more]).toEqual(['hospital-a', []]);
      counts.set(second!, (counts.get(second!) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['hospital-b', 'laboratory', 'pharmacy']);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    expect(choose({ callIds: ['x', 'y'] })).toEqual(choose({ callIds: ['x', 'y'] }));
  });

  it('leave out who is down while there is another, and go on to the next by turns', () => {
    const down = new Map([
      ['hospital-b', 2],
      ['pharmacy', 1],
    ]);
    expect(choose({ down })).toEqual(['hospital-a', 'laboratory']);
    // Nobody is left: whoever failed the longest ago may be back.
    expect(choose({ down: new Map([...down, ['laboratory', 3]]) })).toEqual(['hospital-a', 'pharmacy']);
    const turns = [0, 1, 2, 3].map((turn) => choose({ turn })[1]);
    expect(new Set(turns).size).toBe(3);
    expect(turns[3]).toBe(turns[0]);
  });

  it('are active members before others, and as many as the policy asks', () => {
    expect(choose({ active: ['hospital-a', 'pharmacy'] })).toEqual(['hospital-a', 'pharmacy']);
    expect(choose({ active: [] }).length).toBe(2);
    expect(choose({ policy: { required: 1, members: ['hospital-a'] } })).toEqual(['hospital-a']);
    expect([...choose({ policy: { required: 4, members: MEMBERS } })].sort()).toEqual(MEMBERS);
  });

  it('know the active members from the verified state', () => {
    const state = new Map<string, Json>([
      ['membership/network', { organisations: ['hospital-a', 'laboratory', 'pharmacy'] }],
      ['membership/roots/hospital-a', { status: 'active' }],
      ['membership/roots/laboratory', { status: 'removed' }],
      ['membership/roots/pharmacy', { status: 'active' }],
    ]);
    expect(activeMembers((key) => state.get(key))).toEqual(['hospital-a', 'pharmacy']);
    expect(activeMembers(() => undefined)).toEqual([]);
  });
});

describe('an endorsement policy', () => {
  it('is read where it asks n of some organisations', () => {
    expect(parsePolicy(policyBytes(2, MEMBERS))).toEqual({ required: 2, members: MEMBERS });
  });

  it('is refused in any other form', () => {
    expect(() => parsePolicy(new Uint8Array(0))).toThrow(/is not "n of these organisations"/);
    const nested = new peer.ApplicationPolicy();
    nested.setChannelConfigPolicyReference('/Channel/Application/Endorsement');
    expect(() => parsePolicy(nested.serializeBinary())).toThrow(/is not "n of these organisations"/);
    expect(() => parsePolicy(policyBytes(1, MEMBERS, msp.MSPPrincipal.Classification.IDENTITY))).toThrow(/roles/);
  });
});

function policyBytes(
  required: number,
  members: readonly string[],
  classification: 0 | 2 | 1 | 3 | 4 = msp.MSPPrincipal.Classification.ROLE,
): Uint8Array {
  const envelope = new common.SignaturePolicyEnvelope();
  envelope.setIdentitiesList(
    members.map((member) => {
      const role = new msp.MSPRole();
      role.setMspIdentifier(member);
      const principal = new msp.MSPPrincipal();
      principal.setPrincipalClassification(classification);
      principal.setPrincipal(role.serializeBinary());
      return principal;
    }),
  );
  const threshold = new common.SignaturePolicy.NOutOf();
  threshold.setN(required);
  threshold.setRulesList(
    members.map((_, at) => {
      const rule = new common.SignaturePolicy();
      rule.setSignedBy(at);
      return rule;
    }),
  );
  const rule = new common.SignaturePolicy();
  rule.setNOutOf(threshold);
  envelope.setRule(rule);
  const policy = new peer.ApplicationPolicy();
  policy.setSignaturePolicy(envelope);
  return policy.serializeBinary();
}
