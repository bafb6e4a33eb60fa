import { describe, expect, it } from 'vitest';
import { parseFhirJson } from '../parse-json.ts';
import type { FhirTree } from '../tree.ts';
import { type ValidateOptions, validateForWrite, validateResource } from '../validate.ts';

const told = (severity: string, tree: FhirTree, options?: ValidateOptions): readonly string[] =>
  validateResource(tree, options).flatMap((issue) =>
    issue.severity === severity ? [`${issue.expression}: ${issue.text}`] : [],
  );
const errors = (tree: FhirTree, options?: ValidateOptions) => told('error', tree, options);
const warnings = (tree: FhirTree) => told('warning', tree).filter((text) => !text.includes('dom-6'));
const observation = (rest: FhirTree): FhirTree => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  ...rest,
});
const PROFILES = 'http://hl7.org/fhir/StructureDefinition';

describe('bindings', () => {
  const allergy = (clinicalStatus: FhirTree): FhirTree => ({
    resourceType: 'AllergyIntolerance',
    clinicalStatus,
    patient: { reference: 'Patient/1' },
  });
  const system = 'http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical';

  it('that are required want one coding of the value set, in a write too', () => {
    expect(
      errors(
        allergy({
          coding: [
            { system: 'http://a.example', code: 'x' },
            { system, code: 'active' },
          ],
        }),
      ),
    ).toEqual([]);
    for (const wrong of [{ text: 'active' }, { coding: [{ system, code: 'x' }] }, { coding: [{ code: 'active' }] }]) {
      expect(errors(allergy(wrong)), JSON.stringify(wrong)).toHaveLength(1);
      expect(validateForWrite(allergy(wrong))).toHaveLength(1);
    }
  });

  it('that are open let other codes pass, but not codes that their own system lacks', () => {
    const patient = (coding: FhirTree): FhirTree => ({
      resourceType: 'Patient',
      contact: [{ name: { text: 'x' }, relationship: [{ coding: [coding] }] }],
    });
    expect(errors(patient({ system: 'http://a.example', code: 'x' }))).toEqual([]);
    const contract = (code: string): FhirTree => ({
      resourceType: 'Contract',
      legalState: { coding: [{ system: 'http://hl7.org/fhir/contract-legalstate', code }] },
    });
    expect(errors(contract('nothing'))).toEqual([
      'Contract.legalState.coding[0].code: the code is not in its code system',
    ]);
    expect(validateForWrite(contract('nothing'))).toEqual([]);
  });

  it('take another language’s display for a translation', () => {
    const display = (rest: FhirTree): FhirTree => ({
      resourceType: 'Contract',
      ...rest,
      legalState: {
        coding: [{ system: 'http://hl7.org/fhir/contract-legalstate', code: 'amended', display: 'geändert' }],
      },
    });
    expect(errors(display({}))).toHaveLength(1);
    expect(errors(display({ language: 'en-US' }))).toHaveLength(1);
    expect(errors(display({ language: 'de' }))).toEqual([]);
    expect(warnings(display({ language: 'de' }))).toHaveLength(1);
  });

  it('want a code where there is only an extension', () => {
    const tree = parseFhirJson(
      '{"resourceType":"Patient","_gender":{"extension":[{"url":"http://a.example/x","valueString":"y"}]}}',
    );
    expect(errors(tree)).toHaveLength(1);
    expect(validateForWrite(tree)).toEqual([]);
  });
});

