import { createRequire } from 'node:module';
import { scaled } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandValueSet } from './expansion.ts';
import { membershipOf } from './membership.ts';
import { terminology } from './terminology-store.ts';
import { isUcumUnit, UCUM } from './ucum.ts';
import { findConcept, validateCodeIn, validateCodeOf } from './validate-code.ts';

const VS = 'http://hl7.org/fhir/ValueSet';

describe('isUcumUnit', () => {
  it('accepts every unit that a value set of R4 lists', () => {
    const listed = [...terminology().valueSets.values()].flatMap(({ compose }) =>
      (compose?.include ?? [])
        .filter(({ system }) => system === UCUM)
        .flatMap(({ concept = [] }) => concept.map(({ code }) => code)),
    );
    expect(listed.length).toBeGreaterThan(1_300);
    expect(listed.filter((code) => !isUcumUnit(code))).toEqual([]);
  });

  it.each([
    '1',
    'mg',
    'kg/m2',
    'Cel',
    '[degF]',
    '10*3/uL',
    'mL/min/{1.73_m2}',
    '/min',
    '{score}',
    'm[iU]/L',
    'g.m/s2',
    '(mg/kg)/d',
    '%',
    'm-1',
    'mm[Hg]',
  ])('accepts %s', (unit) => {
    expect(isUcumUnit(unit)).toBe(true);
  });

  it.each([
    '',
    'mmHg',
    'degC',
    'foo',
    'mg/',
    '.m',
    'm..g',
    '(m',
    'm)',
    '{a',
    'k',
    'kk',
    'm g',
    '0',
    'mmin',
    '[nothing]',
    'µg',
    'm'.repeat(300),
  ])('refuses %s', (unit) => {
    expect(isUcumUnit(unit)).toBe(false);
  });
});

describe('isUcumUnit beside the library that converts units', () => {
  interface Library {
    readonly UcumLhcUtils: { getInstance(): { validateUnitString(unit: string): { readonly status: string } } };
  }
  const library = (createRequire(import.meta.url)('@lhncbc/ucum-lhc') as Library).UcumLhcUtils.getInstance();

  // Not compared: Ki, and scales of temperature inside products, which the library does not take.
  it('accepts nothing that the library refuses, which takes prefixes also where UCUM has none', () => {
    const atom = fc.constantFrom(
      'm',
      'g',
      'L',
      'mol',
      'mm[Hg]',
      '[in_i]',
      '10*',
      '%',
      's',
      'k',
      'x',
      '[iU]',
      'eq',
      '2',
      'Pa',
      'min',
    );
    const prefix = fc.constantFrom('', '', 'k', 'm', 'u', 'da');
    const exponent = fc.constantFrom('', '', '', '2', '-1', '+3');
    const annotation = fc.constantFrom('', '', '', '{cells}');
    const simple = fc.tuple(prefix, atom, exponent, annotation).map((parts) => parts.join(''));
    const unit = fc.tuple(
      fc.constantFrom('', '/'),
      simple,
      fc.array(fc.tuple(fc.constantFrom('.', '/'), simple), { maxLength: 2 }),
    );
    let valid = 0;
    fc.assert(
      fc.property(unit, ([lead, first, rest]) => {
        const text = lead + first + rest.map((part) => part.join('')).join('');
        if (!isUcumUnit(text)) return;
        valid++;
        expect(library.validateUnitString(text).status, text).toBe('valid');
      }),
      { numRuns: scaled(300, 3_000) },
    );
    expect(valid).toBeGreaterThan(20);
  });
});

describe('membershipOf', () => {
  it.each([
    ['administrative-gender', 'http://hl7.org/fhir/administrative-gender', 'male', 'yes'],
    ['administrative-gender', 'http://hl7.org/fhir/administrative-gender', 'man', 'no'],
    ['administrative-gender', 'http://a.example', 'male', 'no'],
    ['administrative-gender', undefined, 'male', 'yes'],
    // A hierarchy: children of an abstract concept.
    ['consent-scope', 'http://terminology.hl7.org/CodeSystem/consentscope', 'treatment', 'yes'],
    // Systems that are not shipped.
    ['condition-code', 'http://snomed.info/sct', '44054006', 'unknown'],
    ['condition-code', 'http://loinc.org', '1-8', 'no'],
    ['currencies', 'urn:iso:std:iso:4217', 'EUR', 'unknown'],
    ['currencies', 'urn:iso:std:iso:4217', 'Euro', 'no'],
    ['nothing', 'http://a.example', 'x', 'unknown'],
  ] as const)('of %s, %s, %s', (valueSet, system, code, expected) => {
    expect(membershipOf(`${VS}/${valueSet}|4.0.1`, system, code)).toBe(expected);
  });

  it('follows a filter by hierarchy of HL7 version 3', () => {
    const valueSet = 'http://terminology.hl7.org/ValueSet/v3-ActEncounterCode';
    const system = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
    expect(membershipOf(valueSet, system, 'AMB')).toBe('yes');
    expect(membershipOf(valueSet, system, 'OPTIN')).toBe('no');
  });
});

describe('expandValueSet', () => {
  it('holds exactly the codes that are members', () => {
    let expanded = 0;
    for (const url of [...terminology().valueSets.keys()].filter((_one, index) => index % 10 === 0)) {
      const expansion = expandValueSet(url, { offset: 0, count: 50 });
      if (expansion.kind !== 'expanded') continue;
      expanded++;
      expect(expansion.codes.length).toBe(Math.min(expansion.total, 50));
      for (const { system, code } of expansion.codes)
        expect(membershipOf(url, system, code), `${url} ${code}`).toBe('yes');
    }
    expect(expanded).toBeGreaterThan(60);
  });

  it('pages and filters without doubling or losing a code', () => {
    const url = `${VS}/observation-status`;
    const all = expandValueSet(url, { offset: 0, count: 100 });
    const pages = [0, 3, 6, 9].flatMap((offset) => {
      const page = expandValueSet(url, { offset, count: 3 });
      return page.kind === 'expanded' ? page.codes : [];
    });
    expect(all.kind === 'expanded' && all.codes).toEqual(pages);
    const filtered = expandValueSet(url, { offset: 0, count: 100, filter: 'FINAL' });
    expect(filtered.kind === 'expanded' && filtered.codes.map(({ code }) => code)).toEqual(['final']);
  });

  it('tells what is unknown from what needs other systems', () => {
    expect(expandValueSet(`${VS}/nothing`, { offset: 0, count: 1 }).kind).toBe('unknown');
    expect(expandValueSet(`${VS}/condition-code`, { offset: 0, count: 1 }).kind).toBe('not-supported');
  });
});

describe('validateCodeIn, validateCodeOf and findConcept', () => {
  it('answer by code and display', () => {
    const system = 'http://hl7.org/fhir/administrative-gender';
    const url = `${VS}/administrative-gender`;
    expect(validateCodeIn(url, { system, code: 'male', display: 'MALE' })).toMatchObject({ result: true });
    expect(validateCodeIn(url, { system, code: 'male', display: 'x' })).toMatchObject({
      result: false,
      display: 'Male',
    });
    expect(
      validateCodeIn(`${VS}/condition-code`, { system: 'http://snomed.info/sct', code: '1', display: undefined }).kind,
    ).toBe('not-supported');
    expect(validateCodeOf(system, { code: 'x', display: undefined })).toMatchObject({ result: false });
    expect(validateCodeOf('http://a.example', { code: 'x', display: undefined }).kind).toBe('unknown');
    expect(findConcept(system, 'male')?.concept.display).toBe('Male');
    expect(findConcept(system, 'x')).toBeUndefined();
  });
});
