import { describe, expect, it } from 'vitest';
import { CATEGORIES } from './categories.ts';
import { categoryOf, classify } from './classify.ts';
import { FhirError } from './fhir-error.ts';
import { RESOURCE_TYPES } from './resource-table.ts';

const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const SECTION = 'http://terminology.hl7.org/CodeSystem/v2-0074';
const LOINC = 'http://loinc.org';

function concept(system: string, ...codes: readonly string[]) {
  return { coding: codes.map((code) => ({ system, code })) };
}

describe('categoryOf', () => {
  it('puts every R4 type into exactly one category, without any element', () => {
    for (const resourceType of RESOURCE_TYPES) expect(CATEGORIES).toContain(categoryOf({ resourceType }));
  });

  it('refuses what is no R4 type', () => {
    for (const resourceType of ['Nobody', 'constructor', undefined, 1]) {
      expect(() => categoryOf(resourceType === undefined ? {} : { resourceType })).toThrow(FhirError);
    }
  });

  it.each([
    ['MedicationRequest', 'medication'],
    ['MedicationStatement', 'medication'],
    ['MedicationDispense', 'medication'],
    ['MedicationAdministration', 'medication'],
    ['Claim', 'financial'],
    ['ExplanationOfBenefit', 'financial'],
    ['Coverage', 'financial'],
    ['Medication', 'directory'],
    ['Practitioner', 'directory'],
    ['PractitionerRole', 'directory'],
    ['Organization', 'directory'],
    ['Location', 'directory'],
    ['Patient', 'identity'],
    ['Condition', 'problems'],
    ['Provenance', 'provenance'],
  ])('%s is %s', (resourceType, category) => {
    expect(categoryOf({ resourceType })).toBe(category);
  });

  it.each([
    ['vital-signs', 'vital-signs'],
    ['vital-sign', 'vital-signs'],
    ['laboratory', 'laboratory'],
    ['imaging', 'imaging'],
    ['procedure', 'procedures'],
    ['survey', 'questionnaires'],
    ['exam', 'findings'],
    ['therapy', 'procedures'],
    ['activity', 'social-history'],
    ['social-history', 'social-history'],
  ])('an Observation of category %s is %s', (code, category) => {
    expect(categoryOf({ resourceType: 'Observation', category: [concept(OBSERVATION_CATEGORY, code)] })).toBe(category);
  });

  it('decides an Observation without category by LOINC code, then by specimen', () => {
    const observation = { resourceType: 'Observation' };
    expect(categoryOf({ ...observation, code: concept(LOINC, '8480-6') })).toBe('vital-signs');
    expect(categoryOf({ ...observation, code: concept(LOINC, '72166-2') })).toBe('social-history');
    expect(categoryOf({ ...observation, code: concept(LOINC, '2345-7'), specimen: { reference: 'Specimen/1' } })).toBe(
      'laboratory',
    );
    expect(categoryOf({ ...observation, code: concept(LOINC, '2345-7') })).toBe('findings');
  });

  it('lets the first known category win and ignores codes of other systems', () => {
    const category = [
      concept('urn:local', 'laboratory'),
      concept(OBSERVATION_CATEGORY, 'unknown', 'imaging'),
      concept(OBSERVATION_CATEGORY, 'laboratory'),
    ];
    expect(categoryOf({ resourceType: 'Observation', category })).toBe('imaging');
  });

  it('tells reports, documents, lists and media apart', () => {
    const report = (code: string) =>
      categoryOf({ resourceType: 'DiagnosticReport', category: [concept(SECTION, code)] });
    expect([report('LAB'), report('RAD'), report('GE'), report('SP'), report('OTH')]).toEqual([
      'laboratory',
      'imaging',
      'genomics',
      'laboratory',
      'findings',
    ]);
    expect(categoryOf({ resourceType: 'DiagnosticReport', category: [concept(LOINC, 'LP29684-5')] })).toBe('imaging');
    expect(categoryOf({ resourceType: 'DocumentReference', type: concept(LOINC, '18842-5') })).toBe('notes');
    expect(categoryOf({ resourceType: 'DocumentReference', type: concept(LOINC, '60591-5') })).toBe('documents');
    expect(categoryOf({ resourceType: 'List', code: concept(LOINC, '10160-0') })).toBe('medication');
    expect(categoryOf({ resourceType: 'Media', modality: {} })).toBe('imaging');
    expect(categoryOf({ resourceType: 'Media' })).toBe('documents');
  });

  it('survives codes of any JSON type', () => {
    for (const category of [
      1,
      'x',
      {},
      [1, null, [], {}, { coding: 1 }, { coding: [1, {}, { system: 1, code: [] }] }],
    ]) {
      expect(categoryOf({ resourceType: 'Observation', category })).toBe('findings');
    }
  });
});

describe('classify', () => {
  it('says category, label class and owner', () => {
    const meta = { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'HIV' }] };
    expect(classify({ resourceType: 'MedicationRequest', meta, subject: { reference: 'Patient/1' } })).toEqual({
      category: 'medication',
      labelClass: 'HIV',
      ownerKind: 'patient',
      subject: 'Patient/1',
    });
    expect(classify({ resourceType: 'Organization' })).toEqual({
      category: 'directory',
      labelClass: 'N',
      ownerKind: 'organisation',
    });
    expect(classify({ resourceType: 'Patient' })).toEqual({
      category: 'identity',
      labelClass: 'N',
      ownerKind: 'patient',
    });
  });
});