describe('data types', () => {
  it.each<readonly [string, FhirTree]>([
    ['a unit that UCUM lacks', { valueQuantity: { value: 1, system: 'http://unitsofmeasure.org', code: 'mmHg' } }],
    ['a relative identifier system', { identifier: [{ system: 'x', value: 'y' }] }],
    ['a URI of no scheme', { identifier: [{ system: 'urn:ietf:rfc:3986', value: 'y' }] }],
    ['a relative system', { code: { coding: [{ system: 'x', code: 'y' }] } }],
    ['a code without its system in a Quantity', { valueQuantity: { value: 1, code: 'mg' } }],
    ['a period that ends before it starts', { effectivePeriod: { start: '2020-02', end: '2020-01' } }],
    ['a period of which nobody can tell', { effectivePeriod: { start: '2020-02-01', end: '2020' } }],
    ['a range upside down', { valueRange: { low: { value: 2 }, high: { value: 1 } } }],
    ['a comparator in a SimpleQuantity', { valueRange: { low: { value: 1, comparator: '<' } } }],
    ['an element of nothing but an id', { code: { id: 'x' } }],
    ['an empty extension', { extension: [{ url: 'http://a.example/x' }] }],
    [
      'an extension with value and parts',
      { extension: [{ url: 'http://a.example/x', valueString: 'x', extension: [{ url: 'y', valueString: 'z' }] }] },
    ],
    ['a relative extension', { extension: [{ url: 'x', valueString: 'y' }] }],
    ['a reference of two types', { subject: { reference: 'Patient/1', type: 'Group' } }],
    ['a reference with a space', { subject: { reference: 'Patient/1 2' } }],
    ['a component without a value or reason under vital signs', { meta: { profile: [`${PROFILES}/vitalsigns`] } }],
  ])('refuse %s', (_name, rest) => {
    expect(errors(observation(rest)).length).toBeGreaterThan(0);
  });

  it('refuse an attachment whose size or hash is not that of its data', () => {
    const photo = (attachment: FhirTree): FhirTree => ({
      resourceType: 'Patient',
      photo: [{ contentType: 'text/plain', data: 'QUJD', ...attachment }],
    });
    expect(errors(photo({ size: 3, hash: 'PAG979GeyhlcgKhgEBFV5NZQIYk=' }))).toHaveLength(1);
    expect(
      errors(photo({ size: 3, hash: 'PAG9PxS36Hz+fxSwO2ZJs1BkL34=' })).length + errors(photo({ size: 3 })).length,
    ).toBeLessThan(2);
    expect(errors(photo({ size: 4 }))).toEqual(['Patient.photo[0].size: the size is not that of the data']);
  });

  it('let pass numbers as they are written', () => {
    expect(
      errors(
        parseFhirJson(
          '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}',
        ),
      ),
    ).toEqual([]);
  });
});

describe('references', () => {
  it('by id of this server must fit in a write and under its modes, and are a remark elsewhere', () => {
    const tree = observation({ subject: { reference: 'Practitioner/1' } });
    expect(errors(tree)).toEqual([]);
    expect(warnings(tree)).toHaveLength(1);
    expect(errors(tree, { localReferences: true })).toHaveLength(1);
    expect(validateForWrite(tree)[0]?.severity).toBe('error');
    expect(
      validateForWrite(observation({ subject: { reference: 'https://a.example/Practitioner/1' } }))[0]?.severity,
    ).toBe('warning');
    expect(validateForWrite(observation({ subject: { reference: 'Patient?identifier=x|y z' } }))).toEqual([]);
  });
});

describe('extensions', () => {
  const birthPlace = 'http://hl7.org/fhir/StructureDefinition/patient-birthPlace';
  it('that are not known are a remark', () => {
    expect(warnings({ resourceType: 'Patient', extension: [{ url: 'http://a.example/x', valueString: 'y' }] })).toEqual(
      ['Patient.extension[0]: the extension is not known here'],
    );
  });

  it('that R4 defines have its types of value, and stand where it puts them', () => {
    const patient = (extension: FhirTree): FhirTree => ({ resourceType: 'Patient', extension: [extension] });
    expect(errors(patient({ url: birthPlace, valueAddress: { city: 'x' } }))).toEqual([]);
    expect(errors(patient({ url: birthPlace, valueString: 'x' }))).toHaveLength(1);
    expect(errors(patient({ url: birthPlace, extension: [{ url: 'y', valueString: 'z' }] }))).toHaveLength(1);
    expect(
      errors({ resourceType: 'Patient', modifierExtension: [{ url: birthPlace, valueAddress: { city: 'x' } }] }),
    ).toHaveLength(1);
    expect(warnings(observation({ extension: [{ url: birthPlace, valueAddress: { city: 'x' } }] }))).toHaveLength(1);
  });

  it('of several parts have the parts that they define', () => {
    const nationality = (extension: readonly FhirTree[]): FhirTree => ({
      resourceType: 'Patient',
      extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/patient-nationality', extension }],
    });
    expect(errors(nationality([{ url: 'code', valueCodeableConcept: { text: 'x' } }]))).toEqual([]);
    expect(errors(nationality([{ url: 'code', valueString: 'x' }]))).toHaveLength(1);
    expect(errors(nationality([{ url: 'other', valueString: 'x' }]))).toHaveLength(1);
  });
});

