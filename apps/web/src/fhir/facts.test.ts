import { parseFhirJson } from '@salus/fhir/parse';
import { describe, expect, it } from 'vitest';
import { type CodeWords, factsOf } from './facts.ts';

const words: CodeWords = {
  locale: 'en',
  status: (code) => `status ${code}`,
  interpretation: (code) => `judged ${code}`,
  encounterClass: (code) => `class ${code ?? 'none'}`,
  criticality: (code) => `danger ${code}`,
  truth: (text) => (text === 'true' ? 'yes' : text),
};
const facts = (resource: object) => factsOf(parseFhirJson(JSON.stringify(resource)), words);

describe('the facts of a resource', () => {
  it('are told in one order, under plain names, codes in words', () => {
    expect(
      facts({
        resourceType: 'Observation',
        status: 'final',
        effectiveDateTime: '2026-01-02',
        valueQuantity: { value: JSON.rawJSON('1.50'), unit: 'mg/dL' },
        interpretation: [{ coding: [{ code: 'H' }] }],
        referenceRange: [{ high: { value: 1.2, unit: 'mg/dL' } }],
        note: [{ text: 'fasting' }],
      }),
    ).toEqual([
      { label: 'value', text: '1.50\u00a0mg/dL' },
      { label: 'interpretation', text: 'judged H' },
      { label: 'normal', text: '≤ 1.2\u00a0mg/dL' },
      { label: 'when', text: 'Jan 2, 2026' },
      { label: 'status', text: 'status final' },
      { label: 'note', text: 'fasting' },
    ]);
  });

  it('say why nothing was found, and put several texts below each other, none twice', () => {
    expect(facts({ resourceType: 'Observation', dataAbsentReason: { text: 'Not done' } })).toEqual([
      { label: 'value', text: 'Not done' },
    ]);
    const reasonCode = [{ text: 'Cough' }, { text: 'Fever' }, { text: 'Cough' }];
    expect(facts({ resourceType: 'Procedure', reasonCode })).toEqual([{ label: 'reason', text: 'Cough\nFever' }]);
  });

  it('tell of a person who it is and how to reach them', () => {
    expect(
      facts({
        resourceType: 'Patient',
        name: [{ given: ['Ada'], family: 'Example' }],
        birthDate: '1990-05',
        telecom: [{ value: '123' }],
        address: [{ line: ['Street 1'], postalCode: '10', city: 'Town' }],
      }).map(({ text }) => text),
    ).toEqual(['Ada Example', 'May 1990', '123', 'Street 1, 10 Town']);
  });

  it('of an allergy name the danger and every reaction', () => {
    const reaction = [{ manifestation: [{ text: 'Rash' }, { text: 'Cough' }] }];
    expect(facts({ resourceType: 'AllergyIntolerance', criticality: 'high', reaction })).toEqual([
      { label: 'criticality', text: 'danger high' },
      { label: 'reaction', text: 'Rash\nCough' },
    ]);
  });
});
