import { describe, expect, it } from 'vitest';
import type { ResourceType } from '../resource-table.ts';
import type { FhirTree } from '../tree.ts';
import { matchesFilter } from './matching.ts';
import { parseSearch } from './search-request.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

function matches(tree: FhirTree, query: string): boolean {
  const parsed = parseSearch(tree.resourceType as ResourceType, new URLSearchParams(query));
  if (parsed.kind === 'refused') throw new Error(JSON.stringify(parsed.issues));
  expect(parsed.request.filters.length).toBeGreaterThan(0);
  return parsed.request.filters.every((filter) => {
    if (filter.kind === 'chain' || filter.kind === 'has') throw new Error('not here');
    return matchesFilter(tree, filter, NOW_MS);
  });
}

const patient: FhirTree = {
  resourceType: 'Patient',
  id: 'p1',
  meta: { lastUpdated: '2026-01-01T10:00:00.123Z', tag: [{ system: 'http://example.org/t', code: 'x' }] },
  active: true,
  identifier: [
    {
      system: 'http://example.org/mrn',
      value: 'A-1',
      type: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }],
        text: 'Record number',
      },
    },
    { value: 'loose' },
  ],
  name: [{ family: 'Çelik-Müller', given: ['José', 'Ana María'] }],
  telecom: [{ system: 'phone', value: '+39 02 1234' }],
  gender: 'female',
  birthDate: '1974-12-25',
  deceasedBoolean: false,
  address: [{ line: ['Via Roma 5'], city: 'Trento', country: 'IT' }],
  generalPractitioner: [
    { reference: 'Practitioner/d1' },
    { identifier: { system: 'http://example.org/npi', value: '77' } },
  ],
  managingOrganization: { reference: 'https://other.example.org/fhir/Organization/o9' },
};

const observation: FhirTree = {
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: {
    coding: [{ system: 'http://loinc.org', code: '85354-9', display: 'Blood pressure' }],
    text: 'Pressure panel',
  },
  subject: { reference: 'Patient/p1' },
  effectivePeriod: { start: '2024-03-01T08:00:00Z', end: '2024-03-01T09:00:00Z' },
  component: [
    {
      code: { coding: [{ system: 'http://loinc.org', code: '8480-6' }] },
      valueQuantity: { value: 141, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' },
    },
    {
      code: { coding: [{ system: 'http://loinc.org', code: '8462-4' }] },
      valueQuantity: { value: 90, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' },
    },
  ],
};

const simple = (value: object): FhirTree => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  ...value,
});

