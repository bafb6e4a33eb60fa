import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testId } from '../../test/keys.ts';
import { isDelegation, isNarrower, isNarrowing } from './narrower.ts';
import type { Grantee, Terms } from './terms.ts';

const base: Terms = {
  version: 'salus:terms:v1',
  network: testId('network'),
  pid: testId('pid'),
  grant: testId('grant'),
  kind: 'access',
  grantee: { kind: 'organisation', organisation: 'hospital-b' },
  categories: ['laboratory', 'medication'],
  labelClasses: ['normal', 'PSY'],
  resourceTypes: ['Observation', 'DiagnosticReport'],
  records: [testId('r1'), testId('r2')],
  dataFromMs: 1000,
  dataToMs: 2000,
  purposes: ['TREAT', 'COC'],
  exceptActors: [testId('x')],
  mayKeep: true,
  notBeforeMs: 100,
  notAfterMs: 200,
  maxUses: 5,
  delegationDepth: 2,
  parent: null,
};

const narrower: readonly Partial<Terms>[] = [
  { categories: ['laboratory'] },
  { labelClasses: ['normal'] },
  { resourceTypes: ['Observation'] },
  { resourceTypes: [] },
  { records: [testId('r2')] },
  { dataFromMs: 1001 },
  { dataToMs: 1999 },
  { purposes: ['COC'] },
  { exceptActors: [testId('x'), testId('y')] },
  { mayKeep: false },
  { notBeforeMs: 101 },
  { notAfterMs: 199 },
  { maxUses: 4 },
  { delegationDepth: 1 },
];
const wider: readonly Partial<Terms>[] = [
  { network: testId('elsewhere') },
  { pid: testId('other') },
  { kind: 'locate' },
  { categories: ['laboratory', 'medication', 'imaging'] },
  { categories: ['imaging'] },
  { labelClasses: ['normal', 'PSY', 'HIV'] },
  { resourceTypes: null },
  { resourceTypes: ['Observation', 'Claim'] },
  { records: null },
  { records: [testId('r3')] },
  { dataFromMs: null },
  { dataFromMs: 999 },
  { dataToMs: null },
  { dataToMs: 2001 },
  { purposes: ['TREAT', 'COC', 'HRESCH'] },
  { exceptActors: [] },
  { exceptActors: [testId('y')] },
  { notBeforeMs: 99 },
  { notAfterMs: 201 },
  { maxUses: null },
  { maxUses: 6 },
  { delegationDepth: 3 },
];

/** Every field of the terms is compared by one of the three functions. */
const COMPARED_ELSEWHERE = ['version', 'grant', 'grantee', 'parent'];

describe('isNarrower', () => {
  it('accepts equal terms and each field that is narrowed', () => {
    expect(isNarrower(base, base)).toBe(true);
    for (const change of narrower) expect(isNarrower({ ...base, ...change }, base), JSON.stringify(change)).toBe(true);
  });

  it('refuses each field that is widened', () => {
    for (const change of wider) expect(isNarrower({ ...base, ...change }, base), JSON.stringify(change)).toBe(false);
    expect(isNarrower(base, { ...base, mayKeep: false })).toBe(false);
    const tried = new Set([...wider.flatMap((change) => Object.keys(change)), 'mayKeep', ...COMPARED_ELSEWHERE]);
    expect([...tried].sort()).toEqual(Object.keys(base).sort());
  });

  it('refuses a widened field however much the others are narrowed, and is transitive', () => {
    const changes = fc.array(fc.constantFrom(...narrower), { maxLength: 4 });
    fc.assert(
      fc.property(changes, changes, fc.constantFrom(...wider), (first, second, widened) => {
        const child: Terms = Object.assign({}, base, ...first);
        const grandchild: Terms = Object.assign({}, child, ...second);
        expect(isNarrower(child, base)).toBe(true);
        if (isNarrower(grandchild, child)) expect(isNarrower(grandchild, base)).toBe(true);
        expect(isNarrower({ ...child, ...widened }, base)).toBe(false);
      }),
    );
  });
});

describe('isNarrowing', () => {
  const organisation: Grantee = { kind: 'organisation', organisation: 'hospital-b' };
  const role: Grantee = { kind: 'role', organisation: 'hospital-b', role: 'clinician' };
  const person: Grantee = { kind: 'person', organisation: 'hospital-b', id: testId('p') };
  const client: Grantee = { kind: 'client', organisation: 'hospital-b', id: testId('p') };
  const study: Grantee = { kind: 'study', organisation: 'hospital-b', study: 's' };
  const card: Grantee = { kind: 'card', key: 'k' };
  const all = [organisation, role, person, client, study, card];

  it('keeps grant and parent', () => {
    expect(isNarrowing(base, base)).toBe(true);
    expect(isNarrowing({ ...base, grant: testId('other') }, base)).toBe(false);
    expect(isNarrowing({ ...base, parent: testId('p') }, base)).toBe(false);
  });

  it('keeps the grantee, or takes a part of the organisation; never another or a wider one', () => {
    for (const from of all) {
      for (const to of all) {
        const allowed = from === to || (from === organisation && to !== card);
        const label = `${from.kind} to ${to.kind}`;
        expect(isNarrowing({ ...base, grantee: to }, { ...base, grantee: from }), label).toBe(allowed);
      }
    }
    const others: readonly (readonly [Grantee, Grantee])[] = [
      [organisation, { ...organisation, organisation: 'hospital-c' }],
      [organisation, { ...role, organisation: 'hospital-c' }],
      [role, { ...role, role: 'nurse' }],
      [role, { ...role, organisation: 'hospital-c' }],
      [person, { ...person, id: testId('q') }],
      [client, { ...client, organisation: 'hospital-c' }],
      [study, { ...study, study: 't' }],
      [card, { ...card, key: 'l' }],
    ];
    for (const [from, to] of others) {
      expect(isNarrowing({ ...base, grantee: to }, { ...base, grantee: from }), from.kind).toBe(false);
    }
  });
});

describe('isDelegation', () => {
  const child: Terms = { ...base, grant: testId('child'), parent: base.grant, delegationDepth: 1 };

  it('accepts a narrower child for anyone, one level deeper', () => {
    const grantee: Grantee = { kind: 'organisation', organisation: 'hospital-c' };
    expect(isDelegation({ ...child, grantee, categories: ['laboratory'] }, base)).toBe(true);
  });

  it('refuses another parent, its own id, the same depth and wider terms', () => {
    expect(isDelegation({ ...child, parent: null }, base)).toBe(false);
    expect(isDelegation({ ...child, parent: testId('other') }, base)).toBe(false);
    expect(isDelegation({ ...child, grant: base.grant }, base)).toBe(false);
    expect(isDelegation({ ...child, delegationDepth: 2 }, base)).toBe(false);
    expect(isDelegation({ ...child, delegationDepth: 0 }, { ...base, delegationDepth: 0 })).toBe(false);
    expect(isDelegation({ ...child, categories: ['imaging'] }, base)).toBe(false);
  });
});
