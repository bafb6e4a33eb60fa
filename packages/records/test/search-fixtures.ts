/** What the published bundles lack for searches: types of identifiers, numbers, urls, units, comparators, odd names. */
const UCUM = 'http://unitsofmeasure.org';
const LOINC = 'http://loinc.org';
const quantity = (value: number, code: string, more: object = {}) => ({
  value,
  unit: code,
  system: UCUM,
  code,
  ...more,
});
const coded = (system: string, code: string, display?: string) => ({
  coding: [{ system, code, ...(display === undefined ? {} : { display }) }],
});
const subject = { reference: 'urn:uuid:fx' };
const narrative = { status: 'generated', div: '<div xmlns="http://www.w3.org/1999/xhtml">Text</div>' };
const observation = (id: string, code: string, more: object) => ({
  id,
  resourceType: 'Observation',
  text: narrative,
  status: 'final',
  code: coded(LOINC, code),
  subject,
  ...more,
});
const definition = (resourceType: string, id: string, url: string, more: object = {}) => ({
  id,
  resourceType,
  text: narrative,
  url,
  status: 'active',
  ...more,
});

export const SEARCH_FIXTURES: readonly { readonly [element: string]: unknown }[] = [
  {
    id: 'fx',
    resourceType: 'Patient',
    text: narrative,
    active: true,
    identifier: [
      {
        type: coded('http://terminology.hl7.org/CodeSystem/v2-0203', 'MR'),
        system: 'urn:oid:2.16.840.1.113883.9.1',
        value: 'MR-77',
      },
      { value: 'no-system-1' },
    ],
    name: [{ family: 'Müller-Ångström', given: ['Renée', 'Zoë'] }, { text: 'Schmidt' }],
    telecom: [
      { system: 'email', value: 'renee@example.org' },
      { system: 'phone', value: '+43 1 234' },
    ],
    gender: 'female',
    birthDate: '1980-05',
    deceasedDateTime: '2024-03-01T10:20:30.500+01:00',
    address: [{ use: 'home', line: ['Straße, 1'], city: 'Wien', postalCode: '1010', country: 'AT' }],
    communication: [{ language: coded('urn:ietf:bcp:47', 'de') }],
  },
  {
    id: 'fy',
    resourceType: 'Patient',
    text: narrative,
    identifier: [{ system: 'urn:oid:2.16.840.1.113883.9.1', value: 'MR-78' }],
    name: [{ family: 'Smyth', given: ['John'] }],
    gender: 'male',
    birthDate: '1980',
    deceasedBoolean: false,
  },
  observation('w1', '29463-7', { effectiveDateTime: '2021', valueQuantity: quantity(72.5, 'kg') }),
  observation('w2', '29463-7', { effectiveDateTime: '2021-03', valueQuantity: quantity(72_500, 'g') }),
  observation('w3', '29463-7', {
    effectiveDateTime: '2021-03-04T05:06Z'.replace('Z', ':07.25Z'),
    valueQuantity: quantity(80, 'kg', { comparator: '<' }),
  }),
  observation('t1', '8310-5', {
    effectivePeriod: { start: '2021-02-01', end: '2021-02-20' },
    valueQuantity: quantity(37, 'Cel'),
  }),
  observation('t2', '8310-5', { effectivePeriod: { start: '2022-01-01' }, valueQuantity: quantity(98.6, '[degF]') }),
  observation('s1', '11111-1', { effectivePeriod: { end: '1999-12-31' }, valueString: 'Très bien, merci' }),
  observation('c1', '22222-2', { valueCodeableConcept: coded('http://snomed.info/sct', '260385009', 'Negative') }),
  observation('d1', '33333-3', { valueDateTime: '2020-02-29' }),
  observation('a1', '44444-4', {
    dataAbsentReason: coded('http://terminology.hl7.org/CodeSystem/data-absent-reason', 'unknown', 'Unknown'),
  }),
  observation('b1', '85354-9', {
    component: [
      { code: coded(LOINC, '8480-6'), valueQuantity: quantity(121, 'mm[Hg]') },
      { code: coded(LOINC, '8462-4'), valueQuantity: quantity(79, 'mm[Hg]') },
    ],
  }),
  {
    id: 'risk',
    resourceType: 'RiskAssessment',
    text: narrative,
    status: 'final',
    subject,
    occurrenceDateTime: '2020-06-01',
    prediction: [
      { outcome: { text: 'fall' }, probabilityDecimal: 0.25 },
      { outcome: { text: 'death' }, probabilityDecimal: 0.001 },
    ],
  },
  {
    id: 'cond',
    resourceType: 'Condition',
    text: narrative,
    clinicalStatus: coded('http://terminology.hl7.org/CodeSystem/condition-clinical', 'active'),
    verificationStatus: coded('http://terminology.hl7.org/CodeSystem/condition-ver-status', 'confirmed'),
    code: { text: 'Häufige Kopfschmerzen' },
    subject,
    asserter: { identifier: { system: 'urn:oid:2.16.840.1.113883.9.9', value: 'asserter-1' } },
    onsetAge: quantity(12, 'a'),
  },
  {
    id: 'enc',
    resourceType: 'Encounter',
    text: narrative,
    status: 'in-progress',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IMP' },
    subject,
    period: { start: '2023-10-01T08:00:00Z' },
    length: quantity(90, 'min'),
  },
  definition('ValueSet', 'vs1', 'http://example.org/fhir/ValueSet/colours', {
    version: '1',
    name: 'Colours',
    title: 'Colours of things',
  }),
  definition('ValueSet', 'vs2', 'http://example.org/fhir/ValueSet/colours/dark', { name: 'DarkColours' }),
  definition('Questionnaire', 'q1', 'http://example.org/fhir/Questionnaire/q1', {
    name: 'First',
    subjectType: ['Patient'],
    date: '2020-01-15',
  }),
  {
    id: 'qr',
    resourceType: 'QuestionnaireResponse',
    text: narrative,
    questionnaire: 'http://example.org/fhir/Questionnaire/q1|2',
    status: 'completed',
    subject,
    authored: '2020-02-03T04:05:06Z',
  },
];
