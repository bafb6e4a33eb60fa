import { pairIndex } from '@salus/fhir';
import type { Interaction, SightedMeta } from '@salus/records';
import { describe, expect, it } from 'vitest';
import { covers, mayWriteForStaff, narrowingOf, parseScopes, usersOf } from './scopes.ts';

const CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const PID = 'p'.repeat(22);

function record(change: Partial<SightedMeta> = {}): SightedMeta {
  return {
    owner: `pid:${PID}`,
    pair: pairIndex('laboratory', 'N'),
    type: 'Observation',
    id: 'x',
    recordId: 'r'.repeat(22),
    dataFromMs: null,
    dataToMs: null,
    ...change,
  };
}

const allowed = (scope: string, meta: SightedMeta, interaction: Interaction = 'r', pid: string | null = PID): boolean =>
  narrowingOf(parseScopes(scope), pid)(meta, interaction);

describe('Granular Scopes (Inferno SMART App Launch 2)', () => {
  it('v2 scopes allow the interactions whose letters they have, with the type that they name', () => {
    expect(allowed('patient/Observation.rs', record())).toBe(true);
    expect(allowed('patient/Observation.rs', record(), 's')).toBe(true);
    expect(allowed('patient/Observation.s', record())).toBe(false);
    expect(allowed('patient/Observation.rs', record(), 'u')).toBe(false);
    expect(allowed('patient/Condition.rs', record())).toBe(false);
    expect(allowed('patient/*.cruds', record(), 'd')).toBe(true);
    expect(allowed('openid fhirUser', record())).toBe(false);
  });

  it('scopes with search parameters leave only what matches them', () => {
    const laboratory = `patient/Observation.rs?category=${CATEGORY}|laboratory`;
    expect(allowed(laboratory, record())).toBe(true);
    expect(allowed(laboratory, record({ pair: pairIndex('vital-signs', 'N') }))).toBe(false);
    expect(
      allowed(
        `${laboratory} patient/Observation.rs?category=${encodeURIComponent(`${CATEGORY}|vital-signs`)}`,
        record({ pair: pairIndex('vital-signs', 'N') }),
      ),
    ).toBe(true);
    expect(allowed(laboratory, record({ type: 'DiagnosticReport' }))).toBe(false);
  });

  it('patient scopes speak of the patient in context and the directory, user and system scopes of whom the sight shows', () => {
    const other = record({ owner: `pid:${'o'.repeat(22)}` });
    const practitioner = record({ owner: 'org:hospital-a', type: 'Practitioner', pair: pairIndex('directory', 'N') });
    expect(allowed('patient/*.rs', other)).toBe(false);
    expect(allowed('patient/*.rs', practitioner)).toBe(true);
    expect(allowed('patient/*.rs', record(), 'r', null)).toBe(false);
    expect(allowed('user/*.rs', other)).toBe(true);
    expect(allowed('system/*.rs', other, 'r', null)).toBe(true);
  });
});

describe('scopes of version 1', () => {
  it('mean in version 2: read is rs, write is cud, * is all', () => {
    expect(allowed('patient/Observation.read', record(), 's')).toBe(true);
    expect(allowed('patient/Observation.read', record(), 'u')).toBe(false);
    expect(allowed('user/Observation.write', record(), 'u')).toBe(true);
    expect(allowed('user/Observation.write', record())).toBe(false);
    expect(allowed('user/*.*', record(), 'd')).toBe(true);
  });
});

describe('a scope that is unknown here', () => {
  it('is refused, never left out', () => {
    for (const scope of [
      ...['', 'everything', 'patient/', 'patient/Nonsense.rs', 'patient/Observation', 'patient/Observation.'],
      ...['patient/Observation.sr', 'patient/Observation.rr', 'patient/Observation.x', 'device/Observation.rs'],
      ...['patient/Observation.rs?code=http://loinc.org|718-7', 'patient/Observation.rs?category=laboratory'],
      ...[`patient/Condition.rs?category=${CATEGORY}|laboratory`, `patient/*.rs?category=${CATEGORY}|laboratory`],
      ...['patient/Observation.rs?%', `openid ${'x'.repeat(5_000)}`, 'launch/encounter', 'patient/Observation.read.rs'],
      Array.from({ length: 65 }, (_, index) => `patient/Observation.rs?category=${index}`).join(' '),
    ]) {
      expect(() => parseScopes(scope), scope.slice(0, 80)).toThrow('scope');
    }
  });
});

describe('what a client is registered for', () => {
  it('covers what it asks for, letter by letter, and nothing beyond', () => {
    const registered = parseScopes(`launch/patient patient/*.rs user/Patient.r user/Patient.u`);
    const is = (asked: string): boolean => covers(registered, parseScopes(asked));
    expect(is('patient/Observation.rs launch/patient')).toBe(true);
    expect(is(`patient/Observation.rs?category=${CATEGORY}|laboratory`)).toBe(true);
    expect(is('user/Patient.ru')).toBe(true);
    expect(is('patient/Observation.read')).toBe(true);
    expect(is('patient/Observation.cruds')).toBe(false);
    expect(is('user/*.r')).toBe(false);
    expect(is('openid')).toBe(false);
    const narrow = parseScopes(`patient/Observation.rs?category=${CATEGORY}|laboratory`);
    expect(covers(narrow, parseScopes('patient/Observation.rs'))).toBe(false);
  });
});

describe('whose hands an app is in', () => {
  it.each([
    ['openid user/*.rs', 'staff', false],
    ['user/Observation.cs', 'staff', true],
    ['user/Observation.write', 'staff', true],
    ['launch patient/Observation.c', 'staff', true],
    ['launch patient/Observation.rs', 'staff', false],
    ['launch/patient patient/*.cruds', 'patient', false],
    ['system/*.cruds', 'service', false],
  ] as const)('follows from its scopes, as whether it could write for staff: %s', (text, users, writes) => {
    expect([usersOf(parseScopes(text)), mayWriteForStaff(parseScopes(text))]).toEqual([users, writes]);
  });
});
