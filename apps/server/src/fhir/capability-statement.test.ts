import { type FhirTree, isTree, searchParametersOf, validateForWrite } from '@salus/fhir';
import { describe, expect, it } from 'vitest';
import { capabilityStatement } from './capability-statement.ts';

const statement = capabilityStatement({
  baseUrl: 'https://node.example/hospital-a/fhir/R4',
  organisation: 'hospital-a',
  version: '0.1.0',
  dateMs: Date.UTC(2026, 0, 1),
});
const [rest] = statement.rest as readonly FhirTree[];
const resources = (rest?.resource as readonly FhirTree[]) ?? [];
const of = (type: string): FhirTree => resources.find((resource) => resource.type === type) as FhirTree;

describe('the CapabilityStatement', () => {
  it('is a valid R4 resource', () => {
    expect(validateForWrite(statement)).toEqual([]);
  });

  it('names every type that can be stored, and none that only travels in messages', () => {
    expect(resources.length).toBeGreaterThan(140);
    expect(of('Observation')).toBeDefined();
    expect(resources.map(({ type }) => type)).not.toContain('MessageHeader');
  });

  it('offers every search parameter of R4 but those that are refused', () => {
    const names = (of('Observation').searchParam as readonly FhirTree[]).map(({ name }) => name);
    expect(names).toContain('combo-code-value-quantity');
    expect(names).not.toContain('_text');
    expect(names).not.toContain('_content');
    const locations = (of('Location').searchParam as readonly FhirTree[]).map(({ name }) => name);
    expect(searchParametersOf('Location').has('near')).toBe(true);
    expect(locations).not.toContain('near');
  });

  it('offers no write of what is only a projection', () => {
    const codes = (of('AuditEvent').interaction as readonly FhirTree[]).map(({ code }) => code);
    expect(codes).toEqual(['read', 'search-type']);
  });

  it('names each parameter and operation of a type once', () => {
    for (const resource of resources.filter(isTree)) {
      for (const list of [resource.searchParam, resource.operation]) {
        const names = ((list ?? []) as readonly FhirTree[]).map(({ name }) => name);
        expect(new Set(names).size).toBe(names.length);
      }
    }
  });
});