describe('profiles', () => {
  const category = [
    { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'vital-signs' }] },
  ];
  const loinc = (code: string) => ({ coding: [{ system: 'http://loinc.org', code }] });
  const vital = (rest: FhirTree): FhirTree =>
    observation({
      category,
      code: loinc('8867-4'),
      subject: { reference: 'Patient/1' },
      effectiveDateTime: '2020-01-01',
      ...rest,
    });
  const rate = (code: string) => ({
    valueQuantity: { value: 60, unit: code, system: 'http://unitsofmeasure.org', code },
  });

  it('of vital signs hold for their codes, claimed or not', () => {
    expect(errors(vital(rate('/min')))).toEqual([]);
    expect(errors(vital(rate('/s')))).toEqual([
      'Observation.value.code: the value is not the one that the profile fixes',
    ]);
    expect(errors(vital({ ...rate('/min'), category: [{ text: 'x' }] }))).toEqual([
      'Observation.category: the profile asks for at least 1 of the slice VSCat',
    ]);
    expect(errors(vital({ valueString: 'x' })).length).toBeGreaterThan(0);
    expect(errors(vital({}))[0]).toContain('vs-2');
  });

  it('count the slices inside slices', () => {
    const part = (code: string) => ({ code: loinc(code), ...rate('mm[Hg]') });
    const pressure = (component: readonly FhirTree[]) => vital({ code: loinc('85354-9'), component });
    expect(errors(pressure([part('8480-6'), part('8462-4')]))).toEqual([]);
    expect(errors(pressure([part('8480-6')]))).toEqual([
      'Observation.component: the profile asks for at least 2',
      'Observation.component: the profile asks for at least 1 of the slice DiastolicBP',
    ]);
    expect(errors(pressure([part('8480-6'), part('8462-4'), part('8462-4')]))).toHaveLength(1);
  });

  it('under a more special code are a remark', () => {
    const special = vital({ code: loinc('55284-4'), ...rate('mm[Hg]') });
    expect(errors(special)).toEqual([]);
    expect(warnings(special).some((text) => text.includes('BPCode'))).toBe(true);
  });

  it('that a resource claims are checked, warned of when unknown, and refused for another type', () => {
    expect(warnings({ resourceType: 'Patient', meta: { profile: ['http://a.example/x'] } })).toHaveLength(1);
    expect(errors({ resourceType: 'Patient', meta: { profile: [`${PROFILES}/vitalsigns`] } })).toEqual([
      'Patient: the profile is for another type',
    ]);
    expect(
      errors({ resourceType: 'Patient', meta: { profile: [`${PROFILES}/Patient`, `${PROFILES}/DomainResource`] } }),
    ).toEqual([]);
    expect(errors({ resourceType: 'Patient' }, { profiles: ['http://a.example/x'] })).toHaveLength(1);
    expect(errors(observation({}), { profiles: [`${PROFILES}/vitalsigns|4.0.1`] }).length).toBeGreaterThan(2);
  });

  it('judge the resources inside a bundle by what each claims', () => {
    const entry = [{ fullUrl: 'urn:uuid:0c6a4a3e-0000-4000-8000-000000000001', resource: vital(rate('/s')) }];
    expect(errors({ resourceType: 'Bundle', type: 'collection', entry })).toEqual([
      'Bundle.entry[0].resource.value.code: the value is not the one that the profile fixes',
    ]);
  });
});
