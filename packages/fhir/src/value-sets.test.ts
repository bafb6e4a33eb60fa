import { describe, expect, it } from 'vitest';
import { RESOURCE_TYPES } from './resource-table.ts';
import { type Shape, shapeOf } from './shape.ts';
import { codesOfValueSet } from './value-sets.ts';

describe('codesOfValueSet', () => {
  it('enumerates listed codes, whole code systems and their children', () => {
    expect([...(codesOfValueSet('http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1') ?? [])].sort()).toEqual([
      'female',
      'male',
      'other',
      'unknown',
    ]);
    expect(codesOfValueSet('http://hl7.org/fhir/ValueSet/observation-status')?.has('entered-in-error')).toBe(true);
    expect(codesOfValueSet('http://hl7.org/fhir/ValueSet/issue-type')?.has('not-found')).toBe(true);
  });

  it('does not know what the specification does not list', () => {
    for (const name of ['mimetypes', 'currencies', 'nothing']) {
      expect(codesOfValueSet(`http://hl7.org/fhir/ValueSet/${name}`), name).toBeUndefined();
    }
  });

  it('covers the status elements of R4', () => {
    const bound = RESOURCE_TYPES.flatMap((type) => codedElements(shapeOf(type)));
    expect(bound).toContain('MedicationRequest.status');
    expect(bound.length).toBeGreaterThan(150);
  });
});

function codedElements({ type, properties }: Shape): readonly string[] {
  return [...properties.values()].flatMap((property) =>
    property.kind === 'primitive' && property.codes !== undefined ? [`${type}.${property.element}`] : [],
  );
}