describe('what matches', () => {
  it.each([
    ['an id', patient, '_id=p1', '_id=p'],
    ['a moment of change', patient, '_lastUpdated=gt2025-12-31', '_lastUpdated=lt2026'],
    ['a tag', patient, '_tag=http://example.org/t|x', '_tag=|x'],
    ['a boolean', patient, 'active=true', 'active=false'],
    [
      'an identifier of a system',
      patient,
      'identifier=http://example.org/mrn|A-1',
      'identifier=http://example.org/mrn|a-1',
    ],
    ['an identifier without system', patient, 'identifier=|loose', 'identifier=|A-1'],
    [
      'any identifier of a system',
      patient,
      'identifier=http://example.org/mrn|',
      'identifier=http://example.org/other|',
    ],
    [
      'an identifier of a type',
      patient,
      'identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|A-1',
      'identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|loose',
    ],
    ['the start of a name without accents and case', patient, 'family=celik', 'family=uller'],
    ['a part of a name', patient, 'family:contains=mull', 'family:contains=mil'],
    ['an exact name', patient, 'family:exact=Çelik-Müller', 'family:exact=celik-müller'],
    ['any part of a name', patient, 'name=jose', 'name=maria'],
    ['one of several names', patient, 'given=peter,ana', 'given=peter,paul'],
    ['all of several parameters', patient, 'given=ana&family=celik', 'given=ana&family=peter'],
    ['an address', patient, 'address=tren', 'address=5'],
    ['a city', patient, 'address-city=trento', 'address-city=rom'],
    ['a phone', patient, 'phone=%2B39 02 1234', 'email=%2B39 02 1234'],
    ['the digits of a phone', patient, 'phone=39021234', 'phone=021234'],
    ['a code of a required binding', patient, 'gender=http://hl7.org/fhir/administrative-gender|female', 'gender=male'],
    ['not a code', patient, 'gender:not=male', 'gender:not=male,female'],
    ['a birthday', patient, 'birthdate=1974-12-25', 'birthdate=1974-12-26'],
    ['a year of birth', patient, 'birthdate=1974', 'birthdate=1975'],
    ['before a date', patient, 'birthdate=lt1980-01', 'birthdate=lt1974-12-25'],
    ['about a date', patient, 'birthdate=ap1977', 'birthdate=ap1990'],
    ['missing', patient, 'death-date:missing=true', 'birthdate:missing=true'],
    ['a reference by id', patient, 'general-practitioner=d1', 'general-practitioner=d2'],
    ['a reference by type', patient, 'general-practitioner:Practitioner=d1', 'general-practitioner:Organization=d1'],
    [
      'a reference by identifier',
      patient,
      'general-practitioner:identifier=http://example.org/npi|77',
      'general-practitioner:identifier=http://example.org/npi|78',
    ],
    [
      'a reference elsewhere',
      patient,
      'organization=https://other.example.org/fhir/Organization/o9',
      'organization=Organization/o9',
    ],
    ['a subject', observation, 'patient=Patient/p1', 'patient=Group/p1'],
    ['a code of a system', observation, 'code=http://loinc.org|85354-9', 'code=http://snomed.info/sct|85354-9'],
    ['words of a code', observation, 'code:text=blood', 'code:text=heart'],
    ['a period inside a day', observation, 'date=2024-03-01', 'date=2024-03-01T08'.concat(':00Z')],
    ['a period that ends after', observation, 'date=gt2024-03-01T08:30Z', 'date=sa2024-03-01T08:30Z'],
    ['a period that starts before', observation, 'date=lt2024-03-01T08:30Z', 'date=eb2024-03-01T08:30Z'],
    ['a period that is not within', observation, 'date=ne2024-02', 'date=ne2024-03'],
    [
      'two values of one component',
      observation,
      'component-code-value-quantity=http://loinc.org|8480-6$gt140',
      'component-code-value-quantity=http://loinc.org|8462-4$gt140',
    ],
    [
      'a quantity of any component',
      observation,
      'combo-value-quantity=90|http://unitsofmeasure.org|mm[Hg]',
      'combo-value-quantity=95|http://unitsofmeasure.org|mm[Hg]',
    ],
    [
      'a quantity by the word for its unit',
      observation,
      'component-value-quantity=141||mmHg',
      'component-value-quantity=141||kPa',
    ],
    [
      'a number within its precision',
      simple({ valueQuantity: { value: 5.44 } }),
      'value-quantity=5.4',
      'value-quantity=5.44001',
    ],
    [
      'a number at the edge of its precision',
      simple({ valueQuantity: { value: 5.35 } }),
      'value-quantity=5.4',
      'value-quantity=5.3',
    ],
    ['about a number', simple({ valueQuantity: { value: 108 } }), 'value-quantity=ap100', 'value-quantity=ap90'],
    [
      'below without end',
      simple({ valueQuantity: { value: 5, comparator: '<' } }),
      'value-quantity=lt1',
      'value-quantity=gt5',
    ],
    [
      'an instant by its minute',
      simple({ effectiveInstant: '2024-03-01T08:00:30+01:00' }),
      'date=2024-03-01T07:00Z',
      'date=2024-03-01T08:00Z',
    ],
    ['a period without end', simple({ effectivePeriod: { start: '2024' } }), 'date=ge2030', 'date=lt2024'],
    [
      'a timing over its events',
      simple({ effectiveTiming: { event: ['2024-01-05', '2024-01-01'] } }),
      'date=2024-01',
      'date=2024-01-01',
    ],
    [
      'a concept of words alone',
      simple({ valueCodeableConcept: { text: 'Red rash' } }),
      'value-concept:text=red',
      'value-concept=red',
    ],
    [
      'a whole uri',
      { resourceType: 'ValueSet', url: 'http://acme.org/fhir/ValueSet/123' },
      'url=http://acme.org/fhir/ValueSet/123',
      'url=http://acme.org/fhir/',
    ],
    [
      'below a uri',
      { resourceType: 'ValueSet', url: 'http://acme.org/fhir/ValueSet/123' },
      'url:below=http://acme.org/fhir/',
      'url:below=http://acme.org/fh',
    ],
    [
      'above a uri',
      { resourceType: 'ValueSet', url: 'http://acme.org/fhir' },
      'url:above=http://acme.org/fhir/ValueSet/123',
      'url:above=http://acme.org/fhirs',
    ],
    [
      'a canonical without its version',
      { resourceType: 'MeasureReport', measure: 'http://acme.org/Q|2', status: 'complete' },
      'measure=http://acme.org/Q',
      'measure=http://acme.org/Q|3',
    ],
    [
      'a range',
      {
        resourceType: 'RiskAssessment',
        status: 'final',
        subject: { reference: 'Patient/p1' },
        prediction: [{ probabilityDecimal: 0.8 }],
      },
      'probability=gt0.5',
      'probability=gt0.8',
    ],
  ] as const)('%s', (_, tree, yes, no) => {
    expect(matches(tree as FhirTree, yes), yes).toBe(true);
    expect(matches(tree as FhirTree, no), no).toBe(false);
  });
});
